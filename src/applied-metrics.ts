/** The metrics of one applied batch. */
import type {AppliedBatch} from '../replicator/attempt-deps.ts';
import type {Metrics} from './status/metrics.ts';

/** @param targets the target tables of the mapping, in its order */
export function measureBatch(
  metrics: Metrics,
  targets: readonly string[],
  {transactions, rows, bytes, durationMs, outcome, oldestCommitMs}: AppliedBatch,
): void {
  metrics.transactionsApplied(transactions);
  const touched = targets
    .map((table, index) => ({
      table,
      upserted: outcome?.upserted[index] ?? 0,
      deleted: outcome?.deleted[index] ?? 0,
    }))
    .filter(({upserted, deleted}) => upserted + deleted > 0);
  metrics.batchApplied(
    {rows, bytes, ms: durationMs},
    touched.map(({table}) => table),
  );
  for (const {table, upserted, deleted} of touched) {
    if (upserted > 0) metrics.rowsApplied(table, 'upsert', upserted);
    if (deleted > 0) metrics.rowsApplied(table, 'delete', deleted);
  }
  if (oldestCommitMs !== null) metrics.commitToVisible(Math.max(0, Date.now() - oldestCommitMs));
}
