/**
 * Defines every metric, its unit and its meaning. This file is the only importer of prom-client: the pipeline
 * calls the methods of {@link Metrics} and sees no type of that library.
 */
import {collectDefaultMetrics, Counter, Gauge, Histogram, Registry} from 'prom-client';
import type {DeadLetterCode} from '../errors.ts';
import type {Mapping} from '../mapping/mapping.ts';
import {deadLetterCodes} from './codes.ts';
import type {ReconcileMode, RunState, Status} from './operations.ts';

export type RowKind = 'upsert' | 'delete';
/** `repaired`: missing in the target or different there. `deleted`: no longer in the source. */
export type DriftKind = 'repaired' | 'deleted';

/** One committed target transaction of the stream. */
export interface AppliedBatch {
  readonly rows: number;
  readonly bytes: number;
  readonly ms: number;
}

/**
 * The reports of the pipeline. Every call is a few additions in memory, so that it may be made once per batch on
 * the hot path, but never once per row.
 */
export interface Metrics {
  transactionsApplied(count: number): void;
  rowsApplied(table: string, kind: RowKind, count: number): void;
  /** `tables`: the tables that the batch wrote to, so that batches can be distinguished by table. */
  batchApplied(batch: AppliedBatch, tables?: readonly string[]): void;
  /** The time from a transaction's commit on the source until it is visible on the target. */
  commitToVisible(ms: number): void;
  reconcileEnded(run: {
    readonly mode: ReconcileMode;
    readonly state: Exclude<RunState, 'running'>;
    readonly ms: number;
  }): void;
  /** The rows that a reconcile found to differ, and repaired. */
  drift(table: string, kind: DriftKind, count: number): void;
  /** The number of dead letters now under this code. */
  deadLetters(code: DeadLetterCode, count: number): void;
  /** `reason`: an error code, so that the label stays bounded. */
  reconnected(reason: string): void;
  leader(leads: boolean): void;
  /** The text for Prometheus. Unknown values, such as the lag after a lost connection, are absent. */
  render(status: Status): Promise<string>;
  readonly contentType: string;
  /** Every name that may be queried, `_bucket`, `_sum` and `_count` included. */
  names(): Promise<readonly string[]>;
}

export interface MetricsOptions {
  readonly version?: string;
  /** Memory, CPU and event loop of this process as well. */
  readonly process?: boolean;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const RUN_SECONDS = [0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200];
const ROWS = [1, 2, 5, 10, 50, 100, 500, 1000, 2000, 5000, 10_000, 50_000];
const BYTES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];

/**
 * @param stream SYNC_NAME: the label that distinguishes environments
 * @param mapping its target tables are labels, too
 */
export function createMetrics(
  stream: string,
  mapping: Pick<Mapping, 'tables'>,
  options: MetricsOptions = {},
): Metrics {
  const registry = new Registry();
  const label = {stream};
  if (options.process ?? true) collectDefaultMetrics({register: registry, labels: label});
  const make = makersIn(registry);
  const pipeline = pipelineMetrics(make);
  make
    .gauge('sync_build_info', 'Always 1; the labels have the version.', 'version', 'node')
    .set({...label, version: options.version ?? 'unknown', node: process.version}, 1);
  startFromZero(pipeline, label, mapping);
  const showStatus = statusGauges(make.gauge, label, mapping);

  return {
    transactionsApplied: count => pipeline.transactions.inc(label, count),
    rowsApplied: (table, kind, count) => pipeline.rows.inc({...label, table, kind}, count),
    batchApplied(batch, tables = []) {
      pipeline.batches.inc(label);
      for (const table of tables) pipeline.tableBatches.inc({...label, table});
      pipeline.batchRows.observe(label, batch.rows);
      pipeline.batchBytes.observe(label, batch.bytes);
      pipeline.batchSeconds.observe(label, batch.ms / 1000);
    },
    commitToVisible: ms => pipeline.visibleSeconds.observe(label, Math.max(0, ms) / 1000),
    reconcileEnded: ({mode, state, ms}) => pipeline.reconciles.observe({...label, mode, state}, ms / 1000),
    drift: (table, kind, count) => pipeline.driftRows.inc({...label, table, kind}, count),
    deadLetters: (code, count) => pipeline.deadLetters.set({...label, code}, count),
    reconnected: reason => pipeline.reconnects.inc({...label, reason}),
    leader: leads => pipeline.leader.set(label, leads ? 1 : 0),
    render(status) {
      showStatus(status);
      return registry.metrics();
    },
    contentType: registry.contentType,
    names: async () => metricNames(await registry.getMetricsAsJSON()),
  };
}

type Label = {readonly stream: string};

/** Returns functions that create metrics with the label `stream`. */
function makersIn(registry: Registry) {
  const registers = [registry];
  return {
    counter: <L extends string>(name: string, help: string, ...labels: readonly L[]) =>
      new Counter({name, help, labelNames: ['stream', ...labels], registers}),
    gauge: <L extends string>(name: string, help: string, ...labels: readonly L[]) =>
      new Gauge({name, help, labelNames: ['stream', ...labels], registers}),
    histogram: <L extends string>(name: string, help: string, buckets: number[], ...labels: readonly L[]) =>
      new Histogram({name, help, buckets, labelNames: ['stream', ...labels], registers}),
  };
}

/** The metrics of the pipeline, which its reports change. */
function pipelineMetrics({counter, gauge, histogram}: ReturnType<typeof makersIn>) {
  return {
    transactions: counter('sync_transactions_applied_total', 'Source transactions applied.'),
    rows: counter('sync_rows_applied_total', 'Rows written to the target.', 'table', 'kind'),
    batches: counter('sync_batches_applied_total', 'Target transactions of the stream.'),
    tableBatches: counter(
      'sync_table_batches_applied_total',
      'Target transactions that wrote to a table.',
      'table',
    ),
    batchRows: histogram('sync_batch_rows', 'Rows in a target transaction.', ROWS),
    batchBytes: histogram('sync_batch_bytes', 'Bytes of row data in a target transaction.', BYTES),
    batchSeconds: histogram(
      'sync_batch_seconds',
      'Time from the beginning of a target transaction to its commit.',
      SECONDS,
    ),
    visibleSeconds: histogram(
      'sync_commit_to_visible_seconds',
      'Time from the commit on the source until the change is visible on the target.',
      SECONDS,
    ),
    reconciles: histogram('sync_reconcile_seconds', 'Duration of reconciles.', RUN_SECONDS, 'mode', 'state'),
    driftRows: counter(
      'sync_drift_rows_total',
      'Rows that a reconcile found to differ, and repaired.',
      'table',
      'kind',
    ),
    deadLetters: gauge('sync_dead_letters', 'Rows that cannot be written, by code.', 'code'),
    reconnects: counter('sync_reconnects_total', 'Reconnects to the source, by reason.', 'reason'),
    leader: gauge('sync_leader', '1 if this instance leads the stream.'),
  };
}

/** Sets all metrics to 0, so that a rate exists from the first increase on. */
function startFromZero(
  pipeline: ReturnType<typeof pipelineMetrics>,
  label: Label,
  mapping: Pick<Mapping, 'tables'>,
): void {
  const {batchRows, batchBytes, batchSeconds, visibleSeconds} = pipeline;
  pipeline.transactions.inc(label, 0);
  pipeline.batches.inc(label, 0);
  pipeline.leader.set(label, 0);
  for (const each of [batchRows, batchBytes, batchSeconds, visibleSeconds]) each.zero(label);
  for (const {target: table} of mapping.tables) {
    pipeline.tableBatches.inc({...label, table}, 0);
    for (const kind of ['upsert', 'delete'] as const) pipeline.rows.inc({...label, table, kind}, 0);
    for (const kind of ['repaired', 'deleted'] as const) pipeline.driftRows.inc({...label, table, kind}, 0);
  }
  for (const code of deadLetterCodes(mapping)) pipeline.deadLetters.set({...label, code}, 0);
  for (const mode of ['diff', 'full'] as const) {
    for (const state of ['succeeded', 'failed', 'needs-confirmation'] as const)
      pipeline.reconciles.zero({...label, mode, state});
  }
}

/** Gauges that are read from the status at each scrape. */
function statusGauges(
  gauge: ReturnType<typeof makersIn>['gauge'],
  label: Label,
  {tables}: Pick<Mapping, 'tables'>,
): (status: Status) => void {
  const known = (metric: Gauge<'stream'>) => (value: number | null) => {
    metric.reset();
    if (value !== null) metric.set(label, value);
  };
  const lagSeconds = known(gauge('sync_lag_seconds', 'How far the target is behind; absent if unknown.'));
  const lagBytes = known(
    gauge('sync_lag_bytes', 'Bytes of the source’s log that are not applied yet; absent if unknown.'),
  );
  const contact = known(gauge('sync_last_contact_seconds', 'Time since the source last sent something.'));
  const applied = known(gauge('sync_last_applied_seconds', 'Time since a transaction was last applied.'));
  const healthy = known(gauge('sync_healthy', '1 where healthy.'));
  const state = gauge('sync_state', '1 for the state of replication.', 'state');
  const lastSync = known(gauge('sync_last_reconcile_timestamp_seconds', 'When a reconcile last succeeded.'));
  const nextRun = known(gauge('sync_next_reconcile_timestamp_seconds', 'When the next reconcile is due.'));
  const needsConfirmation = known(
    gauge('sync_reconcile_needs_confirmation', '1 if the last run waits for allowDeletes.'),
  );
  const progress = known(
    gauge('sync_reconcile_progress_ratio', 'Progress of the current run; absent without one.'),
  );
  const rows = gauge('sync_rows', 'Rows counted on either side.', 'side', 'table');
  const foreign = gauge('sync_foreign_rows', 'Rows of the target that the source does not have.', 'table');

  return status => {
    const nowMs = Date.parse(status.timestamp);
    const {replication} = status;
    lagSeconds(replication.lagSeconds);
    lagBytes(replication.lagBytes);
    contact(secondsSince(replication.lastContactAt, nowMs));
    applied(secondsSince(replication.lastAppliedAt, nowMs));
    healthy(status.isHealthy ? 1 : 0);
    state.reset();
    state.set({...label, state: replication.state}, 1);
    lastSync(status.lastSync === null ? null : Date.parse(status.lastSync) / 1000);
    nextRun(status.nextRun === null ? null : Date.parse(status.nextRun) / 1000);
    needsConfirmation(status.lastRun?.state === 'needs-confirmation' ? 1 : 0);
    progress(status.progress?.fraction ?? null);
    rows.reset();
    for (const [side, counts] of [
      ['source', status.sourceDatabase],
      ['target', status.organizationService],
    ] as const) {
      if (counts === null) continue;
      for (const {target, label: name} of tables) {
        const count = counts[name];
        if (count !== undefined) rows.set({...label, side, table: target}, count);
      }
    }
    foreign.reset();
    for (const [table, count] of Object.entries(status.foreignRows ?? {}))
      foreign.set({...label, table}, count);
  };
}

function secondsSince(at: string | null, nowMs: number): number | null {
  return at === null ? null : Math.max(0, nowMs - Date.parse(at)) / 1000;
}

function metricNames(metrics: readonly {readonly name: string; readonly type: unknown}[]): string[] {
  return metrics.flatMap(({name, type}) =>
    type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
}
