/**
 * What was read and is not applied yet, bounded by bytes: past the upper mark the source is paused, below
 * the lower one it goes on (docs/invariants.md, 6).
 */
import type {SourceTransaction} from './transaction/transaction.ts';

/** What a transaction takes beside its rows, even where it holds nothing of ours; as measured. */
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

  /** The oldest commit that waits. */
  get oldestCommitMs(): number | null {
    for (let i = this.#head; i < this.#items.length; i++) {
      const item = this.#items[i];
      if (item !== undefined && item !== null && item.committedAtMs !== null) return item.committedAtMs;
    }
    return null;
  }

  push(transaction: SourceTransaction): void {
    // The log moving on is worth one entry, however often it does.
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

  /** Ends the stream: what waits is still handed out, then the fault is thrown. */
  fail(fault: Error): void {
    this.#fault ??= fault;
    this.#notify();
  }

  /** Resolves when something waits or the signal is set; throws the fault once nothing waits. */
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

  /** Whether {@link take} would give a batch that is full already, and that the plan of now reads. */
  hasFullBatch(maxBytes: number): boolean {
    const next = this.#items[this.#head];
    return (
      next !== undefined &&
      next !== null &&
      !next.schemaChanged &&
      (!next.complete || this.#bytes >= maxBytes)
    );
  }

  /** The next transactions, as many as fit in `maxBytes` of rows, at least one. One that must stand alone ends the batch. */
  take(maxBytes: number): SourceTransaction[] {
    const batch: SourceTransaction[] = [];
    let bytes = 0;
    while (this.#head < this.#items.length) {
      const next = this.#items[this.#head];
      if (next === undefined || next === null) break;
      if (batch.length > 0 && (bytes + next.bytes > maxBytes || standsAlone(next))) break;
      batch.push(next);
      // What is taken must not be held by the queue as well.
      this.#items[this.#head++] = null;
      this.#bytes -= weight(next);
      bytes += next.bytes;
      if (standsAlone(next)) break;
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

/** A part of a large transaction, and what changes the plan, are applied by themselves. */
function standsAlone(transaction: SourceTransaction): boolean {
  return !transaction.complete || transaction.schemaChanged;
}

/** Only moves the position, and carries no GTID that would be lost. */
function isBare(transaction: SourceTransaction): boolean {
  return (
    transaction.rows.length === 0 &&
    transaction.complete &&
    transaction.gtid === null &&
    transaction.unseen === null &&
    !transaction.schemaChanged
  );
}

function weight(transaction: SourceTransaction): number {
  return transaction.bytes + OBJECT_BYTES;
}
