/** Change sets written by hand, by target table and key. */
import {ChangeSet, FRESH} from '../../../src/apply/change-set.ts';
import type {Plan} from '../../../src/mapping/plan.ts';
import type {Row} from '../../../src/mapping/values.ts';
import {entityOf} from '../plan-fixture.ts';

/** A row without flags, or with some. */
export type Change = Row | null | {readonly row: Row | null; readonly flags: number};
export type Changes = Readonly<Record<string, Change>>;
export interface Given {
  readonly institute?: Changes;
  readonly user?: Changes;
  readonly institute_users?: Changes;
}

export const flagged = (row: Row | null, flags: number): Change => ({row, flags});
/** A row that was just inserted. */
export const fresh = (row: Row): Change => flagged(row, FRESH);

export function changeSet(plan: Plan, given: Given): ChangeSet {
  const set = new ChangeSet(plan);
  for (const table of ['institute', 'user', 'institute_users'] as const) {
    const own = set.of(entityOf(plan, table));
    for (const [key, change] of Object.entries(given[table] ?? {})) {
      if (change !== null && 'flags' in change) own.set(key, change.row, change.flags);
      else own.set(key, change);
    }
  }
  return set;
}
