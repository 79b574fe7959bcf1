/**
 * Converts text of the source's character sets to UTF-8. A text that needs the server's own tables is uncertain:
 * its row is read from the source. Pure.
 */
import {isUtf8} from 'node:buffer';
import {BYTES, type Charset} from './table-map.ts';

/** Returns a text as UTF-8, or null if only the server can decode it. */
export type Decode = (bytes: Buffer) => Buffer | null;

/** In these character sets, each valid text is its own UTF-8. */
const UTF8: ReadonlySet<string> = new Set(['utf8mb4', 'utf8mb3', 'utf8', 'ascii']);
export const isUtf8Charset = (charset: Charset): boolean => charset !== null && UTF8.has(charset);

const fromText = (text: string): Buffer | null => (text.isWellFormed() ? Buffer.from(text, 'utf8') : null);

const WIDE: Readonly<Record<string, Decode>> = {
  ucs2: fromUtf16,
  utf16: fromUtf16,
  utf16le: bytes => (bytes.length % 2 === 0 ? fromText(bytes.toString('utf16le')) : null),
  utf32: fromUtf32,
};

/** The decoder of each character set. */
export function decoderOf(charset: Charset): Decode {
  if (charset === null) return () => null;
  if (charset === BYTES) return bytes => bytes;
  if (UTF8.has(charset)) return bytes => (isUtf8(bytes) ? bytes : null);
  if (charset === 'latin1') return fromLatin1;
  const wide = WIDE[charset];
  if (wide !== undefined) return wide;
  const isPlain = charset === 'swe7' ? isPlainSwedish : isPlainByte;
  return bytes => (bytes.every(isPlain) ? bytes : null);
}

/** The characters that every character set based on ASCII has in the same place: none of them replaces one. */
const PLAIN = new Uint8Array(128);
for (const char of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ .,:;@+*=/-')
  PLAIN[char.charCodeAt(0)] = 1;
const isPlainByte = (byte: number): boolean => PLAIN[byte] === 1;
/** swe7 has a letter in place of @. */
const isPlainSwedish = (byte: number): boolean => PLAIN[byte] === 1 && byte !== 64;

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
