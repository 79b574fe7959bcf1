/**
 * Holds what was read and is not applied yet, bounded by bytes: past the upper mark the source is paused, and
 * below the lower one it is resumed (docs/invariants.md, 6).
 */
import type {SourceTransaction} from './transaction/transaction.ts';

/** The measured memory of a transaction beside its rows, even if it holds no mapped rows. */
const OBJECT_BYTES = 512;

export interface QueueOptions {
  readonly pauseBytes: number;
  readonly resumeBytes: number;
  readonly pause: () => void;
  readonly resume: () => void;
}

export class TransactionQueue {
  readonly #options: QueueOptions;
  #items: (SourceTransaction | null)[] = [];
  #head = 0;
  #bytes = 0;
  #paused = false;
  #fault: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#head >= this.#items.length;
  }

  /** The time of the oldest commit in the queue. */
  get oldestCommitMs(): number | null {
    for (let i = this.#head; i < this.#items.length; i++) {
      const item = this.#items[i];
      if (item !== undefined && item !== null && item.committedAtMs !== null) return item.committedAtMs;
    }
    return null;
  }

  push(transaction: SourceTransaction): void {
    // Moves of the position take one entry, whatever their number.
    const last = this.#items.at(-1);
    if (
      last !== undefined &&
      last !== null &&
      this.#items.length > this.#head &&
      isBare(last) &&
      isBare(transaction)
    ) {
      this.#items[this.#items.length - 1] = transaction;
    } else {
      this.#items.push(transaction);
      this.#bytes += weight(transaction);
    }
    if (!this.#paused && this.#bytes >= this.#options.pauseBytes) {
      this.#paused = true;
      this.#options.pause();
    }
    this.#notify();
  }

  /** Ends the stream: the queued entries are still returned, then the fault is thrown. */
  fail(fault: Error): void {
    this.#fault ??= fault;
    this.#notify();
  }

  /** Resolves when an entry is queued or the signal is set; throws the fault once nothing is queued. */
  async ready(signal: AbortSignal): Promise<void> {
    while (this.isEmpty && !signal.aborted) {
      if (this.#fault !== null) throw this.#fault;
      await new Promise<void>(resolve => {
        const wake = () => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#wake = wake;
        signal.addEventListener('abort', wake, {once: true});
      });
    }
  }

  /** Whether {@link take} would return a full batch that the current plan reads. */
  hasFullBatch(maxBytes: number): boolean {
    const next = this.#items[this.#head];
    return (
      next !== undefined &&
      next !== null &&
      next.defined.size === 0 &&
      (!next.complete || this.#bytes >= maxBytes)
    );
  }

  /**
   * Returns the next transactions, as many as fit in `maxBytes` of rows, at least one. A part of a transaction is
   * alone in its batch. Changes of definitions are, too, but several in a row are one batch: the schemas are read
   * once for all of them.
   */
  take(maxBytes: number): SourceTransaction[] {
    const batch: SourceTransaction[] = [];
    let bytes = 0;
    while (this.#head < this.#items.length) {
      const next = this.#items[this.#head];
      if (next === undefined || next === null) break;
      const last = batch.at(-1);
      if (last !== undefined && (bytes + next.bytes > maxBytes || !mayFollow(last, next))) break;
      batch.push(next);
      // The queue must not keep alive what was taken.
      this.#items[this.#head++] = null;
      this.#bytes -= weight(next);
      bytes += next.bytes;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    if (this.#paused && this.#bytes <= this.#options.resumeBytes) {
      this.#paused = false;
      this.#options.resume();
    }
    return batch;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

/** Whether two transactions may be in one batch, which has one plan. */
function mayFollow(last: SourceTransaction, next: SourceTransaction): boolean {
  if (!last.complete || !next.complete) return false;
  if (last.defined.size > 0) return next.defined.size > 0 && last.rows.length === 0;
  return next.defined.size === 0;
}

/** It only moves the position, and carries no GTID that would be lost. */
function isBare(transaction: SourceTransaction): boolean {
  return (
    transaction.rows.length === 0 &&
    transaction.complete &&
    transaction.gtid === null &&
    transaction.unseen === null &&
    transaction.defined.size === 0
  );
}

function weight(transaction: SourceTransaction): number {
  return transaction.bytes + OBJECT_BYTES;
}
