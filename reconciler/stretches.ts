/**
 * A stretch is a run of neighbouring segments that are compared as one while they are equal. Memberships are read
 * by user over a secondary index, so that a server prefers to scan the whole table for each query until the range
 * is a small part of it. Fewer queries therefore read less.
 */
import {CHUNK_IDS} from '../src/apply/owned-chunks.ts';
import type {Range} from '../src/mapping/sql/ranges.ts';

/**
 * The maximum time of one query: far below the timeout after which a server counts as unreachable, and short
 * enough for a snapshot.
 */
const QUESTION_MS = 2000;

/** The divisor that leaves each worker a stretch of its own after the first segment. */
export function segmentsForEach(workers: number, rows: number): number {
  return Math.max(1, Math.ceil(rows / CHUNK_IDS / workers) - 1);
}

/** Begins with one segment, whose duration determines the size of the next stretch. */
export class Stretches {
  readonly #max: number;
  readonly #now: () => number;
  #size = 1;

  /** @param max the maximum number of segments in a stretch */
  constructor(max: number, now = () => performance.now()) {
    this.#max = max;
    this.#now = now;
  }

  /** Returns as many segments as fit in one query at the measured speed. */
  *of(segments: readonly Range[]): Generator<readonly Range[], void> {
    for (let at = 0; at < segments.length;) {
      const stretch = segments.slice(at, at + this.#size);
      at += stretch.length;
      yield stretch;
    }
  }

  /**
   * Yields the segments of a stretch that differ. Where rows are being written many differ, so the next segments
   * are compared one by one.
   */
  async *differing(
    stretch: readonly Range[],
    isEqual: (range: Range) => Promise<boolean>,
  ): AsyncGenerator<Range, void> {
    const [first, last] = [stretch[0], stretch.at(-1)];
    if (first === undefined || last === undefined) return;
    const beganMs = this.#now();
    const agrees = await isEqual({after: first.after, to: last.to});
    const segmentMs = (this.#now() - beganMs) / stretch.length;
    this.#size = agrees ? Math.max(1, Math.min(this.#max, Math.floor(QUESTION_MS / segmentMs))) : 1;
    if (agrees) return;
    for (const segment of stretch) if (stretch.length === 1 || !(await isEqual(segment))) yield segment;
  }
}
