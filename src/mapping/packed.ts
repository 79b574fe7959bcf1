/**
 * Rows whose values are still bytes: each value as UTF-8 text, as a SELECT would send it, or as the bytes of a
 * binary column, in one buffer for the rows of a batch. One object for each value would live as long as its batch,
 * and collecting them took a third of the process's time (docs/benchmarks.md).
 */
import {valueOf, type Row, type Value} from './values.ts';

/** A row of the source: as values, or as bytes that encode them. */
export type SourceRow = Row | PackedRow;

/** The value at an index of a row; null if it has none. */
export function cellOf(row: SourceRow, index: number): Value {
  return row instanceof PackedRow ? row.text(index) : (row[index] ?? null);
}

const FIRST_CELLS = 64;
const IS_NULL = -1;
const ZERO = 48;
const MINUS = 45;
/** The maximum number of digits of a number up to 2^53, and a sign. */
const MAX_DIGITS = 17;

/** Rows of any tables, kept as long as one of them is referenced. Values are added to the row that was begun last. */
export class PackedRows {
  bytes: Buffer;
  /** The start and end of each value; an end of -1 is NULL. */
  cells = new Int32Array(2 * FIRST_CELLS);
  #used = 0;
  #at = 0;
  #row = 0;

  /** @param size the expected number of bytes; the buffer grows when needed */
  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(Math.max(size, MAX_DIGITS));
  }

  /** Reuses the memory for other rows. Reading a row that was here before throws. */
  handOver(): PackedRows {
    const next = new PackedRows(0);
    next.bytes = this.bytes;
    next.cells = this.cells;
    this.bytes = Buffer.alloc(0);
    this.cells = new Int32Array(0);
    return next;
  }

  /** Begins a row: every value is null until it is set. */
  begin(width: number): PackedRow {
    this.#row = this.#used;
    this.#used += 2 * width;
    if (this.#used > this.cells.length) {
      const grown = new Int32Array(Math.max(this.#used, this.cells.length * 2));
      grown.set(this.cells);
      this.cells = grown;
    }
    this.cells.fill(IS_NULL, this.#row, this.#used);
    return new PackedRow(this, this.#row);
  }

  /** Reserves memory and returns its start; {@link set} makes a value of what is written there. */
  reserve(size: number): number {
    const needed = this.#at + size;
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
      this.bytes.copy(grown, 0, 0, this.#at);
      this.bytes = grown;
    }
    return this.#at;
  }

  set(index: number, end: number): void {
    const cell = this.#row + 2 * index;
    this.cells[cell] = this.#at;
    this.cells[cell + 1] = end;
    this.#at = end;
  }

  setText(index: number, text: string): void {
    const at = this.reserve(3 * text.length);
    this.set(index, at + this.bytes.write(text, at, 'utf8'));
  }

  /** @param value a whole number of at most 53 bits */
  setNumber(index: number, value: number): void {
    let at = this.reserve(MAX_DIGITS);
    if (value < 0) this.bytes[at++] = MINUS;
    let rest = Math.abs(value);
    let end = at + 1;
    for (let limit = 10; rest >= limit; limit *= 10) end++;
    for (let i = end - 1; i >= at; i--) {
      const tenth = Math.floor(rest / 10);
      this.bytes[i] = ZERO + (rest - tenth * 10);
      rest = tenth;
    }
    this.set(index, end);
  }
}

/** One of {@link PackedRows}. */
export class PackedRow {
  readonly #rows: PackedRows;
  readonly #at: number;

  constructor(rows: PackedRows, at: number) {
    this.#rows = rows;
    this.#at = at;
  }

  /** The buffer to which {@link start} and {@link end} refer. */
  get bytes(): Buffer {
    return this.#rows.bytes;
  }

  start(index: number): number {
    return this.#rows.cells[this.#at + 2 * index] ?? handedOver();
  }

  /** The end of a value; below 0 if the value is null. */
  end(index: number): number {
    return this.#rows.cells[this.#at + 2 * index + 1] ?? handedOver();
  }

  isNull(index: number): boolean {
    return this.end(index) < 0;
  }

  /** The length of a value in bytes; 0 for null. */
  length(index: number): number {
    const end = this.end(index);
    return end < 0 ? 0 : end - this.start(index);
  }

  text(index: number): Value {
    const end = this.end(index);
    return end < 0 ? null : valueOf(this.bytes, this.start(index), end);
  }

  /** Copies a reference to a value of another row of the same {@link PackedRows}. */
  takeFrom(other: PackedRow, index: number): void {
    const {cells} = this.#rows;
    cells[this.#at + 2 * index] = other.start(index);
    cells[this.#at + 2 * index + 1] = other.end(index);
  }
}

function handedOver(): never {
  throw new Error('a row was read after its batch had ended');
}
