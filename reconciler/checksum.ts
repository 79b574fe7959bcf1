/** Compares a range by one checksum from each server: for equal ranges, no rows are transferred. */
import {onlyRow, type Query} from '../src/db/counted.ts';
import type {TablePlan} from '../src/mapping/columns.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import {sourceChecksums, targetChecksum} from '../src/mapping/sql/checksums.ts';
import type {Range} from '../src/mapping/sql/ranges.ts';

export interface Checksum {
  readonly rows: number;
  readonly sum: string;
}

export interface RangeComparison {
  readonly table: TablePlan;
  readonly equal: boolean;
  readonly source: Checksum;
  readonly target: Checksum;
}

/** Both servers work at the same time, and each reads its tables at its own pace. */
export async function compareRange(
  entity: EntityPlan,
  range: Range,
  query: {readonly source: Query; readonly target: Query},
): Promise<RangeComparison[]> {
  const read = (rows: unknown, sum: unknown): Checksum => ({rows: Number(rows ?? 0), sum: String(sum ?? 0)});
  const ofSource = async () => {
    const row = onlyRow(await query.source(sourceChecksums(entity, range)));
    return entity.tables.map((_, i) => read(row[0], row[i + 1]));
  };
  const ofTarget = async () => {
    const sums: Checksum[] = [];
    for (const table of entity.tables) {
      const row = onlyRow(await query.target(targetChecksum(entity, table, range)));
      sums.push(read(row[0], row[1]));
    }
    return sums;
  };
  // Wait for both: a connection with an unfinished query accepts no other.
  const [sources, targets] = await Promise.allSettled([ofSource(), ofTarget()]);
  if (sources.status === 'rejected') throw sources.reason;
  if (targets.status === 'rejected') throw targets.reason;
  const none = read(0, 0);
  return entity.tables.map((table, i) => {
    const [source, target] = [sources.value[i] ?? none, targets.value[i] ?? none];
    return {table, equal: source.rows === target.rows && source.sum === target.sum, source, target};
  });
}
