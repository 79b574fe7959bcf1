/**
 * Neighbouring segments that are compared as one while they agree. Memberships are found by user over an index
 * whose rows lie apart, so that a server rather reads the whole table, once a question, until the range is a
 * small part of it: the fewer questions, the less it reads.
 */
import {CHUNK_IDS} from '../src/apply/owned-chunks.ts';
import type {Range} from '../src/mapping/sql.ts';

/** What a question may take: far from the time after which a server counts as gone, in one short view of its tables. */
const QUESTION_MS = 2000;

/** So that each of the workers has a stretch of its own, after the segment that it begins with. */
export function segmentsForEach(workers: number, rows: number): number {
  return Math.max(1, Math.ceil(rows / CHUNK_IDS / workers) - 1);
}

/** Begins with one segment, whose time tells how many the next stretch may have. */
export class Stretches {
  readonly #max: number;
  readonly #now: () => number;
  #size = 1;

  /** @param max segments in a stretch */
  constructor(max: number, now = () => performance.now()) {
    this.#max = max;
    this.#now = now;
  }

  /** As many segments as are worth one question at the time. */
  *of(segments: readonly Range[]): Generator<readonly Range[], void> {
    for (let at = 0; at < segments.length;) {
      const stretch = segments.slice(at, at + this.#size);
      at += stretch.length;
      yield stretch;
    }
  }

  /** The segments of a stretch that differ. Where rows are being written many do, and the next ones go one by one. */
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
