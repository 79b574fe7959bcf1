/**
 * Distinguishes a stalled stream from an idle one: heartbeats continue from a source whose log was reset during
 * the dump, or whose events are held up on the way. Pure.
 */
import {compareOffsets, type LogOffset} from '../src/position/position.ts';

/**
 * The longest time for which the end of the source's log may differ from the stream's position before the stream
 * counts as stalled.
 */
const STALL_MS = 10_000;

export interface Sighting {
  readonly nowMs: number;
  /** The source is still looking for our position in its log, which has a limit of its own. */
  readonly searching: boolean;
  /** Grows with every event received, except heartbeats. */
  readonly events: number;
  /** The latest position that the stream reported. */
  readonly received: LogOffset | null;
  /** The recent end of the source's log, read over another connection; null if it is unknown. */
  readonly end: LogOffset | null;
}

export class StallWatch {
  #sinceMs: number | null = null;
  #events = -1;
  #received: LogOffset | null = null;

  /** Call it while no events are expected, because the source is paused. */
  reset(): void {
    this.#sinceMs = null;
  }

  isStalled({nowMs, searching, events, received, end}: Sighting): boolean {
    // Heartbeats also show that a source is skipping what the stream already has.
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
