/**
 * Links the flights of a transaction, so that each can leave before those ahead of it were answered. The server
 * executes a flight even if the one ahead of it failed. The session therefore remembers the last flight that
 * succeeded, and the next flight fails at its first statement if that is not the one ahead of it. A COMMIT is
 * reached only if all of its transaction succeeded.
 */

/** Fails with error 1242 when it is evaluated. */
const FAILS = '(SELECT 1 UNION SELECT 2)';
const LAST = '@laas_sync_flight';

/** Numbers are used once in this process: what a transaction before left behind is never taken for a flight of this one. */
let used = 0;

/** The flights of one transaction, in the order in which they leave. */
export class Flights {
  #last: number | null = null;

  /** Whether nothing has left. */
  get isFirst(): boolean {
    return this.#last === null;
  }

  /** The first statement of a text that is not the first flight: it fails if the flight ahead failed. */
  expectLast(): string {
    // A failure within this text leaves 0 behind.
    return `SET ${LAST} = IF(${LAST} = ${this.#last ?? 'NULL'}, 0, ${FAILS})`;
  }

  /** The last statement of a text that is not the last flight. */
  endText(): string {
    this.#last = ++used;
    return `SET ${LAST} = ${this.#last}`;
  }

  /** The statement behind rows for a prepared statement, which must leave in between: whether the rows were taken. */
  endRows(): string {
    const before = this.#last;
    this.#last = ++used;
    // ROW_COUNT() is -1 after an error.
    const order = before === null ? '' : ` AND ${LAST} = ${before}`;
    return `SET ${LAST} = IF(ROW_COUNT() >= 0${order}, ${this.#last}, ${FAILS})`;
  }
}
