/** The brake on mass deletes. Pure. */
import type {PerTable} from '../src/mapping/plan.ts';

/** Fewer deletes than this never need confirmation. */
const BRAKE_FLOOR = 100;

/** Whether a run that deletes this many of a table's owned rows needs a person's word first. */
export function isTooMany(toDelete: number, owned: number, maxRatio: number): boolean {
  return toDelete > BRAKE_FLOOR && toDelete > maxRatio * owned;
}

/** Whether that holds for any table. */
export function needsConfirmation(
  toDelete: PerTable<number>,
  owned: PerTable<number>,
  maxRatio: number,
): boolean {
  return toDelete.some((count, table) => isTooMany(count, owned[table] ?? 0, maxRatio));
}
