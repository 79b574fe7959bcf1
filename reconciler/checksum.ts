/** Compares a range by one number from each server: equal ranges need no row to travel. */
import {onlyRow} from '../src/db/counted.ts';
import type {Plan} from '../src/mapping/plan.ts';
import {quoteName, sourceChecksums, targetChecksum} from '../src/mapping/sql.ts';
import type {TargetTable} from '../src/mapping/tables.ts';
import {rangeCondition, type QueryPort} from '../src/source/reader.ts';
import {SCOPE_TABLES, type Range, type Scope} from './segments.ts';

export interface Checksum {
  readonly rows: number;
  readonly sum: string;
}

export interface RangeComparison {
  readonly table: TargetTable;
  readonly equal: boolean;
  readonly source: Checksum;
  readonly target: Checksum;
}

/** What is summed in one pass over the source. */
const SOURCE_PASSES = {
  institutes: [['institute']],
  users: [['user', 'user_auth'], ['institute_users']],
} as const satisfies Record<Scope, readonly (readonly TargetTable[])[]>;

/** Both servers work at the same time, each through its tables at its own pace. */
export async function compareRange(
  plan: Plan,
  scope: Scope,
  range: Range,
  query: {readonly source: QueryPort; readonly target: QueryPort},
): Promise<RangeComparison[]> {
  const ids = (column: string) => rangeCondition(column, range.after, range.to);
  const read = (rows: unknown, sum: unknown): Checksum => ({rows: Number(rows ?? 0), sum: String(sum ?? 0)});
  const ofSource = async () => {
    const sums = new Map<TargetTable, Checksum>();
    for (const tables of SOURCE_PASSES[scope]) {
      const row = onlyRow(
        await query.source(
          sourceChecksums(
            plan,
            tables.map(table => plan.tables[table]),
            ids,
          ),
        ),
      );
      for (const [i, table] of tables.entries()) sums.set(table, read(row[0], row[i + 1]));
    }
    return sums;
  };
  const ofTarget = async () => {
    const sums = new Map<TargetTable, Checksum>();
    for (const table of SCOPE_TABLES[scope]) {
      const id = `t.${quoteName(table === 'institute' ? 'instituteId' : 'userId')}`;
      const row = onlyRow(await query.target(targetChecksum(plan.tables[table], ids(id))));
      sums.set(table, read(row[0], row[1]));
    }
    return sums;
  };
  // Both to their end, since a connection that is left in the middle of a question takes no other.
  const [sources, targets] = await Promise.allSettled([ofSource(), ofTarget()]);
  if (sources.status === 'rejected') throw sources.reason;
  if (targets.status === 'rejected') throw targets.reason;
  const none = read(0, 0);
  return SCOPE_TABLES[scope].map(table => {
    const [source, target] = [sources.value.get(table) ?? none, targets.value.get(table) ?? none];
    return {table, equal: source.rows === target.rows && source.sum === target.sum, source, target};
  });
}
