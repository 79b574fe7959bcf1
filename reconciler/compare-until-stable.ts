/** Compares a piece again until it is certain of each row that differs whether it is drift or in flight. */
import {throwIfStopped} from '../src/errors.ts';
import {pause} from '../src/lifecycle/backoff.ts';
import {Suspects, type Sides} from './suspects.ts';

/** Random in between, so that comparisons do not keep step with writers that change rows and change them back. */
const INTERVAL_MS = {least: 200, most: 400};
const MAX_COMPARISONS = 40;

export interface Stable<T> {
  /** The result of the last comparison. */
  readonly comparison: T;
  /** Whether a row that differs in it is drift, by its id. */
  readonly isDrift: (id: string) => boolean;
}

/**
 * @param compare returns the rows that differ, by an id of the row
 * @param maxComparisons 1 if nothing writes meanwhile
 */
export async function compareUntilStable<T extends {readonly differences: ReadonlyMap<string, Sides>}>(
  compare: () => Promise<T>,
  signal: AbortSignal,
  maxComparisons = MAX_COMPARISONS,
): Promise<Stable<T>> {
  throwIfStopped(signal);
  let comparison = await compare();
  const suspects = new Suspects(comparison.differences);
  for (let comparisons = 1; comparisons < maxComparisons && !suspects.areSettled; comparisons++) {
    throwIfStopped(signal);
    await pause(INTERVAL_MS.least + Math.random() * (INTERVAL_MS.most - INTERVAL_MS.least), signal);
    comparison = await compare();
    suspects.compare(comparison.differences);
  }
  return {comparison, isDrift: id => suspects.isDrift(id)};
}
