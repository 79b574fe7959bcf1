/**
 * Values on their way from source to target: text or null, end to end, so that no number is rounded and no date
 * is shifted. A row is an array in the order of its plan's columns.
 *
 * A binary value is text as well. Where its bytes are UTF-8, it is the text that they encode. Each other byte
 * is a lone surrogate, from U+DC80 for 0x80 to U+DCFF for 0xFF, which no text of a server contains: {@link
 * valueOf} and {@link bytesOf} lose nothing, and {@link isText} distinguishes the two.
 */
import {isUtf8} from 'node:buffer';

export type Value = string | null;
export type Row = readonly Value[];

/** A number of the range and precision that 64-bit ids need. */
const ID = /^-?\d{1,20}$/;
export function isId(value: Value | undefined): value is string {
  return typeof value === 'string' && ID.test(value);
}

/**
 * The value that a driver returns for a column, as text or null. Numbers come as JavaScript numbers only where
 * they are exact (mysql2 gives strings beyond 2^53), and binary values as their bytes.
 */
export function toValue(raw: unknown): Value {
  if (typeof raw === 'string') return raw;
  if (raw === null) return null;
  if (typeof raw === 'number') return doubleText(raw);
  if (typeof raw === 'boolean') return raw ? '1' : '0';
  if (Buffer.isBuffer(raw)) return valueOf(raw, 0, raw.length);
  return String(raw);
}

/** The shortest text that reads back as the same double, in one form for all servers. */
export function doubleText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/**
 * Converts a driver's row in place, so that the caller must not use it any more: a copy would cost as much as
 * the read.
 */
export function toRow(cells: unknown[]): Row {
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i];
    if (typeof cell !== 'string' && cell !== null) cells[i] = toValue(cell);
  }
  return cells as Value[];
}

/** A lone surrogate for the byte 0. */
const ESCAPE = 0xdc00;
const REPLACEMENT = '\uFFFD';

/** The value of the bytes from `start` to `end`. */
export function valueOf(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  if (!text.includes(REPLACEMENT)) return text;
  const part = bytes.subarray(start, end);
  return isUtf8(part) ? text : escaped(part);
}

function escaped(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at);
    text +=
      length === 0 ? String.fromCharCode(ESCAPE + (bytes[at] ?? 0)) : bytes.toString('utf8', at, at + length);
    at += Math.max(length, 1);
  }
  return text;
}

/** The length in bytes of the UTF-8 character that begins here; 0 if none does. */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}

/** Whether a value is text; false for bytes that are not UTF-8. */
export function isText(value: string): boolean {
  return value.isWellFormed();
}

/** The bytes from which {@link valueOf} made a value; a text as UTF-8. */
export function bytesOf(value: string): Buffer {
  if (isText(value)) return Buffer.from(value, 'utf8');
  const parts = Array.from(value, char => {
    const code = char.codePointAt(0) ?? 0;
    return code >= 0xdc80 && code <= 0xdcff ? Buffer.from([code - ESCAPE]) : Buffer.from(char, 'utf8');
  });
  return Buffer.concat(parts);
}
