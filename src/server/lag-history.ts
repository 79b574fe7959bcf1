/** The samples of the last hour for the charts of the dashboard. In memory only, and bounded. */
import type {Operations} from '../status/operations.ts';
import type {Clock} from './context.ts';

const SAMPLE_MS = 5000;
/** A lag that begins and ends between two samples is included in the second one. */
const LOOK_MS = 1000;
const HISTORY_MS = 3_600_000;
const MAX_SAMPLES = HISTORY_MS / SAMPLE_MS;

/** Columns instead of rows: the form that the chart needs, and a third of the size. The counters are totals. */
export interface LagColumns {
  readonly at: readonly number[];
  readonly lag: readonly (number | null)[];
  readonly rows: readonly number[];
  readonly transactions: readonly number[];
}

export class LagHistory {
  readonly #operations: Pick<Operations, 'status'>;
  readonly #clock: Clock;
  readonly #at: number[] = [];
  readonly #lag: (number | null)[] = [];
  readonly #rows: number[] = [];
  readonly #transactions: number[] = [];
  #worst: number | null = null;
  #looks = 0;

  constructor(operations: Pick<Operations, 'status'>, clock: Clock) {
    this.#operations = operations;
    this.#clock = clock;
  }

  /** Takes samples until the signal is set. The timer keeps no process alive. */
  start(signal: AbortSignal): void {
    if (signal.aborted) return;
    this.sample();
    const timer = setInterval(() => this.#look(), LOOK_MS).unref();
    signal.addEventListener('abort', () => clearInterval(timer), {once: true});
  }

  #look(): void {
    this.#looks += 1;
    if (this.#looks % (SAMPLE_MS / LOOK_MS) === 0) return this.sample();
    const {lagSeconds} = this.#operations.status().replication;
    if (lagSeconds !== null) this.#worst = Math.max(this.#worst ?? 0, lagSeconds);
  }

  sample(): void {
    const {lagSeconds, rowsApplied, transactionsApplied} = this.#operations.status().replication;
    this.#at.push(this.#clock.now() / 1000);
    this.#lag.push(lagSeconds === null ? null : Math.max(lagSeconds, this.#worst ?? 0));
    this.#worst = null;
    this.#rows.push(rowsApplied);
    this.#transactions.push(transactionsApplied);
    if (this.#at.length <= MAX_SAMPLES) return;
    for (const column of [this.#at, this.#lag, this.#rows, this.#transactions]) column.shift();
  }

  columns(): LagColumns {
    return {
      at: [...this.#at],
      lag: [...this.#lag],
      rows: [...this.#rows],
      transactions: [...this.#transactions],
    };
  }
}
