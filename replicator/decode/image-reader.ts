/**
 * Reads row images: which columns an image has, where each value begins and ends, and its value as the text that
 * a SELECT would give, or as bytes for binary columns. Pure.
 *
 * Layouts: MySQL's libs/mysql/binlog/event/rows_event.h and mysys/my_time.cc, MariaDB's sql/log_event.h.
 */
import type {PackedRow, PackedRows} from '../../src/mapping/packed.ts';
import {isPast} from './versioning.ts';
import {T} from './column-types.ts';
import {isValidUtf8, type Decode} from './charsets.ts';
import {inflateValue} from './compressed.ts';
import {
  DATE_LENGTH,
  MOMENT_LENGTH,
  writeDate,
  writeFraction,
  writePackedMoment,
  writeUnixTime,
} from './moment.ts';
import type {LoggedColumn} from './table-map.ts';
import {rareValue, sizeOf} from './rare-values.ts';

/** A column of a table, with all that is needed to read its values. */
export interface ImageColumn extends LoggedColumn {
  /** Whether texts are their own UTF-8. */
  readonly isUtf8: boolean;
  readonly decode: Decode;
  /** The members of an ENUM or SET as UTF-8; null for one that only the server can decode. */
  readonly memberTexts: readonly (Buffer | null)[];
  /** The fractional digits of a second in the format of MariaDB 5.3; 0 for all other columns. */
  readonly oldDigits: number;
  /** Whether it is part of a key. */
  readonly isKey: boolean;
}

/** Maps the columns of a table to places in a row. */
export interface RowShape {
  readonly columns: readonly ImageColumn[];
  /** For each column of the table, its place in the row, or -1. */
  readonly slots: readonly number[];
  /** For each column, whether it is part of the key. */
  readonly isKey: readonly boolean[];
  /** The column that holds the end of a row's period; -1 if the table keeps no old rows. */
  readonly rowEnd: number;
}

/** For each column, whether an image holds it; null if an image holds all. */
export type Presence = readonly boolean[] | null;

/** Reads the images of one event one after another. */
export class ImageReader {
  readonly #buffer: Buffer;
  at: number;
  /** Whether the last row read is an old one, which the table keeps. */
  isHistory = false;
  #isDoubtful = false;
  /** The same for a value of a key. */
  #isKeyDoubtful = false;

  constructor(buffer: Buffer, at: number) {
    this.#buffer = buffer;
    this.at = at;
  }

  /** Reads the bitmap of the columns that the images have, and moves past it. */
  presence(columns: number): Presence {
    const bitmap = this.at;
    this.at += (columns + 7) >> 3;
    let isWhole = true;
    for (let i = 0; i < columns && isWhole; i++) isWhole = this.#isInBitmap(bitmap, i);
    return isWhole ? null : Array.from({length: columns}, (_, i) => this.#isInBitmap(bitmap, i));
  }

  #isInBitmap(start: number, bit: number): boolean {
    return ((this.#buffer[start + (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0;
  }

  /**
   * Reads the next row.
   *
   * @param width the number of places in a row; places without a column here are null
   */
  row(
    {columns, slots, isKey, rowEnd}: RowShape,
    into: PackedRows,
    width: number,
    keyOnly: boolean,
    presence: Presence,
  ): PackedRow {
    const row = into.begin(width);
    const nulls = this.at;
    let bit = 0;
    this.isHistory = false;
    this.at += ((presence === null ? columns.length : presence.filter(Boolean).length) + 7) >> 3;
    for (let i = 0; i < columns.length; i++) {
      if (presence !== null && presence[i] !== true) continue;
      const place = bit++;
      if (this.#isInBitmap(nulls, place)) continue;
      const column = columns[i];
      if (column === undefined) continue;
      const slot = slots[i] ?? -1;
      if (i === rowEnd) this.isHistory = isPast(this.#buffer, this.at);
      if (slot >= 0 && (!keyOnly || isKey[i] === true)) this.#value(column, into, slot);
      else this.at += sizeOf(column, this.#buffer, this.at);
    }
    return row;
  }

  /** Whether a value since the last call was one that only the server can decode. */
  takeDoubt(): boolean {
    const isDoubtful = this.#isDoubtful;
    this.#isDoubtful = false;
    return isDoubtful;
  }

  /** Whether a key since the last call was one that only the server can decode, so that it names no row here. */
  takeKeyDoubt(): boolean {
    const isDoubtful = this.#isKeyDoubtful;
    this.#isKeyDoubtful = false;
    return isDoubtful;
  }

  #doubt({isKey}: ImageColumn): void {
    this.#isDoubtful = true;
    if (isKey) this.#isKeyDoubtful = true;
  }

  #value(column: ImageColumn, into: PackedRows, slot: number): void {
    const buffer = this.#buffer;
    const at = this.at;
    const isUnsigned = column.unsigned;
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
        const isZero = isAllZero(buffer, at, at + sizeOf(column, buffer, at));
        this.at += 4;
        const start = into.reserve(MOMENT_LENGTH);
        const seconds = writeUnixTime(into.bytes, start, buffer.readUInt32BE(at), isZero);
        return into.set(slot, this.#fraction(into.bytes, seconds, column));
      }
      case T.VARCHAR:
      case T.STRING:
      case T.VAR_STRING:
        return this.#text(column, into, slot, column.size > 255 ? 2 : 1);
      case T.VARCHAR_COMPRESSED:
        return this.#compressed(column, into, slot, column.size > 255 ? 2 : 1);
      case T.TINY_BLOB:
      case T.MEDIUM_BLOB:
      case T.LONG_BLOB:
      case T.BLOB:
        return this.#text(column, into, slot, column.size);
      case T.BLOB_COMPRESSED:
        return this.#compressed(column, into, slot, column.size);
      default: {
        this.at += sizeOf(column, buffer, at);
        const value = rareValue(column, buffer, at, this.at);
        if (value === null) this.#doubt(column);
        else if (typeof value === 'string') into.setText(slot, value);
        else this.#set(value, into, slot);
      }
    }
  }

  #text(column: ImageColumn, into: PackedRows, slot: number, prefix: number): void {
    const buffer = this.#buffer;
    const length = buffer.readUIntLE(this.at, prefix);
    const from = this.at + prefix;
    const to = from + length;
    this.at = to;
    if (!column.isUtf8) return this.#decoded(column, into, slot, buffer.subarray(from, to));
    const start = into.reserve(length);
    const {bytes} = into;
    let isAscii = true;
    for (let i = from, at = start; i < to; i++) {
      const byte = buffer[i] ?? 0;
      if (byte >= 128) isAscii = false;
      bytes[at++] = byte;
    }
    into.set(slot, start + length);
    if (!isAscii && !isValidUtf8(column.charset, buffer.subarray(from, to))) this.#doubt(column);
  }

  #compressed(column: ImageColumn, into: PackedRows, slot: number, prefix: number): void {
    const from = this.at + prefix;
    const to = from + this.#buffer.readUIntLE(this.at, prefix);
    this.at = to;
    this.#decoded(column, into, slot, inflateValue(this.#buffer.subarray(from, to)));
  }

  #decoded(column: ImageColumn, into: PackedRows, slot: number, raw: Buffer): void {
    const text = column.decode(raw);
    if (text === null) this.#doubt(column);
    // BINARY(n): the log leaves out the zeros at the end, and a SELECT does not.
    const missing = column.type === T.STRING && column.charset === 'binary' ? column.size - raw.length : 0;
    this.#set(text ?? raw, into, slot, missing);
  }

  #set(value: Buffer, into: PackedRows, slot: number, zeros = 0): void {
    const end = value.length + zeros;
    const start = into.reserve(end);
    value.copy(into.bytes, start);
    if (zeros > 0) into.bytes.fill(0, start + value.length, start + end);
    into.set(slot, start + end);
  }

  /** @returns the offset at which the text ends */
  #fraction(bytes: Buffer, at: number, {decimals}: ImageColumn): number {
    if (decimals === 0) return at;
    const size = (decimals + 1) >> 1;
    const value = this.#buffer.readUIntBE(this.at, size);
    this.at += size;
    return writeFraction(bytes, at, decimals % 2 === 0 ? value : Math.floor(value / 10), decimals);
  }
}

function isAllZero(buffer: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (buffer[at] !== 0) return false;
  return true;
}
