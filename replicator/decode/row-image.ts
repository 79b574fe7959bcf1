/**
 * Reads row events from their bytes, mapped columns only: half the work of a decoder that must give every
 * column by name. What it does not know (a charset, a type, an image with columns missing) it leaves to
 * zongji's own decoder, whose values are the same. Pure.
 *
 * Layouts: MySQL's libs/mysql/binlog/event/rows_event.h and mysys/my_time.cc, MariaDB's sql/log_event.h.
 */
import {SOURCE_TABLES} from '../../src/mapping/tables.ts';
import type {SourcePlan} from '../../src/mapping/plan.ts';
import type {Row, Value} from '../../src/mapping/values.ts';
import type {RowChange} from '../events.ts';

/** A column as zongji's table map describes it. */
export interface ImageColumn {
  readonly name: string;
  readonly type: number;
  readonly charset: string | null | undefined;
  readonly metadata: Readonly<Record<string, number>> | undefined;
  readonly unsigned: boolean | undefined;
  readonly members: readonly string[] | undefined;
}

/** How to read the images of one table; null in `slots` where a column is not mapped. */
export interface ImageLayout {
  readonly source: SourcePlan;
  readonly columns: readonly ImageColumn[];
  /** For each column of the table its place in the row, or -1. */
  readonly slots: readonly number[];
  /** For each column whether it is part of the key. */
  readonly isKey: readonly boolean[];
}

const KEY_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  institutes: ['id'],
  users: ['id'],
  institute_user: ['institute_id', 'user_id'],
};
const UTF8 = new Set(['utf8mb4', 'utf8mb3', 'utf8', 'ascii']);

const T = {
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
const READABLE = new Set<number>([
  T.TINY,
  T.SHORT,
  T.LONG,
  T.LONGLONG,
  T.INT24,
  T.DATE,
  T.VARCHAR,
  T.BIT,
  T.TIMESTAMP2,
  T.DATETIME2,
  T.ENUM,
  T.BLOB,
  T.STRING,
]);
const SKIPPABLE = new Set<number>([
  ...READABLE,
  T.FLOAT,
  T.DOUBLE,
  T.TIMESTAMP,
  T.TIME,
  T.DATETIME,
  T.YEAR,
  T.TIME2,
  T.JSON,
  T.NEWDECIMAL,
  T.SET,
  T.TINY_BLOB,
  T.MEDIUM_BLOB,
  T.LONG_BLOB,
  T.GEOMETRY,
]);

/** @returns null where the table has something that only zongji reads */
export function layoutOf(source: SourcePlan, columns: readonly ImageColumn[]): ImageLayout | null {
  const slotOf = new Map<string, number>();
  source.actual.forEach((name, i) => {
    if (name !== null) slotOf.set(name.toLowerCase(), i);
  });
  const slots = columns.map(({name}) => slotOf.get(name.toLowerCase()) ?? -1);
  if (slots.filter(slot => slot >= 0).length !== slotOf.size) return null;
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i];
    if (column === undefined || !SKIPPABLE.has(column.type)) return null;
    if ((slots[i] ?? -1) >= 0 && !isReadable(column)) return null;
  }
  const keys = new Set(
    KEY_COLUMNS[source.table]?.map(name => SOURCE_TABLES[source.table].columns.indexOf(name as never)),
  );
  return {source, columns, slots, isKey: slots.map(slot => keys.has(slot))};
}

function isReadable({type, charset, members, unsigned}: ImageColumn): boolean {
  if (!READABLE.has(type)) return false;
  if (type === T.ENUM) return members !== undefined;
  if (type === T.VARCHAR || type === T.STRING || type === T.BLOB)
    return typeof charset === 'string' && (UTF8.has(charset) || charset === 'latin1');
  if (type === T.TINY || type === T.SHORT || type === T.INT24 || type === T.LONG || type === T.LONGLONG)
    return unsigned !== undefined;
  return true;
}

export interface ImageEvent {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly buffer: Buffer;
  /** Where the number of columns stands, and where the images end. */
  readonly from: number;
  readonly to: number;
  readonly unchecked: boolean;
}

/** @returns null where an image lacks columns, or holds bytes that are not text: then zongji reads it */
export function readImages(layout: ImageLayout, event: ImageEvent): RowChange[] | null {
  const reader = new ImageReader(event.buffer, event.from);
  const columns = reader.packedInteger();
  if (columns !== layout.columns.length) return null;
  const bitmaps = event.kind === 'update' ? 2 : 1;
  for (let i = 0; i < bitmaps; i++) if (!reader.isFull(columns)) return null;
  const changes: RowChange[] = [];
  const {table} = layout.source;
  while (reader.at < event.to) {
    let before: Row | null = null;
    let after: Row | null = null;
    if (event.kind !== 'insert') before = reader.row(layout, true);
    if (event.kind !== 'delete') after = reader.row(layout, false);
    if (reader.isDoubtful) return null;
    changes.push({table, before, after, partial: false, unchecked: event.unchecked});
  }
  return changes;
}

class ImageReader {
  readonly #buffer: Buffer;
  at: number;
  isDoubtful = false;

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

  row({columns, slots, isKey, source}: ImageLayout, keyOnly: boolean): Row {
    const row = new Array<Value>(source.columns.length).fill(null);
    const nulls = this.at;
    this.at += (columns.length + 7) >> 3;
    for (let i = 0; i < columns.length; i++) {
      if (((this.#buffer[nulls + (i >> 3)] ?? 0) & (1 << (i & 7))) !== 0) continue;
      const column = columns[i];
      if (column === undefined) continue;
      const slot = slots[i] ?? -1;
      if (slot >= 0 && (!keyOnly || isKey[i] === true)) row[slot] = this.#value(column);
      else this.at += this.#size(column);
    }
    return row;
  }

  #value(column: ImageColumn): Value {
    const buffer = this.#buffer;
    const at = this.at;
    switch (column.type) {
      case T.TINY:
        this.at += 1;
        return String(column.unsigned === true ? buffer.readUInt8(at) : buffer.readInt8(at));
      case T.SHORT:
        this.at += 2;
        return String(column.unsigned === true ? buffer.readUInt16LE(at) : buffer.readInt16LE(at));
      case T.INT24:
        this.at += 3;
        return String(column.unsigned === true ? buffer.readUIntLE(at, 3) : buffer.readIntLE(at, 3));
      case T.LONG:
        this.at += 4;
        return String(column.unsigned === true ? buffer.readUInt32LE(at) : buffer.readInt32LE(at));
      case T.LONGLONG: {
        this.at += 8;
        const high = buffer.readInt32LE(at + 4);
        if (high >= 0 && high < 0x200000) return String(high * 4294967296 + buffer.readUInt32LE(at));
        return String(column.unsigned === true ? buffer.readBigUInt64LE(at) : buffer.readBigInt64LE(at));
      }
      case T.DATE: {
        this.at += 3;
        const packed = buffer.readUIntLE(at, 3);
        return `${pad4(packed >> 9)}-${pad2((packed >> 5) & 15)}-${pad2(packed & 31)}`;
      }
      case T.DATETIME2:
        this.at += 5;
        return this.#dateTime(buffer.readUIntBE(at, 5) - 0x8000000000, column.metadata?.['decimals'] ?? 0);
      case T.TIMESTAMP2:
        this.at += 4;
        return this.#timestamp(buffer.readUInt32BE(at), column.metadata?.['decimals'] ?? 0);
      case T.ENUM: {
        const size = column.metadata?.['size'] ?? 1;
        this.at += size;
        const index = buffer.readUIntLE(at, size);
        return index === 0 ? '' : (column.members?.[index - 1] ?? '');
      }
      case T.BIT: {
        const size = ((column.metadata?.['bits'] ?? 1) + 7) >> 3;
        this.at += size;
        return String(size <= 6 ? buffer.readUIntBE(at, size) : buffer.readBigUInt64BE(at));
      }
      default:
        return this.#text(column);
    }
  }

  #text(column: ImageColumn): string {
    const prefix =
      column.type === T.BLOB
        ? (column.metadata?.['length_size'] ?? 2)
        : (column.metadata?.['max_length'] ?? 0) > 255
          ? 2
          : 1;
    const length = this.#buffer.readUIntLE(this.at, prefix);
    const from = this.at + prefix;
    this.at = from + length;
    if (column.charset === 'latin1') return decodeLatin1(this.#buffer.toString('latin1', from, this.at));
    const text = this.#buffer.toString('utf8', from, this.at);
    // The server knows better what bytes mean that are no UTF-8; a real U+FFFD is as rare.
    if (text.includes('\uFFFD')) this.isDoubtful = true;
    return text;
  }

  #dateTime(packed: number, decimals: number): string {
    const fraction = this.#fraction(decimals);
    const time = packed % 131072;
    const days = Math.floor(packed / 131072);
    const yearMonth = Math.floor(days / 32);
    writeDate(Math.floor(yearMonth / 13), yearMonth % 13, days % 32);
    return writeTime(time >> 12, (time >> 6) & 63, time & 63, fraction);
  }

  #timestamp(seconds: number, decimals: number): string {
    const fraction = this.#fraction(decimals);
    if (seconds === 0) return `0000-00-00 00:00:00${decimals === 0 ? '' : `.${'0'.repeat(decimals)}`}`;
    const inDay = seconds % 86400;
    MOMENT.write(dayOf((seconds - inDay) / 86400), 0, 'latin1');
    return writeTime(Math.floor(inDay / 3600), Math.floor(inDay / 60) % 60, inDay % 60, fraction);
  }

  #fraction(decimals: number): string {
    if (decimals === 0) return '';
    const bytes = (decimals + 1) >> 1;
    const value = this.#buffer.readUIntBE(this.at, bytes);
    this.at += bytes;
    return `.${String(decimals % 2 === 0 ? value : Math.floor(value / 10)).padStart(decimals, '0')}`;
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

const PAIRS = Array.from({length: 100}, (_, i) => String(i).padStart(2, '0'));
function pad2(value: number): string {
  return PAIRS[value] ?? String(value);
}
function pad4(value: number): string {
  return String(value).padStart(4, '0');
}

/**
 * Dates are put together here and become one flat string: added up from parts, each would drag its parts
 * along for as long as the row waits.
 */
const MOMENT = Buffer.from('0000-00-00 00:00:00.000000', 'latin1');
function writePair(at: number, value: number): void {
  MOMENT[at] = 48 + Math.floor(value / 10);
  MOMENT[at + 1] = 48 + (value % 10);
}
function writeDate(year: number, month: number, day: number): void {
  writePair(0, Math.floor(year / 100));
  writePair(2, year % 100);
  writePair(5, month);
  writePair(8, day);
}
function writeTime(hour: number, minute: number, second: number, fraction: string): string {
  writePair(11, hour);
  writePair(14, minute);
  writePair(17, second);
  if (fraction === '') return MOMENT.toString('latin1', 0, 19);
  MOMENT.write(fraction, 19, 'latin1');
  return MOMENT.toString('latin1', 0, 19 + fraction.length);
}

const DAYS = new Map<number, string>();
const MAX_DAYS = 1000;
/** The date of a day since 1970: rows share few of them. */
function dayOf(day: number): string {
  let text = DAYS.get(day);
  if (text === undefined) {
    text = new Date(day * 86_400_000).toISOString().slice(0, 10);
    if (DAYS.size >= MAX_DAYS) DAYS.clear();
    DAYS.set(day, text);
  }
  return text;
}

/** MySQL's latin1 is Windows-1252, but for five bytes that stand for themselves. */
const HIGH =
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';
const C1 = /[\x80-\x9f]/g;
function decodeLatin1(text: string): string {
  return text.replace(C1, char => HIGH[char.charCodeAt(0) - 0x80] ?? char);
}
