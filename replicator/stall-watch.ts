/**
 * Tells a stream that stands still from one that has nothing to do: heartbeats keep coming from a source
 * whose log was reset beneath the dump, or whose events get stuck on the way. Pure.
 */
import {compareOffsets, type LogOffset} from '../src/position/position.ts';

/** The source's log may be this long elsewhere than the stream before that counts. */
const STALL_MS = 10_000;

export interface Sighting {
  readonly nowMs: number;
  /** Grows with every event received, heartbeats left out. */
  readonly events: number;
  /** The last place heard of from the stream. */
  readonly received: LogOffset | null;
  /** Where the source's log ends, by another connection and not long ago; null where that is unknown. */
  readonly end: LogOffset | null;
}

export class StallWatch {
  #sinceMs: number | null = null;
  #events = -1;

  /** Call it when nothing is expected: the source is paused. */
  reset(): void {
    this.#sinceMs = null;
  }

  isStalled({nowMs, events, received, end}: Sighting): boolean {
    const moved = events !== this.#events;
    this.#events = events;
    if (moved || received === null || end === null || compareOffsets(received, end) === 0) {
      this.#sinceMs = null;
      return false;
    }
    this.#sinceMs ??= nowMs;
    return nowMs - this.#sinceMs >= STALL_MS;
  }
}
