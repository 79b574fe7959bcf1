/**
 * Tells a stream that stands still from one that has nothing to do: heartbeats keep coming from a source
 * whose log was reset beneath the dump, or whose events get stuck on the way. Pure.
 */
import {compareOffsets, type LogOffset} from '../src/position/position.ts';

/** The source's log may be this long elsewhere than the stream before that counts. */
const STALL_MS = 10_000;

export interface Sighting {
  readonly nowMs: number;
  /** The source looks for our place in its log still, which has a limit of its own. */
  readonly searching: boolean;
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
  #received: LogOffset | null = null;

  /** Call it when nothing is expected: the source is paused. */
  reset(): void {
    this.#sinceMs = null;
  }

  isStalled({nowMs, searching, events, received, end}: Sighting): boolean {
    // Heartbeats tell too that a source is passing over what we have already.
    const moved = events !== this.#events || !isSame(received, this.#received);
    this.#events = events;
    this.#received = received;
    if (moved || searching || received === null || end === null || compareOffsets(received, end) === 0) {
      this.#sinceMs = null;
      return false;
    }
    this.#sinceMs ??= nowMs;
    return nowMs - this.#sinceMs >= STALL_MS;
  }
}

function isSame(a: LogOffset | null, b: LogOffset | null): boolean {
  return a?.file === b?.file && a?.offset === b?.offset;
}
