/**
 * Keys of rows as one text: the only place that puts keys together and takes them apart.
 *
 * A key of one column is its value. A key of several is their values joined by colons, with `%` and `:` inside
 * of a value written as `%25` and `%3A`. Numbers and moments are written in one form, so that two keys that are
 * equal to a server are the same text; binary values are written as hexadecimal digits.
 */
import {SyncError} from '../errors.ts';
import {canonical, familyOf, isNumeric, type Family} from './families.ts';
import {cellOf, type SourceRow} from './packed.ts';
import {quoteName} from './quote.ts';
import type {ColumnSchema} from './schema.ts';
import {bytesOf, isId, type Value} from './values.ts';

declare const keyBrand: unique symbol;
export type RowKey = string & {readonly [keyBrand]?: true};

export interface KeyColumn {
  /** Of the target. */
  readonly name: string;
  readonly family: Family;
}

export class KeyCodec {
  readonly columns: readonly KeyColumn[];
  readonly #isPlain: boolean;

  constructor(columns: readonly KeyColumn[]) {
    this.columns = columns;
    this.#isPlain = columns.every(({family}) => family === 'integer');
  }

  /** Whether the key's last part is a number, so that sets of keys can be sets of numbers. */
  get endsInInteger(): boolean {
    return this.columns.at(-1)?.family === 'integer';
  }

  /** The key of a row from the values at these indexes; null if one of them is null or not a value of its type. */
  of(row: SourceRow, places: readonly number[]): RowKey | null {
    const first = this.#part(cellOf(row, places[0] ?? 0), 0);
    if (places.length === 1 || first === null) return first;
    const second = this.#part(cellOf(row, places[1] ?? 0), 1);
    if (second === null) return null;
    let key = `${first}:${second}`;
    for (let i = 2; i < places.length; i++) {
      const part = this.#part(cellOf(row, places[i] ?? 0), i);
      if (part === null) return null;
      key += `:${part}`;
    }
    // The plan knows the lengths of the columns, but not how many characters of a value are escaped.
    if (!this.#isPlain && key.length > MAX_KEY_LENGTH && key.includes('%'))
      throw new SyncError(
        'schema-incompatible',
        `a row has a key on (${this.columns.map(({name}) => name).join(', ')}) of ${key.length} characters, where each colon and each percent sign counts as three; ${MAX_KEY_LENGTH} are supported`,
      );
    return key;
  }

  /** The parts of a key, as values. */
  split(key: RowKey): string[] {
    if (this.columns.length === 1) return [this.#decoded(key, 0)];
    return key.split(':').map((part, i) => this.#decoded(part, i));
  }

  /** All parts but the last as one text, and the last: the form in which ownership is stored. */
  scopeOf(key: RowKey): {readonly scope: string; readonly id: string} {
    if (this.columns.length === 1) return {scope: '', id: key};
    const at = key.lastIndexOf(':');
    return {scope: key.slice(0, at), id: key.slice(at + 1)};
  }

  /** Turns a part of a key of several columns into a key of one column. */
  partOf(key: RowKey, index: number): string {
    if (this.columns.length === 1) return key;
    let start = 0;
    for (let i = 0; i < index; i++) start = key.indexOf(':', start) + 1;
    const end = key.indexOf(':', start);
    return end < 0 ? key.slice(start) : key.slice(start, end);
  }

  /**
   * A condition that holds for the rows with these keys.
   *
   * @param columns expressions for the key's columns, by default the target's names
   */
  condition(keys: readonly RowKey[], columns = this.columns.map(({name}) => quoteName(name))): string {
    if (keys.length === 0) return '1 = 0';
    const last = columns.length - 1;
    if (last === 0)
      return inList(
        columns[0] ?? '',
        keys.map(key => this.literal(0, this.#decoded(key, 0))),
      );
    // Keys are grouped by all parts but the last: both servers use an index for `a = 1 AND b IN (…)`, while row
    // constructors may scan.
    const groups = new Map<string, string[]>();
    for (const key of keys) {
      const {scope, id} = this.scopeOf(key);
      const group = groups.get(scope);
      const value = this.literal(last, this.#decoded(id, last));
      if (group === undefined) groups.set(scope, [value]);
      else group.push(value);
    }
    return [...groups]
      .map(([scope, values]) => {
        const parts = scope
          .split(':')
          .map((part, i) => `${columns[i]} = ${this.literal(i, this.#decoded(part, i))}`);
        return `(${[...parts, inList(columns[last] ?? '', values)].join(' AND ')})`;
      })
      .join(' OR ');
  }

  /** A value of the key's column as SQL. */
  literal(index: number, value: string): string {
    return keyLiteral(this.columns[index]?.family ?? 'text', value);
  }

  #part(cell: Value, index: number): string | null {
    const family = this.columns[index]?.family;
    if (family === 'integer') return isId(cell) ? plainInteger(cell) : null;
    if (cell === null || family === undefined) return null;
    if (family === 'binary') return bytesOf(cell).toString('hex');
    const value = canonical(family, cell);
    return this.columns.length === 1 ? value : escaped(value);
  }

  #decoded(part: string, index: number): string {
    if (this.#isPlain || this.columns.length === 1) return part;
    return this.columns[index]?.family === 'binary' ? part : unescaped(part);
  }
}

/** The longest key, in characters, that the bookkeeping tables can store. */
export const MAX_KEY_LENGTH = 512;

/** The longest value, in characters, of each family whose types have no length. */
const LONGEST: Readonly<Partial<Record<Family, number>>> = {integer: 20, bit: 20, moment: 26, time: 17};
/** A DECIMAL has up to 65 digits, a sign and a point. */
const LONGEST_OTHER = 67;

/**
 * The length in characters that a key can reach, not counting escapes.
 *
 * @param parts the family of each column of the key, and the column of the source that it is a copy of
 */
export function longestKey(
  parts: readonly {readonly family: Family; readonly from: ColumnSchema | undefined}[],
): number {
  const lengths = parts.map(({family, from}) => {
    const own = from?.maxLength ?? LONGEST[family] ?? LONGEST_OTHER;
    if (family !== 'binary') return own;
    // Each byte is written as two digits, and a character has up to four bytes.
    return from !== undefined && familyOf(from) === 'binary' ? own * 2 : own * 8;
  });
  return lengths.reduce((sum, length) => sum + length, parts.length - 1);
}

function inList(column: string, values: readonly string[]): string {
  return `${column} IN (${values.join(',')})`;
}

/**
 * A part of a key as SQL. Numbers are not quoted, because a part of this family is always a number.
 *
 * @param value the value; its hexadecimal digits for a binary column
 */
export function keyLiteral(family: Family, value: string): string {
  if (isNumeric(family)) return value;
  if (family === 'binary') return `x'${value}'`;
  const bytes = Buffer.from(value, 'utf8').toString('hex');
  return family === 'text' ? `_utf8mb4 x'${bytes}'` : `'${value.replaceAll(/[^\d :.-]/g, '')}'`;
}

/** Without the zeros that ZEROFILL writes before a number. */
function plainInteger(id: string): string {
  return id.length > 1 && (id.startsWith('0') || id.startsWith('-0')) ? String(BigInt(id)) : id;
}

function escaped(part: string): string {
  return /[%:]/.test(part) ? part.replaceAll('%', '%25').replaceAll(':', '%3A') : part;
}

function unescaped(part: string): string {
  return part.includes('%') ? part.replaceAll('%3A', ':').replaceAll('%25', '%') : part;
}
