/** The metrics of what a leader reports. */
import type {AppliedBatch, LeaderEvents} from './leader-events.ts';
import type {Metrics} from './status/metrics.ts';

/** @param targets the target tables of the mapping, in its order */
export function measureEvents(events: LeaderEvents, metrics: Metrics, targets: readonly string[]): void {
  events
    .on('reconnect', code => metrics.reconnected(code))
    .on('applied', batch => measureBatch(metrics, targets, batch));
}

function measureBatch(
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
