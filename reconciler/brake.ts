/** The brake on mass deletes. Pure. */
import type {PerTable} from '../src/mapping/plan.ts';

/** A run with fewer deletes than this never needs confirmation. */
const BRAKE_FLOOR = 100;

/** Whether a run that deletes this many owned rows of a table needs an operator's confirmation first. */
export function isTooMany(toDelete: number, owned: number, maxRatio: number): boolean {
  return toDelete > BRAKE_FLOOR && toDelete > maxRatio * owned;
}

/** Whether this holds for any table. */
export function needsConfirmation(
  toDelete: PerTable<number>,
  owned: PerTable<number>,
  maxRatio: number,
): boolean {
  return toDelete.some((count, table) => isTooMany(count, owned[table] ?? 0, maxRatio));
}
