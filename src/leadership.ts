/**
 * What an instance does while it holds the lease: streams, pays what reconcile is owed, keeps the nightly
 * appointment. It ends when the lease does.
 */
import {runReplicator} from '../replicator/replicator.ts';
import {startSchedule, type Schedule} from '../reconciler/schedule.ts';
import {pausedStatement, readCheckpoint, type Checkpoint} from './apply/checkpoint.ts';
import type {Config} from './config.ts';
import {connect, queryRows, type Connection} from './db/connection.ts';
import type {Lease} from './db/lease.ts';
import {SyncError} from './errors.ts';
import {Backoff, pause} from './lifecycle/backoff.ts';
import {describeError, type Logger} from './logger.ts';
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
    /** The log told that rows changed but not how. */
    readonly onUnseen: (reason: string) => void;
  };
}

export class Leadership {
  readonly workbench: Workbench;
  readonly runner: ReconcileRunner;
  readonly #deps: LeadershipDeps;
  readonly #signal: AbortSignal;
  readonly #stopped = new AbortController();
  #schedule: Schedule | null = null;
  #streaming: {stop: AbortController; ended: Promise<void>} | null = null;
  #owedWake: (() => void) | null = null;
  #timesOwed = 0;
  #owes = false;
  #paused = false;

  constructor(deps: LeadershipDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = AbortSignal.any([signal, deps.lease.lost, this.#stopped.signal]);
    this.workbench = new Workbench(deps.config, deps.lease.fence);
    this.runner = new ReconcileRunner({...deps, workbench: this.workbench, signal: this.#signal});
  }

  get nextRun(): Date | null {
    return this.#schedule?.nextRun ?? null;
  }

  /** A reconcile is owed or under way that makes up for what was not seen. */
  get isLoading(): boolean {
    return this.#owes;
  }

  /**
   * Leads until the signal is set or the lease is lost.
   *
   * @throws SyncError that no retry mends, or `lease-lost`
   */
  async run(): Promise<void> {
    const {config, store, lease, logger} = this.#deps;
    await store.tidy();
    const checkpoint = await this.#withTarget(target => readCheckpoint(target, lease.fence.stream));
    this.#paused = checkpoint?.paused ?? false;
    this.#owes = checkpoint !== null && checkpoint.owed !== '';
    const tasks: Promise<void>[] = [this.#payOwed()];
    if (config.replicationEnabled && !this.#paused) this.#startStream();
    else this.#deps.events.onState(config.replicationEnabled ? 'paused' : 'stopped', null);
    if (config.reconcile.enabled) await this.#startSchedule();
    await untilAborted(this.#signal);
    if (lease.lost.aborted) {
      this.#deps.events.onState('starting', lostLease(lease.lost.reason));
      this.workbench.abandon();
    }
    this.#schedule?.stop();
    await this.#streaming?.ended;
    await Promise.allSettled(tasks);
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
    await this.#withTarget(target =>
      queryRows('target', target, pausedStatement(this.#deps.lease.fence, true)),
    );
    this.#paused = true;
    this.#streaming?.stop.abort();
    await this.#streaming?.ended;
    this.#streaming = null;
    this.#deps.events.onState('paused', null);
  }

  async resume(): Promise<void> {
    await this.#withTarget(target =>
      queryRows('target', target, pausedStatement(this.#deps.lease.fence, false)),
    );
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
        database: config.source.database,
        nextServerId: () => config.serverId + ((this.#firstId() + connections++) % config.serverIds),
        connect: async attempt => {
          const connections = await this.workbench.connectStream(attempt);
          if (connections.checkpoint.owed !== '') this.#owe();
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
          logger.warn(
            {event: 'reconcile.owed', reason},
            'the log does not tell what changed: a reconcile follows',
          );
          events.onUnseen(reason);
          this.#owe();
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

  #owe(): void {
    this.#owes = true;
    this.#timesOwed++;
    this.#owedWake?.();
  }

  /** Runs what is owed as soon as nothing else runs, and again until it succeeds. */
  async #payOwed(): Promise<void> {
    const backoff = new Backoff({firstMs: 1000, maxMs: 60_000});
    while (!this.#signal.aborted) {
      if (!this.#owes) {
        await new Promise<void>(resolve => {
          const wake = () => {
            this.#signal.removeEventListener('abort', wake);
            resolve();
          };
          this.#owedWake = wake;
          this.#signal.addEventListener('abort', wake, {once: true});
        });
        continue;
      }
      try {
        await this.runner.idle();
        const timesOwed = this.#timesOwed;
        // What was owed may have been paid by the run that just ended.
        const owed = (await this.checkpoint())?.owed ?? '';
        if (owed === '') {
          // What became owed while we read is read again.
          this.#owes = timesOwed !== this.#timesOwed;
          continue;
        }
        const {ended} = await this.runner.start('recovery', {
          mode: owed === 'load' ? 'full' : 'diff',
          allowDeletes: false,
        });
        const run = await ended;
        if (run.state === 'failed') await pause(backoff.nextMs(), this.#signal);
        else backoff.reset();
      } catch (error) {
        if (this.#signal.aborted) return;
        this.#deps.logger.debug(
          {event: 'recovery.waits', err: describeError(error)},
          'the owed reconcile waits',
        );
        await pause(backoff.nextMs(), this.#signal);
      }
    }
  }

  /** Keeps when the next run is due in the checkpoint, so that one that passes unseen is made up for. */
  async #startSchedule(): Promise<void> {
    const {config, logger, lease} = this.#deps;
    const {stream} = lease.fence;
    const appoint = async () => {
      const next = this.nextRun;
      await this.#withTarget(target =>
        queryRows('target', target, 'UPDATE sync_checkpoint SET next_run_at = ? WHERE stream = ?', [
          next === null ? null : sqlTime(next),
          stream,
        ]),
      ).catch((error: unknown) =>
        logger.debug(
          {event: 'schedule.unsaved', err: describeError(error)},
          'the next run could not be noted',
        ),
      );
    };
    const runNow = async () => {
      try {
        await this.runner.start('schedule', {mode: 'diff', allowDeletes: false});
      } catch (error) {
        logger.warn(
          {event: 'schedule.skipped', err: describeError(error)},
          'the nightly reconcile did not start',
        );
      }
      await appoint();
    };
    const [due] = await this.#withTarget(target =>
      queryRows(
        'target',
        target,
        'SELECT next_run_at < UTC_TIMESTAMP(3) FROM sync_checkpoint WHERE stream = ?',
        [stream],
      ),
    );
    this.#schedule = startSchedule(config.reconcile.cron, config.reconcile.timezone, () => void runNow());
    if (Number(due?.[0] ?? 0) === 1 && !this.#owes) {
      logger.info({event: 'schedule.missed'}, 'a nightly reconcile was missed: it is made up for now');
      void runNow();
    } else await appoint();
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

function sqlTime(date: Date): string {
  return date.toISOString().replace('T', ' ').replace('Z', '');
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), {once: true});
  });
}
