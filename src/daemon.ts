/** The daemon: waits for the lease, leads while it holds it, and serves its status and operations meanwhile. */
import {EventEmitter} from 'node:events';
import type {Knex} from 'knex';
import {verifyTables} from '../reconciler/verifier.ts';
import {measureEvents} from './event-metrics.ts';
import {KnownWrites} from './apply/checkpoint.ts';
import type {Config} from './config.ts';
import {waitForLease} from './db/lease.ts';
import {renewConnections} from './db/models.ts';
import {ERROR_CODES, StoppedError, SyncError} from './errors.ts';
import {Backoff, pause} from './lifecycle/backoff.ts';
import {describeError, type Logger} from './logger.ts';
import type {LeaderEventMap, LeaderEvents} from './leader-events.ts';
import {Leadership} from './leadership.ts';
import {targetsOf} from './mapping/mapping.ts';
import {Bookkeeping} from './status/bookkeeping.ts';
import {LagTracker} from './status/lag.ts';
import type {Metrics} from './status/metrics.ts';
import type {
  DeadLetter,
  OperationEvent,
  Operations,
  Page,
  Run,
  RunProgress,
  StartedRun,
  Status,
  TriggerRequest,
  Verdict,
} from './status/operations.ts';
import {watchCounts, watchLogEnd, type Counted} from './status/poller.ts';
import {RunStore} from './status/runs.ts';
import {statusOf, type Place} from './status/status.ts';
import {Subscribers} from './status/subscribers.ts';
import {StreamFacts} from './stream-facts.ts';

/** The longest wait before the next try to lead: a cluster that has a writer again is noticed soon. */
const LONGEST_WAIT_MS = 5000;

export interface DaemonDeps {
  readonly config: Config;
  readonly knex: Knex;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The owner's name, shown to the instances that wait for the lease. */
  readonly holder: string;
}

export class Daemon implements Operations {
  readonly #deps: DaemonDeps;
  readonly #store: RunStore;
  readonly #bookkeeping: Bookkeeping;
  readonly #lag = new LagTracker();
  readonly #events: LeaderEvents = new EventEmitter<LeaderEventMap>();
  readonly #subscribers = new Subscribers(() => this.status());
  readonly #stream: StreamFacts;
  #leadership: Leadership | null = null;
  #counted: Counted | null = null;
  #lagBytes: number | null = null;
  #progress: RunProgress | null = null;
  /** Set when rows were written that the stream did not count: by a first load or a repair. */
  #countDue = new AbortController();
  readonly #writes = new KnownWrites();
  /** The position at which the previous leader stopped. */
  #saved: Place | null = null;

  constructor(deps: DaemonDeps) {
    this.#deps = deps;
    this.#store = new RunStore(deps.knex, deps.config.name, targetsOf(deps.config.mapping));
    this.#bookkeeping = new Bookkeeping({...deps, store: this.#store});
    this.#stream = new StreamFacts(this.#events, deps.logger, () =>
      this.#subscribers.emit({tag: 'status', status: this.status()}),
    );
    measureEvents(this.#events, deps.metrics, targetsOf(deps.config.mapping));
    this.#events.on('run', run => this.#onRun(run)).on('progress', progress => this.#onProgress(progress));
  }

  /**
   * Runs until the signal is set.
   *
   * @throws SyncError that no retry fixes
   */
  async serve(signal: AbortSignal): Promise<void> {
    const {config, logger, metrics} = this.#deps;
    // The watchers also end with a fault that no retry fixes.
    const ended = new AbortController();
    const watching = AbortSignal.any([signal, ended.signal]);
    const watchers = [
      watchLogEnd(config, this.#lag, bytes => (this.#lagBytes = bytes), logger, watching),
      watchCounts(
        {
          config,
          logger,
          due: () => this.#countDue.signal,
          areParentsProven: () => this.#leadership?.context.tap.parentsProven ?? false,
        },
        counted => (this.#counted = counted),
        watching,
      ),
      this.#subscribers.pushStatus(watching),
      this.#bookkeeping.watch(watching),
    ];
    const backoff = new Backoff({firstMs: 200, maxMs: LONGEST_WAIT_MS});
    this.#events.on('advance', () => backoff.reset());
    try {
      while (!signal.aborted) {
        try {
          await this.#lead(signal);
        } catch (error) {
          if (error instanceof StoppedError || signal.aborted) break;
          const fault =
            error instanceof SyncError
              ? error
              : new SyncError('internal', 'an unexpected fault', {cause: error});
          if (fault.reaction === 'stop') throw fault;
          // The address may lead to another server now, which the pooled connections do not notice.
          renewConnections(this.#deps.knex);
          this.#stream.enter('starting', fault);
          logger.warn(
            {event: 'lead.retry', err: describeError(error)},
            'this instance does not lead; retrying',
          );
          await pause(backoff.nextMs(), signal);
        } finally {
          metrics.leader(false);
          this.#leadership = null;
        }
      }
    } finally {
      this.#stream.enter('stopped', this.#stream.fault);
      ended.abort();
      await Promise.allSettled(watchers);
    }
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const {config, logger, metrics, holder} = this.#deps;
    const options = {config: config.target, stream: config.name, holder, writes: this.#writes};
    const lease = await waitForLease(options, signal, () => {
      this.#stream.enter('standby', null);
      logger.info({event: 'lease.waiting'}, 'another instance leads; standing by');
    });
    try {
      logger.info({event: 'lease.acquired', token: lease.fence.token}, 'this instance leads');
      metrics.leader(true);
      this.#stream.enter('starting', null);
      const leadership = new Leadership(
        {
          config,
          lease,
          store: this.#store,
          metrics,
          lag: this.#lag,
          logger,
          events: this.#events,
        },
        signal,
      );
      const saved = await leadership.checkpoint();
      this.#stream.resumeFrom({
        transactions: saved?.transactionsApplied ?? 0,
        rows: saved?.rowsApplied ?? 0,
        atMs: saved?.appliedAtMs ?? null,
      });
      this.#saved = saved?.position == null ? null : {position: saved.position, offset: saved.offset};
      this.#leadership = leadership;
      await leadership.run();
    } finally {
      await lease.release();
    }
  }

  status(): Status {
    const {name, replicationEnabled, maxLagSeconds} = this.#deps.config;
    const leadership = this.#leadership;
    return statusOf(
      {
        name,
        replicationEnabled,
        maxLagSeconds,
        ...this.#stream.facts,
        leading:
          leadership === null
            ? null
            : {
                isLoading: leadership.isLoading,
                place: leadership.context.tap.lastPosition ?? this.#saved,
                currentRun: leadership.runner.current,
                nextRun: leadership.nextRun,
              },
        lag: this.#lag,
        lagBytes: this.#lagBytes,
        counted: this.#counted,
        progress: this.#progress,
        bookkeeping: this.#bookkeeping.facts,
        mappingChanged: leadership?.mappingChanged ?? false,
      },
      Date.now(),
    );
  }

  isReady(): boolean {
    const {config} = this.#deps;
    if (this.#stream.state === 'standby') return true;
    if (this.#leadership === null) return false;
    return (
      this.#stream.state === 'streaming' || (!config.replicationEnabled && this.#stream.state === 'stopped')
    );
  }

  async trigger(request: TriggerRequest): Promise<StartedRun> {
    const {runId, ended} = await this.#leader().runner.start('api', request);
    // A caller who has the answer must not see an older status.
    return {runId, ended: ended.then(run => this.#afterReading(run))};
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
    table?: string | undefined;
  }): Promise<Page<DeadLetter>> {
    return this.#store.deadLetters(page);
  }

  async retryDeadLetters(): Promise<{retried: number; remaining: number}> {
    return this.#afterReading(await this.#leader().runner.retryDeadLetters());
  }

  subscribe(listener: (event: OperationEvent) => void): () => void {
    return this.#subscribers.add(listener);
  }

  async #afterReading<T>(answer: T): Promise<T> {
    await this.#bookkeeping.read();
    return answer;
  }

  #leader(): Leadership {
    if (this.#leadership !== null) return this.#leadership;
    if (this.#stream.state === 'standby')
      throw new SyncError('lease-held', 'this instance does not lead: send the request to the one that does');
    throw new SyncError(
      'not-leading',
      `this instance does not lead yet. ${ERROR_CODES['not-leading'].action}`,
    );
  }

  #onRun(run: Run): void {
    if (run.state !== 'running') {
      this.#progress = null;
      if (Object.values(run.tables).some(({repaired, deleted}) => repaired + deleted > 0)) {
        this.#countDue.abort();
        this.#countDue = new AbortController();
      }
      this.#bookkeeping.ended(run);
    }
    this.#subscribers.emit({tag: 'run', run});
  }

  #onProgress(progress: RunProgress): void {
    this.#progress = progress;
    this.#subscribers.emit({tag: 'progress', progress});
  }
}
