/**
 * Keys of rows as one text: the only place that puts keys together and takes them apart.
 *
 * A key of one column is its value. A key of several is made of their values in one of two forms (`key-text.ts`).
 * Numbers and moments are written in one form, so that two keys that are equal to a server are the same text;
 * binary values are written as hexadecimal digits. A text that ends in a space has a mark behind it.
 */
import {isAscii, isUtf8} from 'node:buffer';
import {canonical, familyOf, isNumeric, type Family} from './families.ts';
import {isCounted, joinParts, marked, splitParts, unmarked} from './key-text.ts';
import {cellOf, type SourceRow} from './packed.ts';
import {quoteName} from './quote.ts';
import type {ColumnSchema} from './schema.ts';
import {bytesOf, isId, isText, valueOf, type Value} from './values.ts';

declare const keyBrand: unique symbol;
export type RowKey = string & {readonly [keyBrand]?: true};

export interface KeyColumn {
  /** Of the target. */
  readonly name: string;
  readonly family: Family;
  /** Whether spaces at the end of a value do not count. */
  readonly cutsEnd?: boolean;
}

/** A column that keys are compared with: one of the key itself, or one that refers to it. */
export interface KeyOperand {
  /** The expression. */
  readonly sql: string;
  readonly schema?: Pick<ColumnSchema, 'type' | 'charset' | 'collation'> | undefined;
}

export class KeyCodec {
  readonly columns: readonly KeyColumn[];
  /** Whether all parts are integers: such a key is its numbers, joined by colons. */
  readonly isOfNumbers: boolean;

  constructor(columns: readonly KeyColumn[]) {
    this.columns = columns;
    this.isOfNumbers = columns.every(({family}) => family === 'integer');
  }

  /** Whether the key's last part is a number, so that sets of keys can be sets of numbers. */
  get endsInInteger(): boolean {
    return this.columns.at(-1)?.family === 'integer';
  }

  /** The key of a row from the values at these indexes; null if one of them is null or not a value of its type. */
  of(row: SourceRow, places: readonly number[]): RowKey | null {
    const first = this.#part(cellOf(row, places[0] ?? 0), 0);
    if (first === null) return null;
    if (places.length === 1) return this.columns[0]?.family === 'text' ? marked(first) : first;
    const second = this.#part(cellOf(row, places[1] ?? 0), 1);
    if (second === null) return null;
    if (places.length === 2 && this.isOfNumbers) return `${first}:${second}`;
    const parts = [first, second];
    for (let i = 2; i < places.length; i++) {
      const part = this.#part(cellOf(row, places[i] ?? 0), i);
      if (part === null) return null;
      parts.push(part);
    }
    return this.isOfNumbers ? parts.join(':') : joinParts(parts);
  }

  /** The parts of a key, as values. */
  split(key: RowKey): string[] {
    if (this.columns.length === 1)
      return [this.columns[0]?.family === 'text' ? withBytes(unmarked(key)) : key];
    if (this.isOfNumbers) return key.split(':');
    return splitParts(key, this.columns.length).map((part, i) =>
      this.columns[i]?.family === 'text' ? withBytes(part) : part,
    );
  }

  /** The offset of the last part; 0 in a key of one column. */
  lastAt(key: RowKey): number {
    if (this.columns.length === 1) return 0;
    if (this.isOfNumbers || !isCounted(key)) return key.lastIndexOf(':') + 1;
    return key.length - (this.split(key).at(-1) ?? '').replace(/ +$/, '').length;
  }

  /** All parts but the last as one text, which ends before {@link lastAt}. */
  scopeBefore(key: RowKey, at: number): string {
    if (at === 0) return '';
    return key.slice(0, this.isOfNumbers || !isCounted(key) ? at - 1 : at);
  }

  /** All parts but the last as one text, and the last: the form in which ownership is stored. */
  scopeOf(key: RowKey): {readonly scope: string; readonly id: string} {
    const at = this.lastAt(key);
    return {scope: this.scopeBefore(key, at), id: at === 0 ? key : key.slice(at)};
  }

  /** The key with this scope and last part. */
  within(scope: string, id: string): RowKey {
    if (this.columns.length === 1) return id;
    return isCounted(scope) ? scope + id : `${scope}:${id}`;
  }

  /** Turns a part of a key of several columns into a key of one column, which is an integer. */
  partOf(key: RowKey, index: number): string {
    if (this.columns.length === 1) return key;
    if (!this.isOfNumbers && isCounted(key)) return this.split(key)[index] ?? '';
    let start = 0;
    for (let i = 0; i < index; i++) start = key.indexOf(':', start) + 1;
    const end = key.indexOf(':', start);
    return end < 0 ? key.slice(start) : key.slice(start, end);
  }

  /**
   * A condition that holds for the rows with these keys.
   *
   * @param columns by default the target's names
   */
  condition(
    keys: readonly RowKey[],
    columns: readonly KeyOperand[] = this.columns.map(({name}) => ({sql: quoteName(name)})),
  ): string {
    if (keys.length === 0) return '1 = 0';
    const last = columns.length - 1;
    const literal = (i: number, value: string) =>
      comparedLiteral(this.columns[i]?.family ?? 'text', value, columns[i]?.schema);
    // Keys are grouped by all parts but the last: both servers use an index for `a = 1 AND b IN (…)`, while row
    // constructors may scan.
    const groups = new Map<string, {readonly before: readonly string[]; readonly values: string[]}>();
    for (const key of keys) {
      const parts = this.split(key);
      const scope = last === 0 ? '' : this.scopeOf(key).scope;
      const value = literal(last, parts[last] ?? '');
      const group = groups.get(scope);
      if (group === undefined) groups.set(scope, {before: parts.slice(0, last), values: [value]});
      else group.values.push(value);
    }
    return [...groups.values()]
      .map(({before, values}) => {
        const equal = before.map((part, i) => `${columns[i]?.sql} = ${literal(i, part)}`);
        const condition = [...equal, inList(columns[last]?.sql ?? '', values)].join(' AND ');
        return last === 0 ? condition : `(${condition})`;
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
    if (family === 'text') {
      if (!isText(cell)) return BYTES + bytesOf(cell).toString('hex');
      return this.columns[index]?.cutsEnd === true ? cell.replace(/ +$/, '') : cell;
    }
    return canonical(family, cell);
  }
}

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

/**
 * The first character of a part that stands for bytes which are no text, in hexadecimal digits: a key is stored as
 * text. No character has this code.
 */
const BYTES = '\uffff';

/** The value of a part of a key: a text, or bytes that are none. */
function withBytes(part: string): string {
  if (!part.startsWith(BYTES)) return part;
  const bytes = Buffer.from(part.slice(1), 'hex');
  return isUtf8(bytes) ? part : valueOf(bytes, 0, bytes.length);
}

/** These have every character. */
const WHOLE_CHARSETS: ReadonlySet<string> = new Set(['utf8mb4', 'utf16', 'utf16le', 'utf32', 'gb18030']);

/** The bytes of a part of a key as a text in UTF-8, or as bytes; null for a part that is neither. */
function bytesOfPart(family: Family, value: string): Buffer | null {
  if (family === 'binary') return Buffer.from(value, 'hex');
  return family === 'text' ? bytesOf(value) : null;
}

/**
 * A part of a key as SQL that a column is compared with for equality. No row has a key that is NULL: it stands for
 * bytes that are no text, and for a text with characters that the column's character set lacks. A server refuses to
 * compare a column with these.
 */
function comparedLiteral(family: Family, value: string, schema: KeyOperand['schema']): string {
  const bytes = bytesOfPart(family, value);
  if (bytes === null || schema === undefined) return keyLiteral(family, value);
  const text = operandLiteral(family, value, schema);
  if (familyOf(schema) === 'binary') return text;
  if (!isUtf8(bytes)) return 'NULL';
  const charset = schema.charset ?? 'utf8mb4';
  if (WHOLE_CHARSETS.has(charset) || isAscii(bytes)) return text;
  const converted = `CONVERT(${text} USING ${charset})`;
  // With the column's collation, both servers use its index.
  return `IF(CONVERT(${converted} USING utf8mb4) = ${text} COLLATE utf8mb4_bin, ${converted}, NULL) COLLATE ${schema.collation ?? `${charset}_bin`}`;
}

/**
 * A part of a key as SQL, in the form of a column that it is compared with. The source's column may be text where
 * the target's is binary, or the other way round.
 */
export function operandLiteral(family: Family, value: string, schema: KeyOperand['schema']): string {
  const bytes = bytesOfPart(family, value);
  const own = schema === undefined ? family : familyOf(schema);
  if (bytes === null || own === family || (own !== 'text' && own !== 'binary'))
    return keyLiteral(family, value);
  return own === 'binary' ? `x'${bytes.toString('hex')}'` : `_utf8mb4 x'${bytes.toString('hex')}'`;
}

/** Without the zeros that ZEROFILL writes before a number. */
function plainInteger(id: string): string {
  return id.length > 1 && (id.startsWith('0') || id.startsWith('-0')) ? String(BigInt(id)) : id;
}
