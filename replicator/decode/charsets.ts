/**
 * Converts text of the source's character sets to UTF-8, by tables of the source where Node.js has no decoder that
 * agrees with it. A text that cannot be converted for sure is uncertain: its row is read from the source. Pure.
 */
import {isAscii, isUtf8} from 'node:buffer';
import {
  CODE,
  ONE_WAY,
  PRESENT,
  type CharsetTable,
  type CharsetTables,
} from '../../src/source/charset-tables.ts';
import {BYTES, type Charset} from './table-map.ts';

/** Returns a text as UTF-8, or null if only the server can decode it. */
export type Decode = (bytes: Buffer) => Buffer | null;

const ASCII = 'ascii';
/** In these character sets, each valid text is its own UTF-8. */
const UTF8: ReadonlySet<string> = new Set(['utf8mb4', 'utf8mb3', 'utf8', ASCII]);
export const isUtf8Charset = (charset: Charset): boolean => charset !== null && UTF8.has(charset);

/** Whether a text that is not ASCII is valid in one of these: MariaDB also stores other bytes in an ascii column. */
export function isValidUtf8(charset: Charset, bytes: Buffer): boolean {
  return charset !== ASCII && isUtf8(bytes);
}

const fromText = (text: string): Buffer | null => (text.isWellFormed() ? Buffer.from(text, 'utf8') : null);

const WIDE: Readonly<Record<string, Decode>> = {
  ucs2: fromUcs2,
  utf16: fromUtf16,
  utf16le: bytes => (bytes.length % 2 === 0 ? fromText(bytes.toString('utf16le')) : null),
  utf32: fromUtf32,
};

/**
 * The decoder of each character set.
 *
 * @param isKey whether the text has to find its row: other texts may have bytes that share their character
 */
export function decoderOf(charset: Charset, tables: CharsetTables, isKey: boolean): Decode {
  if (charset === null) return () => null;
  if (charset === BYTES) return bytes => bytes;
  if (UTF8.has(charset)) return bytes => (isAscii(bytes) || isValidUtf8(charset, bytes) ? bytes : null);
  if (charset === 'latin1') return fromLatin1;
  const wide = WIDE[charset];
  if (wide !== undefined) return wide;
  const table = tables.get(charset);
  if (table !== undefined) return fromTable(table, isKey, charset === 'gb18030' ? beyondBasicPlane : () => 0);
  const isPlain = charset === 'swe7' ? isPlainSwedish : isPlainByte;
  return bytes => (bytes.every(isPlain) ? bytes : null);
}

/** Of UTF-8. */
const LONGEST = 4;

/** Reads characters one after another: no character begins with all bytes of another one. */
function fromTable(
  {single, longer, longest}: CharsetTable,
  isKey: boolean,
  computed: (bytes: number) => number,
): Decode {
  const refused = isKey ? ONE_WAY : 0;
  return bytes => {
    const text = Buffer.allocUnsafe(bytes.length * LONGEST);
    let end = 0;
    for (let at = 0; at < bytes.length;) {
      let number = bytes[at++] ?? 0;
      let entry = single[number] ?? 0;
      for (let length = 1; entry === 0 && length < longest && at < bytes.length; length++) {
        number = number * 256 + (bytes[at++] ?? 0);
        entry = longer.get(number) ?? computed(number);
      }
      if (entry === 0 || (entry & refused) !== 0) return null;
      end = writeUtf8(text, end, entry & CODE);
    }
    return text.subarray(0, end);
  };
}

/**
 * In gb18030, the characters beyond the basic plane follow one another from 90 30 81 30 on. The second and fourth
 * byte are digits, and the third is one of 126.
 *
 * @returns the entry of these bytes, or 0
 */
function beyondBasicPlane(bytes: number): number {
  const [first, second] = [(bytes >>> 24) - 0x90, ((bytes >>> 16) & 255) - 0x30];
  const [third, fourth] = [((bytes >>> 8) & 255) - 0x81, (bytes & 255) - 0x30];
  const isInRange =
    first >= 0 && second >= 0 && second <= 9 && third >= 0 && third < 126 && fourth >= 0 && fourth <= 9;
  const code = 0x10000 + ((first * 10 + second) * 126 + third) * 10 + fourth;
  return isInRange && code <= 0x10ffff ? code | PRESENT : 0;
}

/** @returns the offset behind the character */
function writeUtf8(text: Buffer, at: number, code: number): number {
  if (code < 0x80) {
    text[at] = code;
    return at + 1;
  }
  if (code < 0x800) {
    text[at] = 0xc0 | (code >> 6);
    text[at + 1] = 0x80 | (code & 63);
    return at + 2;
  }
  if (code < 0x10000) {
    text[at] = 0xe0 | (code >> 12);
    text[at + 1] = 0x80 | ((code >> 6) & 63);
    text[at + 2] = 0x80 | (code & 63);
    return at + 3;
  }
  text[at] = 0xf0 | (code >> 18);
  text[at + 1] = 0x80 | ((code >> 12) & 63);
  text[at + 2] = 0x80 | ((code >> 6) & 63);
  text[at + 3] = 0x80 | (code & 63);
  return at + 4;
}

/** The characters that every character set based on ASCII has in the same place: none of them replaces one. */
const PLAIN = new Uint8Array(128);
for (const char of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ .,:;@+*=/-')
  PLAIN[char.charCodeAt(0)] = 1;
const isPlainByte = (byte: number): boolean => PLAIN[byte] === 1;
/** swe7 has a letter in place of @. */
const isPlainSwedish = (byte: number): boolean => PLAIN[byte] === 1 && byte !== 64;

/** Two halves of a character beyond the basic plane are two characters here, which are no text. */
function fromUcs2(bytes: Buffer): Buffer | null {
  for (let at = 0; at < bytes.length; at += 2) if (((bytes[at] ?? 0) & 0xf8) === 0xd8) return null;
  return fromUtf16(bytes);
}

function fromUtf16(bytes: Buffer): Buffer | null {
  if (bytes.length % 2 !== 0) return null;
  return fromText(Buffer.from(bytes).swap16().toString('utf16le'));
}

function fromUtf32(bytes: Buffer): Buffer | null {
  if (bytes.length % 4 !== 0) return null;
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    const code = bytes.readUInt32BE(at);
    if (code > 0x10ffff) return null;
    text += String.fromCodePoint(code);
  }
  return fromText(text);
}

/** MySQL's latin1 is Windows-1252, except for five bytes that stand for themselves. */
const HIGH =
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';
const C1 = /[\x80-\x9f]/g;

function fromLatin1(bytes: Buffer): Buffer {
  return Buffer.from(
    bytes.toString('latin1').replace(C1, char => HIGH[char.charCodeAt(0) - 0x80] ?? char),
    'utf8',
  );
}
