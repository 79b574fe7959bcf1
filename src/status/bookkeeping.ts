/** What the bookkeeping tables say about runs and dead letters, kept in memory so that status answers from there. */
import {DEAD_LETTER_CODES, isDeadLetterCode, type DeadLetterCode} from '../errors.ts';
import {describeError, type Logger} from '../logger.ts';
import {pause} from '../lifecycle/backoff.ts';
import type {Metrics} from './metrics.ts';
import type {Run} from './operations.ts';
import {laterRun, laterTime, type RunStore} from './runs.ts';

const READ_MS = 2000;

export interface BookkeepingFacts {
  readonly lastRun: Run | null;
  /** When the last run ended that left nothing to do. */
  readonly lastSync: string | null;
  readonly deadLetters: number;
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
  /** Every code that was ever counted: one that has no rows any more is counted as 0. */
  readonly #codes = new Set<DeadLetterCode>(DEAD_LETTER_CODES);
  #reading: Promise<void> = Promise.resolve();
  /** A read that has not begun, for all who ask meanwhile. */
  #next: Promise<void> | null = null;

  constructor(deps: BookkeepingDeps) {
    this.#deps = deps;
  }

  get facts(): BookkeepingFacts {
    return {lastRun: this.#lastRun, lastSync: this.#lastSync, deadLetters: this.#deadLetters};
  }

  /** A run of this instance, which is shown before it is read. */
  ended(run: Run): void {
    this.#lastRun = run;
    if (run.state === 'succeeded') this.#lastSync = run.endedAt;
    void this.read(); // its dead letters; a failure is met there
  }

  /** For a standby as for the leader. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.read();
      await pause(READ_MS, signal);
    }
  }

  /** Reads them once more, after a read that is under way: what it finds is of now. */
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
      // A run may end while these are asked for.
      const last = await store.last();
      this.#lastRun = laterRun(this.#lastRun, last);
      const lastSuccess = await store.lastSuccess();
      this.#lastSync = laterTime(this.#lastSync, lastSuccess);
    } catch (error) {
      logger.debug(
        {event: 'bookkeeping.failed', err: describeError(error)},
        'the bookkeeping could not be read',
      );
    }
  }
}
