/**
 * The work of an instance while it holds the lease: it streams, runs pending reconciles, and runs the nightly
 * schedule until the lease is lost.
 */
import {runReplicator} from '../replicator/replicator.ts';
import {pendingStatement, pausedStatement, readCheckpoint, type Checkpoint} from './apply/checkpoint.ts';
import {runFenced} from './apply/session.ts';
import type {Config} from './config.ts';
import {connect, queryRows, type Connection} from './db/connection.ts';
import type {Query} from './db/counted.ts';
import type {Lease} from './db/lease.ts';
import {refuseSharedTables} from './doctor/shared-tables.ts';
import {SyncError} from './errors.ts';
import {Backoff, pause} from './lifecycle/backoff.ts';
import type {LeaderEvents} from './leader-events.ts';
import {settled} from './lifecycle/settled.ts';
import {untilAborted} from './lifecycle/until-aborted.ts';
import {describeError, type Logger} from './logger.ts';
import {usedOtherMapping} from './mapping-change.ts';
import {NightlyRun} from './nightly-run.ts';
import {PendingReconcile} from './pending-reconcile.ts';
import {ReconcileRunner} from './reconcile-runner.ts';
import type {LagTracker} from './status/lag.ts';
import type {Metrics} from './status/metrics.ts';
import type {RunStore} from './status/runs.ts';
import {ReplicationContext} from './replication-context.ts';

export interface LeadershipDeps {
  readonly config: Config;
  readonly lease: Lease;
  readonly store: RunStore;
  readonly metrics: Metrics | null;
  readonly lag: LagTracker;
  readonly logger: Logger;
  readonly events: LeaderEvents;
}

export class Leadership {
  readonly context: ReplicationContext;
  readonly runner: ReconcileRunner;
  readonly #deps: LeadershipDeps;
  readonly #pending: PendingReconcile;
  readonly #nightly: NightlyRun;
  readonly #signal: AbortSignal;
  readonly #stopped = new AbortController();
  #streaming: {stop: AbortController; ended: Promise<void>} | null = null;
  #paused = false;
  #mappingChanged = false;
  /** The last requested pause or resume. */
  #steering: Promise<void> = Promise.resolve();

  constructor(deps: LeadershipDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = AbortSignal.any([signal, deps.lease.lost, this.#stopped.signal]);
    this.context = new ReplicationContext(deps.config, deps.lease.fence);
    this.runner = new ReconcileRunner({...deps, context: this.context, signal: this.#signal});
    const {runner} = this;
    const {config, lease, logger} = deps;
    this.#pending = new PendingReconcile({
      runner,
      checkpoint: () => this.checkpoint(),
      logger,
      now: Date.now,
    });
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

  /** The last run used another mapping, and no reconcile has ended with this one. */
  get mappingChanged(): boolean {
    return this.#mappingChanged && !this.runner.coversMapping;
  }

  /** A pending or running reconcile covers the changes without row images. */
  get isLoading(): boolean {
    return this.#pending.isPending;
  }

  /**
   * Leads until the signal is set or the lease is lost.
   *
   * @throws SyncError that no retry fixes, such as `config-invalid` if another stream writes the same tables, or
   *   `lease-lost`
   */
  async run(): Promise<void> {
    const {config, store, lease, logger} = this.#deps;
    // The record of runs is for people: a failure there does not end leadership.
    const tidied = store.tidy().catch((error: unknown) => {
      logger.warn(
        {event: 'runs.untidied', err: describeError(error)},
        'runs of a dead process could not be marked as failed',
      );
    });
    const [checkpoint] = await settled([this.#firstCheckpoint(), tidied]);
    if (lease.wasRestored) {
      logger.warn(
        {event: 'target.restored'},
        'the target was restored from a backup; resuming from the restored position with a full reconcile',
      );
    }
    this.#paused = checkpoint?.paused ?? false;
    this.#mappingChanged = usedOtherMapping(checkpoint, config.mapping);
    if (this.#mappingChanged) await this.#oweForMapping();
    if (this.#mappingChanged || (checkpoint !== null && checkpoint.pending !== '')) this.#pending.request();
    const running = this.#pending.run(this.#signal);
    if (config.replicationEnabled && !this.#paused) this.#startStream();
    else this.#deps.events.emit('state', config.replicationEnabled ? 'paused' : 'stopped', null);
    const appointing = config.reconcile.enabled ? this.#startNightly() : Promise.resolve();
    await untilAborted(this.#signal);
    if (lease.lost.aborted) {
      this.#deps.events.emit('state', 'starting', lostLease(lease.lost.reason));
      this.context.abandon();
    }
    await this.#streaming?.ended;
    await Promise.allSettled([running, appointing]);
    this.#nightly.stop();
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

  /** @throws SyncError `config-invalid` if another stream writes the same tables */
  #firstCheckpoint(): Promise<Checkpoint | null> {
    const {config, lease} = this.#deps;
    return this.#withTarget(async target => {
      await refuseSharedTables((sql, values) => queryRows('target', target, sql, values), config);
      return readCheckpoint(target, lease.fence.stream);
    });
  }

  /** Retries until the target answers when the next nightly reconcile is due. */
  async #startNightly(): Promise<void> {
    const backoff = new Backoff({firstMs: 200, maxMs: 15_000});
    while (!this.#signal.aborted) {
      try {
        return await this.#nightly.start(this.#pending.isPending);
      } catch (error) {
        this.#deps.logger.warn(
          {event: 'schedule.waits', err: describeError(error)},
          'the nightly reconcile is not scheduled yet; retrying',
        );
        await pause(backoff.nextMs(), this.#signal);
      }
    }
  }

  /**
   * Stops the stream after the current transaction; it stays stopped across restarts until {@link resume}.
   * Concurrent calls of the two run in order, so that the last one decides.
   */
  pause(): Promise<void> {
    return this.#steer(async () => {
      await this.#savePaused(true);
      this.#paused = true;
      this.#streaming?.stop.abort();
      await this.#streaming?.ended;
      this.#streaming = null;
      this.#deps.events.emit('state', 'paused', null);
    });
  }

  resume(): Promise<void> {
    return this.#steer(async () => {
      await this.#savePaused(false);
      this.#paused = false;
      if (this.#deps.config.replicationEnabled && this.#streaming === null && !this.#signal.aborted)
        this.#startStream();
    });
  }

  #steer(action: () => Promise<void>): Promise<void> {
    const done = this.#steering.then(action);
    this.#steering = done.catch(() => undefined);
    return done;
  }

  async #oweForMapping(): Promise<void> {
    this.#deps.logger.info(
      {event: 'mapping.changed'},
      'the last run used another mapping; scheduling a reconcile',
    );
    await this.#saveFenced(pendingStatement(this.#deps.lease.fence));
  }

  #savePaused(paused: boolean): Promise<void> {
    return this.#saveFenced(pausedStatement(this.#deps.lease.fence, paused));
  }

  #saveFenced(statement: string): Promise<void> {
    return this.#withTarget(async target => {
      const query: Query = (sql, values) => queryRows('target', target, sql, values);
      await runFenced({query}, statement);
      this.#deps.lease.fence.writes.committed();
    });
  }

  /** Returns the state of the saved checkpoint, without holding the lease. */
  checkpoint(): Promise<Checkpoint | null> {
    return this.#withTarget(target => readCheckpoint(target, this.#deps.lease.fence.stream));
  }

  /** Each leader begins with another id, because the previous leader's dump may not have ended. */
  #firstId(): number {
    return Number(BigInt(this.#deps.lease.fence.token) % 32n) * 32;
  }

  #startStream(): void {
    const {config, lag, logger, events} = this.#deps;
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#signal, stop.signal]);
    let connections = 0;
    const ended = runReplicator(
      {
        nextServerId: () => config.serverId + ((this.#firstId() + connections++) % config.serverIds),
        connect: async attempt => {
          const connections = await this.context.connectStream(attempt);
          if (connections.checkpoint.pending !== '') this.#pending.request();
          return connections;
        },
        anchor: attempt => this.context.anchor(attempt),
        lock: this.context.lock,
        tap: this.context.tap,
        lag,
        logger,
        now: Date.now,
        events,
        requestReconcile: reason => {
          // One line for all that one reconcile covers.
          logger[this.#pending.isPending ? 'debug' : 'warn'](
            {event: 'reconcile.owed', reason, waitMs: Math.round(this.#pending.waitMs)},
            'changes were logged without row images; scheduling a reconcile',
          );
          events.emit('unseen', reason);
          this.#pending.request();
        },
      },
      signal,
    ).catch((error: unknown) => {
      this.#stopped.abort(error);
    });
    this.#streaming = {stop, ended};
  }

  #query(sql: string, values?: readonly unknown[]): Promise<unknown[][]> {
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
