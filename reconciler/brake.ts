/** The brake on mass deletes (design.md §2.7). Pure. */
import type {PerTable} from '../src/apply/change-set.ts';
import {TARGET_TABLES} from '../src/mapping/tables.ts';

/** Fewer deletes than this never need confirmation. */
const BRAKE_FLOOR = 100;

/** Whether more of a table's owned rows would go than may without a person's word. */
export function needsConfirmation(
  toDelete: PerTable<number>,
  owned: PerTable<number>,
  maxRatio: number,
): boolean {
  return TARGET_TABLES.some(
    table => toDelete[table] > BRAKE_FLOOR && toDelete[table] > maxRatio * owned[table],
  );
}
