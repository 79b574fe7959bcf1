/** Runs reconciles one at a time, with a record of each. */
import {verifyTables} from '../reconciler/verifier.ts';
import {reconcile} from '../reconciler/reconciler.ts';
import {retryDeadLetters} from '../reconciler/retry.ts';
import {reconciledStatement} from './apply/checkpoint.ts';
import type {Config} from './config.ts';
import {ERROR_CODES, StoppedError, SyncError, type ErrorCode} from './errors.ts';
import type {LeaderEvents} from './leader-events.ts';
import {describeError, type Logger} from './logger.ts';
import {targetsOf} from './mapping/mapping.ts';
import type {Metrics} from './status/metrics.ts';
import type {EndedRun, Run, RunTrigger, StartedRun, TriggerRequest, Verdict} from './status/operations.ts';
import {noOutcomes, type RunStore} from './status/runs.ts';
import type {ReplicationContext} from './replication-context.ts';

/** Two workers keep both cores of a small server busy; more would only wait for each other's commits. */
const WORKERS = 2;
/** From this round trip on, in milliseconds, workers wait for answers most of the time, so that more of them help. */
const FAR_MS = 5;
const WORKERS_OF_FAR_SERVERS = 4;

export class ReconcileRunner {
  readonly #config: Config;
  readonly #context: ReplicationContext;
  readonly #store: RunStore;
  readonly #logger: Logger;
  readonly #metrics: Metrics | null;
  readonly #events: LeaderEvents;
  readonly #signal: AbortSignal;
  #current: {run: Run; ended: Promise<EndedRun>} | null = null;
  #starting = false;
  #coversMapping = false;

  constructor(deps: {
    config: Config;
    context: ReplicationContext;
    store: RunStore;
    logger: Logger;
    metrics: Metrics | null;
    events: LeaderEvents;
    /** Ends a run early: it is recorded as failed. */
    signal: AbortSignal;
  }) {
    this.#config = deps.config;
    this.#context = deps.context;
    this.#store = deps.store;
    this.#logger = deps.logger;
    this.#metrics = deps.metrics;
    this.#events = deps.events;
    this.#signal = deps.signal;
  }

  get current(): Run | null {
    return this.#current?.run ?? null;
  }

  /** A run has ended with this mapping; one that the brake stopped counts, because only its deletes are left. */
  get coversMapping(): boolean {
    return this.#coversMapping;
  }

  /** Resolves when no run is active. */
  async idle(): Promise<void> {
    await this.#current?.ended;
  }

  /** @throws SyncError `run-active` if a run is active */
  async start(trigger: RunTrigger, request: TriggerRequest): Promise<StartedRun> {
    if (this.#current !== null || this.#starting)
      throw new SyncError('run-active', 'a reconcile is already running');
    this.#starting = true;
    try {
      const run = await this.#store.begin(trigger, request.mode);
      const ended = this.#execute(run, request);
      this.#current = {run, ended};
      this.#events.emit('run', run);
      return {runId: run.runId, ended};
    } finally {
      this.#starting = false;
    }
  }

  async #execute(run: Run, request: TriggerRequest): Promise<EndedRun> {
    const logger = this.#logger.child({runId: run.runId});
    logger.info({event: 'reconcile.started', mode: run.mode, trigger: run.trigger}, 'reconcile started');
    let ended: Run;
    let failure: ErrorCode | null = null;
    try {
      ended = await this.#record(run, await this.#run(run, request, logger));
    } catch (error) {
      failure = failureOf(error);
      ended = await this.#fail(run, error, logger);
    }
    this.#current = null;
    if (ended.state !== 'running') {
      this.#metrics?.reconcileEnded({mode: ended.mode, state: ended.state, ms: ended.durationMs ?? 0});
    }
    // A full run writes every row, so the number of written rows does not measure drift.
    for (const [table, {repaired, deleted}] of run.mode === 'diff' ? Object.entries(ended.tables) : []) {
      if (repaired > 0) this.#metrics?.drift(table, 'repaired', repaired);
      if (deleted > 0) this.#metrics?.drift(table, 'deleted', deleted);
    }
    logger[ended.state === 'succeeded' ? 'info' : 'warn'](
      {
        event: 'reconcile.ended',
        state: ended.state,
        ms: ended.durationMs,
        tables: ended.tables,
        ...(ended.error === null ? {} : {reason: ended.error}),
      },
      `reconcile ${ended.state}`,
    );
    if (ended.state === 'succeeded' || ended.state === 'needs-confirmation') this.#coversMapping = true;
    if (ended.state === 'succeeded') this.#events.emit('advance');
    this.#events.emit('run', ended);
    return {...ended, failure};
  }

  async #run(run: Run, request: TriggerRequest, logger: Logger) {
    const count = this.#context.roundTripMs < FAR_MS ? WORKERS : WORKERS_OF_FAR_SERVERS;
    const connections = await this.#context.connectWorkers(count, this.#signal);
    const {applier} = connections;
    const {timesRequested} = applier;
    try {
      const result = await reconcile(
        {
          applier,
          workers: connections.workers,
          tap: this.#context.tap,
          lock: this.#context.lock,
          logger,
          onProgress: progress => this.#events.emit('progress', {runId: run.runId, ...progress}),
        },
        {
          mode: request.mode,
          allowDeletes: request.allowDeletes,
          mirror: this.#config.deletes === 'mirror',
          newestWins: this.#config.conflicts === 'newest',
          batchRows: this.#config.reconcile.batchRows,
          maxDeleteRatio: this.#config.reconcile.maxDeleteRatio,
        },
        this.#signal,
      );
      // The run covers what was pending when it began, but not what became pending meanwhile, which it may have
      // missed. What the brake stops waits for an operator, not for another run. This runs under the lock, so
      // that the stream requests no reconcile now.
      await this.#context.lock.shared(async () => {
        const [worker] = connections.workers;
        if (worker === undefined) return;
        const {canonical} = this.#config.mapping;
        const ended = reconciledStatement(
          applier.fence,
          canonical,
          applier.timesRequested === timesRequested,
        );
        await applier.runFenced(worker.writer.session, ended);
      });
      this.#events.emit('foreign', result.foreign);
      return result;
    } finally {
      connections.close();
    }
  }

  async #record(run: Run, result: Awaited<ReturnType<typeof reconcile>>): Promise<Run> {
    if (result.unconfirmed === null) return this.#store.end(run, 'succeeded', result.tables, null);
    const counts = Object.entries(result.unconfirmed)
      .filter(([, count]) => count > 0)
      .map(([table, count]) => `${count} of ${table}`);
    return this.#store.end(run, 'needs-confirmation', result.tables, `rows to delete: ${counts.join(', ')}`);
  }

  async #fail(run: Run, error: unknown, logger: Logger): Promise<Run> {
    const reason =
      error instanceof SyncError
        ? `${error.code}: ${error.message}`
        : error instanceof StoppedError
          ? 'interrupted'
          : `internal: ${ERROR_CODES.internal.meaning}`;
    if (!(error instanceof StoppedError))
      logger.error({event: 'reconcile.failed', err: describeError(error)}, 'reconcile failed');
    try {
      return await this.#store.end(run, 'failed', noOutcomes(targetsOf(this.#config.mapping)), reason);
    } catch (storeError) {
      // The target is unreachable: the record is corrected at the next start.
      logger.warn(
        {event: 'reconcile.unrecorded', err: describeError(storeError)},
        'the end of the run could not be recorded',
      );
      return {
        ...run,
        state: 'failed',
        error: reason,
        endedAt: new Date().toISOString(),
        durationMs: Date.now() - Date.parse(run.startedAt),
      };
    }
  }

  /** Compares every row on both sides; writes nothing. */
  verify(signal: AbortSignal): Promise<Verdict> {
    return verifyTables(this.#config, signal);
  }

  async retryDeadLetters(): Promise<{retried: number; remaining: number}> {
    const connections = await this.#context.connectWorkers(1, this.#signal);
    try {
      const [worker] = connections.workers;
      if (worker === undefined) return {retried: 0, remaining: 0};
      return await retryDeadLetters(
        {applier: connections.applier, lock: this.#context.lock, tap: this.#context.tap},
        worker,
      );
    } finally {
      connections.close();
    }
  }
}

/**
 * The target holds the lease: an instance that cannot reach it does not lead, so its run is interrupted, not
 * failed.
 */
function failureOf(error: unknown): ErrorCode {
  if (error instanceof StoppedError) return 'run-interrupted';
  if (!(error instanceof SyncError)) return 'internal';
  return ['lease-lost', 'target-unreachable'].includes(error.code) ? 'run-interrupted' : error.code;
}
