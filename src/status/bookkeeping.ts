/** The state of runs and dead letters from the bookkeeping tables, kept in memory for the status. */
import {DEAD_LETTER_CODES, isDeadLetterCode, SyncError, type DeadLetterCode} from '../errors.ts';
import {describeError, type Logger} from '../logger.ts';
import {pause} from '../lifecycle/backoff.ts';
import type {Metrics} from './metrics.ts';
import type {Run} from './operations.ts';
import {laterRun, laterTime, type RunStore} from './runs.ts';

const READ_MS = 2000;

export interface BookkeepingFacts {
  readonly lastRun: Run | null;
  /** When the last run that left nothing to do ended. */
  readonly lastSync: string | null;
  readonly deadLetters: number;
  /** Why the tables cannot be read, until they can be. */
  readonly fault: SyncError | null;
}

export interface BookkeepingDeps {
  readonly store: Pick<RunStore, 'deadLetterCounts' | 'last' | 'lastSuccess'>;
  readonly metrics: Pick<Metrics, 'deadLetters'>;
  readonly logger: Logger;
}

export class Bookkeeping {
  readonly #deps: BookkeepingDeps;
  #lastRun: Run | null = null;
  #lastSync: string | null = null;
  #deadLetters = 0;
  #fault: SyncError | null = null;
  /** Every code that was ever counted: a code without rows is counted as 0. */
  readonly #codes = new Set<DeadLetterCode>(DEAD_LETTER_CODES);
  #reading: Promise<void> = Promise.resolve();
  /** A read that has not begun, for all callers until then. */
  #next: Promise<void> | null = null;

  constructor(deps: BookkeepingDeps) {
    this.#deps = deps;
  }

  get facts(): BookkeepingFacts {
    return {
      lastRun: this.#lastRun,
      lastSync: this.#lastSync,
      deadLetters: this.#deadLetters,
      fault: this.#fault,
    };
  }

  /** A run of this instance, which is shown before it is read. */
  ended(run: Run): void {
    this.#lastRun = run;
    if (run.state === 'succeeded') this.#lastSync = run.endedAt;
    void this.read(); // reads its dead letters; read() handles a failure
  }

  /** Reads for a standby as for the leader. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.read();
      await pause(READ_MS, signal);
    }
  }

  /** Reads the tables once more, after the current read, so that the result is current. */
  read(): Promise<void> {
    this.#next ??= this.#reading.then(() => {
      this.#next = null;
      return (this.#reading = this.#read());
    });
    return this.#next;
  }

  async #read(): Promise<void> {
    const {store, metrics, logger} = this.#deps;
    try {
      const counts = await store.deadLetterCounts();
      this.#deadLetters = [...counts.values()].reduce((sum, count) => sum + count, 0);
      for (const code of counts.keys()) if (isDeadLetterCode(code)) this.#codes.add(code);
      for (const code of this.#codes) metrics.deadLetters(code, counts.get(code) ?? 0);
      // A run may end during these queries.
      const last = await store.last();
      this.#lastRun = laterRun(this.#lastRun, last);
      const lastSuccess = await store.lastSuccess();
      this.#lastSync = laterTime(this.#lastSync, lastSuccess);
      this.#fault = null;
    } catch (error) {
      this.#fault = error instanceof SyncError ? error : null;
      logger.debug(
        {event: 'bookkeeping.failed', err: describeError(error)},
        'the bookkeeping could not be read',
      );
    }
  }
}
