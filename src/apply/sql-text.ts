/**
 * Builds SQL as bytes in one buffer, for statements of thousands of rows: a string joined from small pieces costs
 * an object for each piece, and all of them live until the statement is sent. Values are encoded here and not by
 * the driver, which takes twice as long (docs/benchmarks.md).
 */
import {decimalsIn} from '../mapping/json-text.ts';
import type {ValueSink} from '../mapping/operators/operator.ts';
import {bytesOf, isText, type Value} from '../mapping/values.ts';

const FIRST_BYTES = 64 * 1024;
/** A UTF-16 unit takes at most three bytes of UTF-8; an escaped character two. */
const BYTES_PER_UNIT = 3;
const SPACE = 32;
const QUOTE = 39;
const BACKSLASH = 92;

/** The character after the backslash, by byte; 0 for bytes that need no escape. */
const ESCAPES = new Uint8Array(256);
for (const [char, escaped] of ['\0' + '0', '\nn', '\rr', '\x1aZ', "''", '\\\\'])
  ESCAPES[(char ?? '').charCodeAt(0)] = (escaped ?? '').charCodeAt(0);

// oxlint-disable-next-line no-control-regex -- NUL and ^Z are among what must be escaped
const SPECIAL = /[\0\n\r\x1a'\\]/g;

/**
 * Returns a text as an SQL literal, for sessions without NO_BACKSLASH_ESCAPES; bytes that are not UTF-8 become
 * hex digits.
 */
export function literal(value: Value): string {
  if (value === null) return 'NULL';
  if (!isText(value)) return `X'${bytesOf(value).toString('hex')}'`;
  return `'${value.replace(SPECIAL, char => `\\${String.fromCharCode(ESCAPES[char.charCodeAt(0)] ?? 0)}`)}'`;
}

export class SqlText implements ValueSink {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #at = 0;
  #isAscii = true;

  /** The number of bytes so far. */
  get length(): number {
    return this.#at;
  }

  /** Appends SQL unchanged. */
  sql(text: string): void {
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 128) return this.#utf8(text.slice(i));
      this.#buffer[this.#at++] = code;
    }
  }

  /** Appends a literal. */
  value(value: Value): void {
    if (value === null) return this.sql('NULL');
    this.#reserve(value.length + 2);
    const start = this.#at;
    const buffer = this.#buffer;
    let at = start;
    buffer[at++] = QUOTE;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code >= 128) {
        this.#at = start;
        return this.#utf8(literal(value));
      }
      const escaped = ESCAPES[code] ?? 0;
      if (escaped === 0) buffer[at++] = code;
      else {
        buffer[at++] = BACKSLASH;
        buffer[at++] = escaped;
      }
    }
    buffer[at++] = QUOTE;
    this.#at = at;
  }

  /** Appends a literal. */
  bytes(from: Buffer, start: number, end: number): void {
    this.#reserve(end - start + 1);
    this.#buffer[this.#at++] = QUOTE;
    this.#escaped(from, start, end);
    this.#buffer[this.#at++] = QUOTE;
  }

  /** Appends a literal. */
  joined(from: Buffer, start: number, end: number, nextStart: number, nextEnd: number): void {
    this.#reserve(end - start + nextEnd - nextStart + 2);
    this.#buffer[this.#at++] = QUOTE;
    this.#escaped(from, start, end);
    this.#buffer[this.#at++] = SPACE;
    this.#escaped(from, nextStart, nextEnd);
    this.#buffer[this.#at++] = QUOTE;
  }

  /** Appends bytes with escapes. Only ASCII characters are escaped, and no byte of another character is ASCII. */
  #escaped(from: Buffer, start: number, end: number): void {
    const buffer = this.#buffer;
    let at = this.#at;
    for (let i = start; i < end; i++) {
      const byte = from[i] ?? 0;
      if (byte >= 128) this.#isAscii = false;
      const escaped = ESCAPES[byte] ?? 0;
      if (escaped !== 0) buffer[at++] = BACKSLASH;
      buffer[at++] = escaped === 0 ? byte : escaped;
    }
    this.#at = at;
  }

  /** Appends a value that should be an integer: unchanged if it is one, as a literal otherwise. */
  number(value: Value): void {
    if (value === null || !isWholeNumber(value)) return this.value(value);
    this.sql(value);
  }

  /** Appends JSON: a literal, or an expression that puts in the decimals, which a server's parser does not make. */
  json(value: Value): void {
    const decimals = value === null ? [] : decimalsIn(value);
    if (decimals.length === 0) return this.value(value);
    this.sql('JSON_REPLACE(');
    this.value(value);
    for (const {path, number} of decimals) {
      this.sql(',');
      this.value(path);
      this.sql(`,${number}`);
    }
    this.sql(')');
  }

  /** Returns the text, and starts an empty one. */
  take(): string {
    // Pure ASCII needs no decoding.
    const text = this.#buffer.toString(this.#isAscii ? 'latin1' : 'utf8', 0, this.#at);
    this.clear();
    return text;
  }

  /** Starts an empty text in the same buffer. */
  clear(): void {
    this.#at = 0;
    this.#isAscii = true;
  }

  #utf8(text: string): void {
    this.#reserve(text.length);
    this.#at += this.#buffer.write(text, this.#at, 'utf8');
    this.#isAscii = false;
  }

  #reserve(units: number): void {
    const needed = this.#at + units * BYTES_PER_UNIT;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }
}

function isWholeNumber(value: string): boolean {
  const from = value.charCodeAt(0) === 45 ? 1 : 0;
  if (value.length === from || value.length > 20 + from) return false;
  for (let i = from; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 48 || code > 57) return false;
  }
  return true;
}
