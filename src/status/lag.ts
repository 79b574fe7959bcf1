/**
 * Measures how far the target is behind. Pure: the clock is passed in.
 *
 * Lag is 0 only when everything that the source has is applied over a live connection; otherwise it is the age of
 * the oldest commit that is not applied, or unknown without information. Event times have a resolution of one
 * second, so that a small lag is measured from the time when the commit was received.
 */
import {compareOffsets, type LogOffset} from '../position/position.ts';

const RESOLUTION_MS = 2000;
const FRESH_MS = 3000;

export class LagTracker {
  #connected = false;
  #server: string | null = null;
  #lastContactMs: number | null = null;
  #lastEventMs: number | null = null;
  #appliedOffset: LogOffset | null = null;
  #logEnd: LogOffset | null = null;
  #logEndAtMs = 0;
  /** The commit time of the current batch, or of the oldest one in the queue. */
  #oldest: {readonly committedAtMs: number; readonly receivedAtMs: number} | null = null;
  #caughtUpAtMs: number | null = null;
  /** The source's clock minus ours. */
  #offsetMs = 0;

  /** @param server the identity of the server that the stream reads from */
  connected(nowMs: number, server: string): void {
    this.#connected = true;
    if (server !== this.#server) this.#logEnd = null;
    this.#server = server;
    this.#lastContactMs = nowMs;
  }

  disconnected(): void {
    this.#connected = false;
    this.#oldest = null;
  }

  contact(nowMs: number): void {
    this.#lastContactMs = nowMs;
  }

  event(committedAtMs: number): void {
    this.#lastEventMs = committedAtMs;
  }

  clockOffset(offsetMs: number): void {
    this.#offsetMs = offsetMs;
  }

  logEnd(end: LogOffset | null, nowMs = 0): void {
    this.#logEnd = end;
    this.#logEndAtMs = nowMs;
  }

  pending(committedAtMs: number, receivedAtMs: number): void {
    this.#oldest ??= {committedAtMs, receivedAtMs};
  }

  applied(offset: LogOffset | null, nowMs: number, nothingWaits: boolean): void {
    this.#appliedOffset = offset;
    this.#oldest = null;
    if (nothingWaits && this.#isAtEnd()) this.#caughtUpAtMs = nowMs;
  }

  /** The server that the stream read from last: the end of another server's log says nothing of the lag. */
  get server(): string | null {
    return this.#server;
  }

  get lastContactMs(): number | null {
    return this.#lastContactMs;
  }

  get lastEventMs(): number | null {
    return this.#lastEventMs;
  }

  get appliedOffset(): LogOffset | null {
    return this.#appliedOffset;
  }

  get knownEnd(): LogOffset | null {
    return this.#logEnd;
  }

  /** Records the end of the source's log, which was just read. */
  freshEnd(nowMs: number): LogOffset | null {
    return nowMs - this.#logEndAtMs < FRESH_MS ? this.#logEnd : null;
  }

  /** Returns seconds, or null if the lag is unknown. */
  lagSeconds(nowMs: number): number | null {
    if (!this.#connected) {
      return this.#caughtUpAtMs === null ? null : Math.max(0, nowMs - this.#caughtUpAtMs) / 1000;
    }
    if (this.#oldest === null) {
      if (this.#isAtEnd()) return 0;
      // The source has more than was received.
      return this.#caughtUpAtMs === null ? null : Math.max(0, nowMs - this.#caughtUpAtMs) / 1000;
    }
    const age = nowMs + this.#offsetMs - this.#oldest.committedAtMs;
    const waited = nowMs - this.#oldest.receivedAtMs;
    return Math.max(0, age < RESOLUTION_MS ? waited : age) / 1000;
  }

  #isAtEnd(): boolean {
    if (this.#logEnd === null || this.#appliedOffset === null) return false;
    return compareOffsets(this.#appliedOffset, this.#logEnd) >= 0;
  }
}
