/** One direction of a proxied connection, which can be blocked, delayed and cut at a byte. */
import type {Socket} from 'node:net';

/** Beyond this, reading stops, so that the sender gets back-pressure. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;

export interface Allowance {
  readonly bytes: number;
  /** Nothing may pass after these. */
  readonly last: boolean;
}

export interface PipeRules {
  delayMs(): number;
  /** Reduces the number of bytes that may still pass. */
  spend(wanted: number): Allowance;
  /** The last byte that may pass was written. */
  exhausted(): void;
}

interface Piece {
  readonly due: number;
  /** Undefined: the sender's end of its stream. */
  readonly chunk: Buffer | undefined;
}

export class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #rules: PipeRules;
  readonly #queue: Piece[] = [];
  #queuedBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #held = false;
  #full = false;
  #ended = false;

  constructor(from: Socket, to: Socket, rules: PipeRules) {
    this.#from = from;
    this.#to = to;
    this.#rules = rules;
    from.on('data', chunk => this.#add(Buffer.from(chunk)));
    from.on('end', () => this.#add(undefined));
    to.on('drain', () => {
      this.#full = false;
      this.#pump();
    });
    this.#read();
  }

  hold(): void {
    this.#held = true;
    this.#from.pause();
  }

  release(): void {
    this.#held = false;
    this.#pump();
  }

  /** Discards the waiting bytes. */
  end(): void {
    this.#ended = true;
    this.#queue.length = 0;
    clearTimeout(this.#timer);
  }

  #add(chunk: Buffer | undefined): void {
    if (this.#ended) return;
    this.#queue.push({due: performance.now() + this.#rules.delayMs(), chunk});
    this.#queuedBytes += chunk?.length ?? 0;
    this.#pump();
  }

  /** Writes the due pieces in order: a piece never overtakes one that waits longer. */
  #pump(): void {
    clearTimeout(this.#timer);
    while (!this.#held && !this.#full && !this.#ended) {
      const next = this.#queue[0];
      if (next === undefined) break;
      const waitMs = next.due - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), waitMs);
        break;
      }
      this.#queue.shift();
      this.#write(next.chunk);
    }
    this.#read();
  }

  #write(chunk: Buffer | undefined): void {
    if (chunk === undefined) {
      this.#to.end();
      return;
    }
    this.#queuedBytes -= chunk.length;
    const {bytes, last} = this.#rules.spend(chunk.length);
    if (last) {
      this.end();
      // Reset after the write: a reset discards bytes that still wait to be sent.
      this.#to.write(chunk.subarray(0, bytes), () => this.#rules.exhausted());
    } else {
      this.#full = !this.#to.write(chunk);
    }
  }

  #read(): void {
    if (this.#held || this.#full || this.#ended || this.#queuedBytes > MAX_QUEUED_BYTES) this.#from.pause();
    else this.#from.resume();
  }
}
