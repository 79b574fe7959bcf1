/**
 * What an instance does while it holds the lease: streams, pays what reconcile is owed, keeps the nightly
 * appointment. It ends when the lease does.
 */
import {runReplicator} from '../replicator/replicator.ts';
import {pausedStatement, readCheckpoint, type Checkpoint} from './apply/checkpoint.ts';
import type {Config} from './config.ts';
import {connect, queryRows, type Connection} from './db/connection.ts';
import type {Lease} from './db/lease.ts';
import {SyncError} from './errors.ts';
import {describeError, type Logger} from './logger.ts';
import {NightlyRun} from './nightly-run.ts';
import {OwedReconcile} from './owed-reconcile.ts';
import {ReconcileRunner, type RunnerEvents} from './reconcile-runner.ts';
import type {LagTracker} from './status/lag.ts';
import type {Metrics} from './status/metrics.ts';
import {TARGET_TABLES, type ReplicationState} from './status/operations.ts';
import type {RunStore} from './status/runs.ts';
import type {AppliedBatch} from '../replicator/attempt.ts';
import {Workbench} from './workbench.ts';

export interface LeadershipDeps {
  readonly config: Config;
  readonly lease: Lease;
  readonly store: RunStore;
  readonly metrics: Metrics | null;
  readonly lag: LagTracker;
  readonly logger: Logger;
  readonly events: RunnerEvents & {
    readonly onState: (state: ReplicationState, fault: SyncError | null) => void;
    readonly onApplied: (batch: AppliedBatch) => void;
    /** Rows changed in a way that the log does not show. */
    readonly onUnseen: (reason: string) => void;
  };
}

export class Leadership {
  readonly workbench: Workbench;
  readonly runner: ReconcileRunner;
  readonly #deps: LeadershipDeps;
  readonly #owed: OwedReconcile;
  readonly #nightly: NightlyRun;
  readonly #signal: AbortSignal;
  readonly #stopped = new AbortController();
  #streaming: {stop: AbortController; ended: Promise<void>} | null = null;
  #paused = false;

  constructor(deps: LeadershipDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = AbortSignal.any([signal, deps.lease.lost, this.#stopped.signal]);
    this.workbench = new Workbench(deps.config, deps.lease.fence);
    this.runner = new ReconcileRunner({...deps, workbench: this.workbench, signal: this.#signal});
    const {runner} = this;
    const {config, lease, logger} = deps;
    this.#owed = new OwedReconcile({runner, checkpoint: () => this.checkpoint(), logger, now: Date.now});
    this.#nightly = new NightlyRun({
      config: config.reconcile,
      stream: lease.fence.stream,
      runner,
      query: (sql, values) => this.#query(sql, values),
      logger,
    });
  }

  get nextRun(): Date | null {
    return this.#nightly.nextRun;
  }

  /** A reconcile is owed or under way that makes up for what was not seen. */
  get isLoading(): boolean {
    return this.#owed.isOwed;
  }

  /**
   * Leads until the signal is set or the lease is lost.
   *
   * @throws SyncError that no retry mends, or `lease-lost`
   */
  async run(): Promise<void> {
    const {config, store, lease, logger} = this.#deps;
    await store.tidy();
    const checkpoint = await this.checkpoint();
    this.#paused = checkpoint?.paused ?? false;
    if (checkpoint !== null && checkpoint.owed !== '') this.#owed.owe();
    const paying = this.#owed.pay(this.#signal);
    if (config.replicationEnabled && !this.#paused) this.#startStream();
    else this.#deps.events.onState(config.replicationEnabled ? 'paused' : 'stopped', null);
    // What has begun ends with it where this fails.
    if (config.reconcile.enabled)
      await this.#nightly.start(this.#owed.isOwed).catch((error: unknown) => this.#stopped.abort(error));
    await untilAborted(this.#signal);
    if (lease.lost.aborted) {
      this.#deps.events.onState('starting', lostLease(lease.lost.reason));
      this.workbench.abandon();
    }
    this.#nightly.stop();
    await this.#streaming?.ended;
    await Promise.allSettled([paying]);
    await this.runner.idle();
    if (this.#stopped.signal.aborted) throw this.#stopped.signal.reason;
    if (lease.lost.aborted) {
      logger.warn(
        {event: 'lease.lost', err: describeError(lease.lost.reason)},
        'the lease is lost; nothing was written since',
      );
      throw lostLease(lease.lost.reason);
    }
  }

  /** Stops the stream after the transaction in hand; it stays so over restarts until {@link resume}. */
  async pause(): Promise<void> {
    await this.#query(pausedStatement(this.#deps.lease.fence, true));
    this.#paused = true;
    this.#streaming?.stop.abort();
    await this.#streaming?.ended;
    this.#streaming = null;
    this.#deps.events.onState('paused', null);
  }

  async resume(): Promise<void> {
    await this.#query(pausedStatement(this.#deps.lease.fence, false));
    this.#paused = false;
    if (this.#deps.config.replicationEnabled && this.#streaming === null) this.#startStream();
  }

  /** The state of the saved checkpoint, for those who look. */
  checkpoint(): Promise<Checkpoint | null> {
    return this.#withTarget(target => readCheckpoint(target, this.#deps.lease.fence.stream));
  }

  /** Leaders begin apart from each other: the one before may still have a dump that does not end. */
  #firstId(): number {
    return Number(BigInt(this.#deps.lease.fence.token) % 32n) * 32;
  }

  #startStream(): void {
    const {config, lag, logger, events, metrics} = this.#deps;
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#signal, stop.signal]);
    let connections = 0;
    const ended = runReplicator(
      {
        nextServerId: () => config.serverId + ((this.#firstId() + connections++) % config.serverIds),
        connect: async attempt => {
          const connections = await this.workbench.connectStream(attempt);
          if (connections.checkpoint.owed !== '') this.#owed.owe();
          return connections;
        },
        anchor: attempt => this.workbench.anchor(attempt),
        lock: this.workbench.lock,
        tap: this.workbench.tap,
        lag,
        logger,
        now: Date.now,
        onState: events.onState,
        onStreaming: () => events.onState('streaming', null),
        onApplied: batch => {
          this.#measure(batch);
          events.onApplied(batch);
        },
        onReconcileOwed: reason => {
          // One line for what one reconcile covers.
          logger[this.#owed.isOwed ? 'debug' : 'warn'](
            {event: 'reconcile.owed', reason, waitMs: Math.round(this.#owed.waitMs)},
            'the log does not show what changed: a reconcile follows',
          );
          events.onUnseen(reason);
          this.#owed.owe();
        },
        onReconnect: code => metrics?.reconnected(code),
      },
      signal,
    ).catch((error: unknown) => {
      this.#stopped.abort(error);
    });
    this.#streaming = {stop, ended};
  }

  #measure({transactions, rows, bytes, durationMs, outcome, oldestCommitMs}: AppliedBatch): void {
    const {metrics} = this.#deps;
    if (metrics === null) return;
    metrics.transactionsApplied(transactions);
    const touched =
      outcome === null
        ? []
        : TARGET_TABLES.filter(table => outcome.upserted[table] + outcome.deleted[table] > 0);
    metrics.batchApplied({rows, bytes, ms: durationMs}, touched);
    for (const table of touched) {
      if (outcome !== null && outcome.upserted[table] > 0)
        metrics.rowsApplied(table, 'upsert', outcome.upserted[table]);
      if (outcome !== null && outcome.deleted[table] > 0)
        metrics.rowsApplied(table, 'delete', outcome.deleted[table]);
    }
    if (oldestCommitMs !== null) metrics.commitToVisible(Math.max(0, Date.now() - oldestCommitMs));
  }

  #query(sql: string, values: readonly unknown[] = []): Promise<unknown[][]> {
    return this.#withTarget(target => queryRows('target', target, sql, values));
  }

  async #withTarget<T>(use: (target: Connection) => Promise<T>): Promise<T> {
    const target = await connect('target', this.#deps.config.target);
    try {
      return await use(target);
    } finally {
      target.destroy();
    }
  }
}

function lostLease(reason: unknown): SyncError {
  return reason instanceof SyncError
    ? reason
    : new SyncError('lease-lost', 'the lease is lost', {cause: reason});
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), {once: true});
  });
}
