/** Compares a range by one number from each server: equal ranges need no row to travel. */
import type {Plan} from '../src/mapping/plan.ts';
import {quoteName, sourceChecksum, sourceColumn, targetChecksum} from '../src/mapping/sql.ts';
import type {TargetTable} from '../src/mapping/tables.ts';
import {rangeCondition, type QueryPort} from '../src/source/reader.ts';
import type {Range} from './segments.ts';

export interface Checksum {
  readonly rows: number;
  readonly sum: string;
}

export interface RangeComparison {
  readonly equal: boolean;
  readonly source: Checksum;
  readonly target: Checksum;
}

/** Both servers work at the same time. */
export async function compareRange(
  plan: Plan,
  table: TargetTable,
  range: Range,
  query: {readonly source: QueryPort; readonly target: QueryPort},
): Promise<RangeComparison> {
  const {source: sourceTable} = plan.tables[table];
  const sourceId = sourceColumn(plan.sources[sourceTable], table === 'institute_users' ? 'user_id' : 'id');
  const targetId = `t.${quoteName(table === 'institute' ? 'instituteId' : 'userId')}`;
  const [source, target] = await Promise.all([
    query.source(sourceChecksum(plan, plan.tables[table], rangeCondition(sourceId, range.after, range.to))),
    query.target(targetChecksum(plan.tables[table], rangeCondition(targetId, range.after, range.to))),
  ]);
  const read = ([row]: unknown[][]): Checksum => ({rows: Number(row?.[0] ?? 0), sum: String(row?.[1] ?? 0)});
  const sums = {source: read(source), target: read(target)};
  return {equal: sums.source.rows === sums.target.rows && sums.source.sum === sums.target.sum, ...sums};
}
