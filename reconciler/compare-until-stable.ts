/** Compares a piece again until it is certain of each row that differs whether it is drift or in flight. */
import {throwIfStopped} from '../src/errors.ts';
import {pause} from '../src/lifecycle/backoff.ts';
import {Suspects, type Sides} from './suspects.ts';

const INTERVAL_MS = 700;
const MAX_COMPARISONS = 20;

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
    await pause(INTERVAL_MS, signal);
    comparison = await compare();
    suspects.compare(comparison.differences);
  }
  return {comparison, isDrift: id => suspects.isDrift(id)};
}
