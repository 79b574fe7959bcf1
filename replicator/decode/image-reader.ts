/**
 * The values of row images, from their bytes, as a SELECT would give them. Pure.
 *
 * Layouts: MySQL's libs/mysql/binlog/event/rows_event.h and mysys/my_time.cc, MariaDB's sql/log_event.h.
 */
import type {PackedRow, PackedRows} from '../../src/mapping/packed.ts';
import {isPast} from './versioning.ts';
import {
  DATE_LENGTH,
  MOMENT_LENGTH,
  writeDate,
  writeFraction,
  writePackedMoment,
  writeUnixTime,
} from './moment.ts';

/** A column as zongji's table map describes it. */
export interface ImageColumn {
  readonly name: string;
  readonly type: number;
  readonly charset: string | null | undefined;
  readonly metadata: Readonly<Record<string, number>> | undefined;
  readonly unsigned: boolean | undefined;
  readonly members: readonly string[] | undefined;
}

/** Which columns of a table go where in a row. */
export interface RowShape {
  readonly columns: readonly ImageColumn[];
  /** For each column of the table its place in the row, or -1. */
  readonly slots: readonly number[];
  /** For each column whether it is part of the key. */
  readonly isKey: readonly boolean[];
  /** The column that says until when a row was current; -1 where every row is. */
  readonly rowEnd: number;
}

/** Types of columns, as the log numbers them. */
export const T = {
  TINY: 1,
  SHORT: 2,
  LONG: 3,
  FLOAT: 4,
  DOUBLE: 5,
  TIMESTAMP: 7,
  LONGLONG: 8,
  INT24: 9,
  DATE: 10,
  TIME: 11,
  DATETIME: 12,
  YEAR: 13,
  VARCHAR: 15,
  BIT: 16,
  TIMESTAMP2: 17,
  DATETIME2: 18,
  TIME2: 19,
  JSON: 245,
  NEWDECIMAL: 246,
  ENUM: 247,
  SET: 248,
  TINY_BLOB: 249,
  MEDIUM_BLOB: 250,
  LONG_BLOB: 251,
  BLOB: 252,
  STRING: 254,
  GEOMETRY: 255,
} as const;
/** Walks through the images of one event. */
export class ImageReader {
  readonly #buffer: Buffer;
  at: number;
  /** The last row that was read is an old one, which the table keeps. */
  isHistory = false;
  #isDoubtful = false;

  constructor(buffer: Buffer, at: number) {
    this.#buffer = buffer;
    this.at = at;
  }

  /** MySQL's length-encoded integer. */
  packedInteger(): number {
    const first = this.#buffer.readUInt8(this.at++);
    if (first < 251) return first;
    const bytes = first === 252 ? 2 : first === 253 ? 3 : 6;
    const value = this.#buffer.readUIntLE(this.at, bytes);
    this.at += first === 254 ? 8 : bytes;
    return value;
  }

  /** Whether the bitmap here has a bit for every column; moves past it. */
  isFull(columns: number): boolean {
    let full = true;
    for (let i = 0; i < columns; i++) {
      if (((this.#buffer[this.at + (i >> 3)] ?? 0) & (1 << (i & 7))) === 0) full = false;
    }
    this.at += (columns + 7) >> 3;
    return full;
  }

  /**
   * The next row.
   *
   * @param width places of a row; those without a column here are null
   */
  row(
    {columns, slots, isKey, rowEnd}: RowShape,
    into: PackedRows,
    width: number,
    keyOnly: boolean,
  ): PackedRow {
    const row = into.begin(width);
    const nulls = this.at;
    this.isHistory = false;
    this.at += (columns.length + 7) >> 3;
    for (let i = 0; i < columns.length; i++) {
      if (((this.#buffer[nulls + (i >> 3)] ?? 0) & (1 << (i & 7))) !== 0) continue;
      const column = columns[i];
      if (column === undefined) continue;
      const slot = slots[i] ?? -1;
      if (slot >= 0 && (!keyOnly || isKey[i] === true)) this.#value(column, into, slot);
      else {
        if (i === rowEnd) this.isHistory = isPast(this.#buffer, this.at);
        this.at += this.#size(column);
      }
    }
    return row;
  }

  /** Whether a text since the last call held bytes that are no UTF-8. */
  takeDoubt(): boolean {
    const isDoubtful = this.#isDoubtful;
    this.#isDoubtful = false;
    return isDoubtful;
  }

  #value(column: ImageColumn, into: PackedRows, slot: number): void {
    const buffer = this.#buffer;
    const at = this.at;
    const isUnsigned = column.unsigned === true;
    switch (column.type) {
      case T.TINY:
        this.at += 1;
        return into.setNumber(slot, isUnsigned ? buffer.readUInt8(at) : buffer.readInt8(at));
      case T.SHORT:
        this.at += 2;
        return into.setNumber(slot, isUnsigned ? buffer.readUInt16LE(at) : buffer.readInt16LE(at));
      case T.INT24:
        this.at += 3;
        return into.setNumber(slot, isUnsigned ? buffer.readUIntLE(at, 3) : buffer.readIntLE(at, 3));
      case T.LONG:
        this.at += 4;
        return into.setNumber(slot, isUnsigned ? buffer.readUInt32LE(at) : buffer.readInt32LE(at));
      case T.LONGLONG: {
        this.at += 8;
        const high = buffer.readInt32LE(at + 4);
        if (high >= 0 && high < 0x200000)
          return into.setNumber(slot, high * 4294967296 + buffer.readUInt32LE(at));
        return into.setText(
          slot,
          String(isUnsigned ? buffer.readBigUInt64LE(at) : buffer.readBigInt64LE(at)),
        );
      }
      case T.DATE: {
        this.at += 3;
        const packed = buffer.readUIntLE(at, 3);
        const start = into.reserve(DATE_LENGTH);
        writeDate(into.bytes, start, packed >> 9, (packed >> 5) & 15, packed & 31);
        return into.set(slot, start + DATE_LENGTH);
      }
      case T.DATETIME2: {
        this.at += 5;
        const start = into.reserve(MOMENT_LENGTH);
        const packed = buffer.readUIntBE(at, 5) - 0x8000000000;
        return into.set(
          slot,
          this.#fraction(into.bytes, writePackedMoment(into.bytes, start, packed), column),
        );
      }
      case T.TIMESTAMP2: {
        this.at += 4;
        const start = into.reserve(MOMENT_LENGTH);
        return into.set(
          slot,
          this.#fraction(into.bytes, writeUnixTime(into.bytes, start, buffer.readUInt32BE(at)), column),
        );
      }
      case T.ENUM: {
        const size = column.metadata?.['size'] ?? 1;
        this.at += size;
        const index = buffer.readUIntLE(at, size);
        return into.setText(slot, index === 0 ? '' : (column.members?.[index - 1] ?? ''));
      }
      case T.BIT: {
        const size = ((column.metadata?.['bits'] ?? 1) + 7) >> 3;
        this.at += size;
        return size <= 6
          ? into.setNumber(slot, buffer.readUIntBE(at, size))
          : into.setText(slot, String(BigInt(`0x${buffer.toString('hex', at, at + size)}`)));
      }
      default:
        return this.#text(column, into, slot);
    }
  }

  #text(column: ImageColumn, into: PackedRows, slot: number): void {
    const prefix =
      column.type === T.BLOB
        ? (column.metadata?.['length_size'] ?? 2)
        : (column.metadata?.['max_length'] ?? 0) > 255
          ? 2
          : 1;
    const buffer = this.#buffer;
    const length = buffer.readUIntLE(this.at, prefix);
    const from = this.at + prefix;
    const to = from + length;
    this.at = to;
    const start = into.reserve(length);
    const {bytes} = into;
    let isAscii = true;
    for (let i = from, at = start; i < to; i++) {
      const byte = buffer[i] ?? 0;
      if (byte >= 128) isAscii = false;
      bytes[at++] = byte;
    }
    if (isAscii || column.charset !== 'latin1') into.set(slot, start + length);
    else into.setText(slot, decodeLatin1(buffer.toString('latin1', from, to)));
    // The server knows better what bytes mean that are no UTF-8: such rows are read from it. A real U+FFFD is as rare.
    if (!isAscii && column.charset !== 'latin1' && buffer.toString('utf8', from, to).includes('\uFFFD'))
      this.#isDoubtful = true;
  }

  /** @returns where the text ends */
  #fraction(bytes: Buffer, at: number, {metadata}: ImageColumn): number {
    const decimals = metadata?.['decimals'] ?? 0;
    if (decimals === 0) return at;
    const size = (decimals + 1) >> 1;
    const value = this.#buffer.readUIntBE(this.at, size);
    this.at += size;
    return writeFraction(bytes, at, decimals % 2 === 0 ? value : Math.floor(value / 10), decimals);
  }

  /** Bytes of a value that is passed over. */
  #size({type, metadata}: ImageColumn): number {
    const fractionBytes = ((metadata?.['decimals'] ?? 0) + 1) >> 1;
    switch (type) {
      case T.TINY:
      case T.YEAR:
        return 1;
      case T.SHORT:
        return 2;
      case T.INT24:
      case T.DATE:
      case T.TIME:
        return 3;
      case T.LONG:
      case T.FLOAT:
      case T.TIMESTAMP:
        return 4;
      case T.LONGLONG:
      case T.DOUBLE:
      case T.DATETIME:
        return 8;
      case T.TIMESTAMP2:
        return 4 + fractionBytes;
      case T.DATETIME2:
        return 5 + fractionBytes;
      case T.TIME2:
        return 3 + fractionBytes;
      case T.ENUM:
      case T.SET:
        return metadata?.['size'] ?? 1;
      case T.BIT:
        return ((metadata?.['bits'] ?? 1) + 7) >> 3;
      case T.NEWDECIMAL:
        return decimalBytes(metadata?.['precision'] ?? 0, metadata?.['decimals'] ?? 0);
      case T.VARCHAR:
      case T.STRING:
        return (metadata?.['max_length'] ?? 0) > 255
          ? 2 + this.#buffer.readUInt16LE(this.at)
          : 1 + this.#buffer.readUInt8(this.at);
      default: {
        const bytes = metadata?.['length_size'] ?? 1;
        return bytes + this.#buffer.readUIntLE(this.at, bytes);
      }
    }
  }
}

/** Nine digits take four bytes; what is left over takes as few as it needs. */
function decimalBytes(precision: number, decimals: number): number {
  const rest = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
  const whole = precision - decimals;
  return (
    Math.floor(whole / 9) * 4 +
    (rest[whole % 9] ?? 0) +
    Math.floor(decimals / 9) * 4 +
    (rest[decimals % 9] ?? 0)
  );
}

/** MySQL's latin1 is Windows-1252, but for five bytes that stand for themselves. */
const HIGH =
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';
const C1 = /[\x80-\x9f]/g;
function decodeLatin1(text: string): string {
  return text.replace(C1, char => HIGH[char.charCodeAt(0) - 0x80] ?? char);
}
