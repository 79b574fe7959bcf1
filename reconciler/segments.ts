/**
 * Cuts a table's key space into ranges by its ids (keyset, never OFFSET): segments that share no chunk of
 * ownership, so that two workers never write the same one, and within them batches of rows.
 */
import {chunkEnd} from '../src/apply/ownership.ts';
import type {Plan} from '../src/mapping/plan.ts';
import {exactSourceColumn, sourceColumn, sourceFrom} from '../src/mapping/sql.ts';
import type {TargetTable} from '../src/mapping/tables.ts';
import {compareIds, toValue} from '../src/mapping/values.ts';
import {rangeCondition, type QueryPort} from '../src/source/reader.ts';

/** Ids in (after, to]; null is without end on that side. */
export interface Range {
  readonly after: string | null;
  readonly to: string | null;
}

export type Scope = 'institutes' | 'users';

/** The target's tables that a scope's ranges cover, parents first. */
export const SCOPE_TABLES = {
  institutes: ['institute'],
  users: ['user', 'institute_users', 'user_auth'],
} as const satisfies Record<Scope, readonly TargetTable[]>;

/** Rows that make a segment worth a checksum of its own. */
const SEGMENT_ROWS = 20_000;

/**
 * Segments from the first id to beyond the last, together the whole key space. All at once: whoever looked for
 * the next one while others work would wait for the connection that they ask over.
 */
export async function segments(plan: Plan, scope: Scope, query: QueryPort): Promise<Range[]> {
  const found: Range[] = [];
  let after: string | null = null;
  for (;;) {
    const bound = await boundary(plan, scope, after, SEGMENT_ROWS, query);
    const to = bound === null ? null : chunkEnd(bound);
    found.push({after, to});
    if (to === null) return found;
    after = to;
  }
}

/** Batches of about `rows` source rows within a range; the last ends where the range does. */
export async function* batches(
  plan: Plan,
  scope: Scope,
  range: Range,
  rows: number,
  query: QueryPort,
): AsyncGenerator<Range> {
  let after = range.after;
  for (;;) {
    const bound = await boundary(plan, scope, after, rows, query);
    if (bound === null || (range.to !== null && compareIds(bound, range.to) >= 0)) {
      yield {after, to: range.to};
      return;
    }
    yield {after, to: bound};
    after = bound;
  }
}

/** The id of the `rows`th row after `after`, or null where there are fewer. */
async function boundary(
  plan: Plan,
  scope: Scope,
  after: string | null,
  rows: number,
  query: QueryPort,
): Promise<string | null> {
  const source = plan.sources[scope];
  const id = sourceColumn(source, 'id');
  // A look at the primary key alone; both servers walk it without reading rows into the result.
  const [row] = await query(
    `SELECT ${exactSourceColumn(source, 'id')} FROM ${sourceFrom(source)} WHERE ${rangeCondition(id, after, null)} ORDER BY ${id} LIMIT ${rows - 1}, 1`,
  );
  return row === undefined ? null : toValue(row[0]);
}
