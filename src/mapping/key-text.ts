/**
 * The text of a key of several columns, in the first of two forms in which it is short enough to be stored. Pure.
 *
 * 1. The parts, joined by colons, with `%` and `:` inside of a part written as `%25` and `%3A`.
 * 2. The parts without anything between them, behind the length of each part but the last. A length is one character,
 *    so that this form is never longer than the values and one character between each two of them.
 *
 * Tables compare stored keys under a collation for which `a` and `a ` are equal, so no text ends in a space.
 */
import {MAX_KEY_LENGTH} from './limits.ts';

/** A length is the character with this number plus the length. */
const LENGTHS = 0x10_00_00;
/** Stands before the lengths: the number of spaces that were cut from the end of the last part. */
const SPACES = 0xf_00_00;
/** Each of these characters, which are for private use, has two UTF-16 units. The first is one of these. */
const UNITS = 2;
const FIRST_UNIT = 0xdb80;
const LAST_UNIT = 0xdbff;

/** @param parts values; binary ones as hexadecimal digits */
export function joinParts(parts: readonly string[]): string {
  const plain = parts.map(part => marked(escaped(part))).join(':');
  if (isCounted(plain)) return counted(parts);
  if (plain.length <= MAX_KEY_LENGTH) return plain;
  const bare = parts.reduce((sum, part) => sum + part.length, parts.length - 1);
  return plain.length > bare ? counted(parts) : plain;
}

/** @param count the number of parts */
export function splitParts(key: string, count: number): string[] {
  if (!isCounted(key)) return key.split(':').map(part => unescaped(unmarked(part)));
  const characters = Array.from(
    key.slice(0, UNITS * (count + 1)),
    character => character.codePointAt(0) ?? 0,
  );
  const [first = 0] = characters;
  const spaces = first < LENGTHS ? first - SPACES : 0;
  const lengths = characters.slice(spaces === 0 ? 0 : 1).slice(0, count - 1);
  let at = UNITS * (lengths.length + (spaces === 0 ? 0 : 1));
  const parts = lengths.map(character => key.slice(at, (at += character - LENGTHS)));
  return [...parts, key.slice(at) + ' '.repeat(spaces)];
}

/** Whether a key of several columns is in the second form. */
export function isCounted(key: string): boolean {
  const unit = key.charCodeAt(0);
  return unit >= FIRST_UNIT && unit <= LAST_UNIT;
}

function counted(parts: readonly string[]): string {
  const last = parts.at(-1) ?? '';
  const bare = last.replace(/ +$/, '');
  const spaces = bare === last ? '' : String.fromCodePoint(SPACES + last.length - bare.length);
  const lengths = parts.slice(0, -1).map(part => String.fromCodePoint(LENGTHS + part.length));
  return [spaces, ...lengths, ...parts.slice(0, -1), bare].join('');
}

/**
 * A key in the first form, however long it is, to be shown to a person.
 */
export function shownKey(key: string): string {
  if (!isCounted(key)) return key;
  const count = Array.from(key).findIndex(character => (character.codePointAt(0) ?? 0) < SPACES);
  const hasSpaces = (key.codePointAt(0) ?? 0) < LENGTHS;
  return splitParts(key, count + (hasSpaces ? 0 : 1))
    .map(part => marked(escaped(part)))
    .join(':');
}

const MARK = '\u2420';
const ENDS_IN_SPACE = / \u2420*$/;
const SPACE_UNIT = 0x20;
const MARK_UNIT = 0x2420;

/** A text with a mark behind a space at its end. */
export function marked(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  if (last !== SPACE_UNIT && last !== MARK_UNIT) return text;
  return ENDS_IN_SPACE.test(text) ? text + MARK : text;
}

export function unmarked(text: string): string {
  return text.endsWith(MARK) && ENDS_IN_SPACE.test(text) ? text.slice(0, -1) : text;
}

function escaped(part: string): string {
  return /[%:]/.test(part) ? part.replaceAll('%', '%25').replaceAll(':', '%3A') : part;
}

function unescaped(part: string): string {
  return part.includes('%') ? part.replaceAll('%3A', ':').replaceAll('%25', '%') : part;
}
