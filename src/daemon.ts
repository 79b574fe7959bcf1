/** The daemon: waits for the lease, leads while it has it, and answers for what it does meanwhile. */
import type {Knex} from 'knex';
import {verifyTables} from '../reconciler/verifier.ts';
import type {StreamTap} from './apply/stream-tap.ts';
import type {Config} from './config.ts';
import {waitForLease} from './db/lease.ts';
import {DEAD_LETTER_CODES, ERROR_CODES, StoppedError, SyncError} from './errors.ts';
import {Backoff, pause} from './lifecycle/backoff.ts';
import {describeError, type Logger} from './logger.ts';
import {Leadership} from './leadership.ts';
import {healthOf, unseenWarnings, type Unseen} from './status/health.ts';
import {LagTracker} from './status/lag.ts';
import type {Metrics} from './status/metrics.ts';
import type {
  DeadLetter,
  OperationEvent,
  Operations,
  Page,
  ReplicationState,
  Run,
  RunProgress,
  StartedRun,
  Status,
  TargetTable,
  TriggerRequest,
  Verdict,
} from './status/operations.ts';
import {watchCounts, watchLogEnd, type Counted} from './status/poller.ts';
import {laterRun, laterTime, RunStore} from './status/runs.ts';

const STATUS_PUSH_MS = 1000;
const BOOKKEEPING_MS = 2000;

export interface DaemonDeps {
  readonly config: Config;
  readonly knex: Knex;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Shown to those who wait for the lease. */
  readonly holder: string;
}

export class Daemon implements Operations {
  readonly #deps: DaemonDeps;
  readonly #store: RunStore;
  readonly #lag = new LagTracker();
  readonly #listeners = new Set<(event: OperationEvent) => void>();
  #leadership: Leadership | null = null;
  #state: ReplicationState = 'starting';
  #stateSinceMs = Date.now();
  #fault: SyncError | null = null;
  #counted: Counted | null = null;
  #foreign: Record<TargetTable, number> | null = null;
  #lagBytes: number | null = null;
  #lastRun: Run | null = null;
  #lastSync: string | null = null;
  #progress: RunProgress | null = null;
  #deadLetters = 0;
  #transactions = 0;
  #rows = 0;
  /** Set where rows were written that the stream did not count: a first load, a repair. */
  #countDue = new AbortController();
  #unseen: Unseen | null = null;
  #reconnects = 0;
  #lastAppliedMs: number | null = null;
  /** Where the leader before stopped. */
  #saved: StreamTap['lastPosition'] = null;

  constructor(deps: DaemonDeps) {
    this.#deps = deps;
    this.#store = new RunStore(deps.knex, deps.config.name);
  }

  /**
   * Runs until the signal is set.
   *
   * @throws SyncError that no retry mends
   */
  async serve(signal: AbortSignal): Promise<void> {
    const {config, logger, metrics} = this.#deps;
    const watchers = [
      watchLogEnd(config, this.#lag, bytes => (this.#lagBytes = bytes), logger, signal),
      watchCounts(
        {config, logger, due: () => this.#countDue.signal},
        counted => (this.#counted = counted),
        signal,
      ),
      this.#pushStatus(signal),
      this.#watchBookkeeping(signal),
    ];
    const backoff = new Backoff({firstMs: 200, maxMs: 10_000});
    try {
      while (!signal.aborted) {
        try {
          await this.#lead(signal, () => backoff.reset());
        } catch (error) {
          if (error instanceof StoppedError || signal.aborted) break;
          const fault =
            error instanceof SyncError
              ? error
              : new SyncError('internal', 'an unexpected fault', {cause: error});
          if (fault.reaction === 'stop') throw fault;
          this.#setState('starting', fault);
          logger.warn(
            {event: 'lead.retry', err: describeError(error)},
            'this instance does not lead: trying again',
          );
          await pause(backoff.nextMs(), signal);
        } finally {
          metrics.leader(false);
          this.#leadership = null;
        }
      }
    } finally {
      this.#setState('stopped', this.#fault);
      await Promise.allSettled(watchers);
    }
  }

  async #lead(signal: AbortSignal, onLeading: () => void): Promise<void> {
    const {config, logger, metrics, holder} = this.#deps;
    const options = {config: config.target, stream: config.name, holder};
    const lease = await waitForLease(options, signal, () => {
      this.#setState('standby', null);
      logger.info({event: 'lease.waiting'}, 'another instance leads: standing by');
    });
    try {
      logger.info({event: 'lease.acquired', token: lease.fence.token}, 'this instance leads');
      metrics.leader(true);
      onLeading();
      this.#setState('starting', null);
      const leadership = new Leadership(
        {
          config,
          lease,
          store: this.#store,
          metrics,
          lag: this.#lag,
          logger,
          events: {
            onState: (state, fault) => this.#setState(state, fault),
            onRun: run => this.#onRun(run),
            onProgress: progress => this.#onProgress(progress),
            onForeign: foreign => (this.#foreign = foreign),
            onUnseen: reason => (this.#unseen = {reason, atMs: Date.now()}),
            onApplied: batch => {
              this.#transactions += batch.transactions;
              this.#rows += batch.rows;
              this.#lastAppliedMs = Date.now();
            },
          },
        },
        signal,
      );
      const saved = await leadership.checkpoint();
      this.#transactions = saved?.transactionsApplied ?? 0;
      this.#rows = saved?.rowsApplied ?? 0;
      this.#lastAppliedMs = saved?.appliedAtMs ?? null;
      this.#saved = saved?.position == null ? null : {position: saved.position, offset: saved.offset};
      this.#leadership = leadership;
      await leadership.run();
    } finally {
      await lease.release();
    }
  }

  status(): Status {
    const {config} = this.#deps;
    const nowMs = Date.now();
    const leadership = this.#leadership;
    const state =
      this.#state === 'streaming' && leadership?.isLoading === true ? 'snapshotting' : this.#state;
    const isLeading = leadership !== null;
    const lagSeconds = isLeading && config.replicationEnabled ? this.#lag.lagSeconds(nowMs) : null;
    const {reasons, warnings} = healthOf({
      replicationEnabled: config.replicationEnabled,
      state,
      fault: this.#fault,
      stateForMs: nowMs - this.#stateSinceMs,
      lagSeconds,
      maxLagSeconds: config.maxLagSeconds,
      lastRun: this.#lastRun,
      deadLetters: this.#deadLetters,
      warnings: unseenWarnings(this.#unseen, nowMs),
    });
    // Where it stands still is what is asked for when it is halted or paused.
    const position =
      config.replicationEnabled && leadership !== null
        ? (leadership.workbench.tap.lastPosition ?? this.#saved)
        : null;
    return {
      name: config.name,
      lastSync: this.#lastSync,
      organizationService: this.#counted?.target ?? null,
      sourceDatabase: this.#counted?.source ?? null,
      countedAt: iso(this.#counted?.atMs ?? null),
      isHealthy: reasons.length === 0,
      timestamp: new Date(nowMs).toISOString(),
      replication: {
        state,
        lagSeconds: lagSeconds === null ? null : Math.round(lagSeconds * 1000) / 1000,
        lagBytes: isLeading ? this.#lagBytes : null,
        position:
          position === null
            ? null
            : {
                ...position.position,
                ...(position.offset === null
                  ? {}
                  : {file: position.offset.file, offset: position.offset.offset}),
              },
        sourcePosition: this.#lag.knownEnd === null ? null : {...this.#lag.knownEnd},
        lastEventAt: iso(this.#lag.lastEventMs),
        lastContactAt: iso(this.#lag.lastContactMs),
        lastAppliedAt: iso(this.#lastAppliedMs),
        transactionsApplied: this.#transactions,
        rowsApplied: this.#rows,
        reconnects: this.#reconnects,
        fault:
          this.#fault === null
            ? null
            : {code: this.#fault.code, action: ERROR_CODES[this.#fault.code].action},
      },
      lastRun: this.#lastRun,
      currentRun: leadership?.runner.current ?? null,
      progress: this.#progress,
      nextRun: leadership?.nextRun?.toISOString() ?? null,
      deadLetters: this.#deadLetters,
      foreignRows: this.#foreign,
      reasons,
      warnings,
    };
  }

  isReady(): boolean {
    const {config} = this.#deps;
    if (this.#state === 'standby') return true;
    if (this.#leadership === null) return false;
    return this.#state === 'streaming' || (!config.replicationEnabled && this.#state === 'stopped');
  }

  async trigger(request: TriggerRequest): Promise<StartedRun> {
    return this.#leader().runner.start('api', request);
  }

  verify(signal: AbortSignal): Promise<Verdict> {
    return verifyTables(this.#deps.config, signal);
  }

  pause(): Promise<void> {
    return this.#leader().pause();
  }

  resume(): Promise<void> {
    return this.#leader().resume();
  }

  runs(page: {after: string | null; limit: number}): Promise<Page<Run>> {
    return this.#store.list(page);
  }

  run(runId: string): Promise<Run | null> {
    return this.#store.find(runId);
  }

  deadLetters(page: {
    after: string | null;
    limit: number;
    table?: TargetTable | undefined;
  }): Promise<Page<DeadLetter>> {
    return this.#store.deadLetters(page);
  }

  retryDeadLetters(): Promise<{retried: number; remaining: number}> {
    return this.#leader().runner.retryDeadLetters();
  }

  subscribe(listener: (event: OperationEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #leader(): Leadership {
    if (this.#leadership === null)
      throw new SyncError('lease-held', 'this instance does not lead: ask the one that does');
    return this.#leadership;
  }

  #setState(state: ReplicationState, fault: SyncError | null): void {
    if (state === this.#state && fault?.code === this.#fault?.code) return;
    if (state !== this.#state) {
      this.#stateSinceMs = Date.now();
      this.#deps.logger.info({event: 'state', state}, `replication is ${state}`);
      if (state === 'starting' && fault !== null) this.#reconnects++;
    }
    this.#state = state;
    this.#fault = fault;
    this.#emit({tag: 'status', status: this.status()});
  }

  #onRun(run: Run): void {
    if (run.state !== 'running') {
      this.#lastRun = run;
      this.#progress = null;
      if (run.state === 'succeeded') this.#lastSync = run.endedAt;
      if (Object.values(run.tables).some(({repaired, deleted}) => repaired + deleted > 0)) {
        this.#countDue.abort();
        this.#countDue = new AbortController();
      }
      void this.#readBookkeeping(); // its dead letters; a failure is met there
    }
    this.#emit({tag: 'run', run});
  }

  #onProgress(progress: RunProgress): void {
    this.#progress = progress;
    this.#emit({tag: 'progress', progress});
  }

  #emit(event: OperationEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  async #pushStatus(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#listeners.size > 0) this.#emit({tag: 'status', status: this.status()});
      await pause(STATUS_PUSH_MS, signal);
    }
  }

  /** For a standby as for the leader. */
  async #watchBookkeeping(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#readBookkeeping();
      await pause(BOOKKEEPING_MS, signal);
    }
  }

  /** What stands in the bookkeeping tables. */
  async #readBookkeeping(): Promise<void> {
    try {
      const counts = await this.#store.deadLetterCounts();
      this.#deadLetters = [...counts.values()].reduce((sum, count) => sum + count, 0);
      for (const code of DEAD_LETTER_CODES) this.#deps.metrics.deadLetters(code, counts.get(code) ?? 0);
      this.#lastRun = laterRun(this.#lastRun, await this.#store.last());
      this.#lastSync = laterTime(this.#lastSync, await this.#store.lastSuccess());
    } catch (error) {
      this.#deps.logger.debug(
        {event: 'bookkeeping.failed', err: describeError(error)},
        'the bookkeeping could not be read',
      );
    }
  }
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
