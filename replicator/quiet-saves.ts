/**
 * Decides when to save a position without changes to apply. The log may be purged while nothing happens in the
 * mapped schema, so the saved position has to move on; but a save is a transaction, too. If source and target are
 * one server, the save comes back in the log, as do those of other streams: one save must not cause the next.
 * Pure.
 */
import type {Progress} from '../src/apply/checkpoint.ts';
import {formatPosition, type LogOffset} from '../src/position/position.ts';

/** A save after so many bytes of the log, which a restart would have to read again. */
const LOG_BYTES = 1024 * 1024;
/** The shortest time between two saves. */
const MIN_MS = 1000;
/** The longest time between two saves, however little was logged. */
const MAX_MS = 30_000;

type Saved = Pick<Progress, 'position' | 'offset' | 'parentsProven'>;

export class QuietSaves {
  #savedAtMs: number;
  #position: string;
  #offset: LogOffset | null;
  #isProven: boolean;

  constructor({position, offset, parentsProven = false}: Saved, nowMs: number) {
    this.#savedAtMs = nowMs;
    this.#position = formatPosition(position);
    this.#offset = offset;
    this.#isProven = parentsProven;
  }

  /** To be called whenever a position was saved. */
  saved({position, offset, parentsProven = this.#isProven}: Saved, nowMs: number): void {
    this.#savedAtMs = nowMs;
    this.#position = formatPosition(position);
    this.#offset = offset;
    this.#isProven = parentsProven;
  }

  /** Whether this position is to be saved now. */
  isDue({position, offset, parentsProven = this.#isProven}: Saved, nowMs: number): boolean {
    const elapsedMs = nowMs - this.#savedAtMs;
    if (elapsedMs < MIN_MS) return false;
    // Without the saved proof, a restart looks for older children of each new row until it has caught up.
    if (parentsProven !== this.#isProven) return true;
    const isRotated = offset !== null && offset.file !== this.#offset?.file;
    const bytes =
      offset === null || this.#offset === null || isRotated ? 0 : offset.offset - this.#offset.offset;
    if (elapsedMs < MAX_MS && !isRotated && bytes < LOG_BYTES) return false;
    return isRotated || bytes !== 0 || formatPosition(position) !== this.#position;
  }
}
