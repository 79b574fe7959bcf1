/**
 * Values for the oracle of any mapping: how a cell is read, the value that each operator derives from it, and
 * which values cannot be written. It is written by hand from docs/mapping.md and docs/rules.md, and shares no
 * code with the product.
 */
import type mysql from 'mysql2/promise';
import type {ColumnMap} from '../../src/mapping/mapping.ts';

export type Kind = 'integer' | 'decimal' | 'float' | 'bit' | 'text' | 'binary' | 'moment' | 'time' | 'json';

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly kind: Kind;
  readonly unsigned: boolean;
  /** Characters, or bytes of a binary column. */
  readonly length: number | null;
  /** Digits of a second. */
  readonly fraction: number;
  readonly collation: string | null;
  readonly members: readonly string[];
}

/** By the name in lower case: both servers ignore the case of column names. */
export type Columns = ReadonlyMap<string, Column>;
/** Bytes are in hexadecimal digits. */
export type Cell = string | null;
export type Cells = ReadonlyMap<string, Cell>;

const KINDS: readonly (readonly [RegExp, Kind])[] = [
  [/int|year/, 'integer'],
  [/decimal/, 'decimal'],
  [/float|double/, 'float'],
  [/^bit/, 'bit'],
  [/binary|blob/, 'binary'],
  [/^time$/, 'time'],
  [/date|timestamp/, 'moment'],
  [/json/, 'json'],
];

export async function readColumns(
  connection: mysql.Connection,
  database: string,
  table: string,
): Promise<Columns> {
  const [rows] = await connection.query<mysql.RowDataPacket[]>(
    `SELECT COLUMN_NAME AS name, LOWER(DATA_TYPE) AS type, COLUMN_TYPE AS definition, CHARACTER_MAXIMUM_LENGTH AS length,
       DATETIME_PRECISION AS fraction, COLLATION_NAME AS collation
     FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?`,
    [database, table],
  );
  return new Map(
    rows.map(row => {
      const [name, type, definition] = [row['name'], row['type'], row['definition']].map(String);
      const column: Column = {
        name: name ?? '',
        type: type ?? '',
        kind: KINDS.find(([pattern]) => pattern.test(type ?? '') && type !== 'inet4')?.[1] ?? 'text',
        unsigned: (definition ?? '').includes('unsigned'),
        length: row['length'] === null ? null : Number(row['length']),
        fraction: Number(row['fraction'] ?? 0),
        collation: row['collation'] === null ? null : String(row['collation']),
        members: [...(definition ?? '').matchAll(/'((?:[^']|'')*)'/g)].map(([, member = '']) =>
          member.replaceAll("''", "'"),
        ),
      };
      return [column.name.toLowerCase(), column];
    }),
  );
}

/** An expression that prints a column exactly. */
export function printed({name, kind, type}: Column): string {
  const column = `\`${name.replaceAll('`', '``')}\``;
  if (kind === 'binary') return `HEX(${column})`;
  if (kind === 'bit') return `CAST(CAST(${column} AS UNSIGNED) AS CHAR)`;
  if (kind === 'float') return `CAST(${column} + 0e0 AS CHAR)`;
  if (kind === 'text' && !/uuid|inet/.test(type)) return `CONVERT(${column} USING utf8mb4)`;
  return `CAST(${column} AS CHAR)`;
}

/** Returns one text for all values that a column of the kind treats as equal. */
export function plain(kind: Kind, value: string): string {
  switch (kind) {
    case 'integer':
    case 'bit':
      return String(BigInt(value));
    case 'decimal': {
      const [, sign = '', whole = '', digits = ''] = /^(-?)0*(\d*)\.?(\d*?)0*$/.exec(value) ?? [];
      const number = `${whole || '0'}${digits && `.${digits}`}`;
      return number === '0' ? '0' : sign + number;
    }
    case 'float':
      return String(Number(value) + 0);
    case 'moment':
      return padded(value.length === 10 ? `${value} 00:00:00` : value);
    case 'time':
      return padded(value);
    case 'json':
      return JSON.stringify(sorted(JSON.parse(value)));
    case 'text':
    case 'binary':
      return value;
  }
}

const padded = (time: string) => {
  const [whole = '', digits = ''] = time.split('.');
  return `${whole}.${digits.padEnd(6, '0')}`;
};

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}

const trimmed = (text: string) => text.replace(/^ +| +$/g, '');
const normal = (column: Column, cell: Cell): string => {
  if (cell === null || cell === '') return '';
  if (column.kind === 'binary') return trimmed(Buffer.from(cell, 'hex').toString('utf8')).toUpperCase();
  return column.kind === 'text' ? trimmed(cell).toUpperCase() : plain(column.kind, cell);
};

/** Whether `first` of a preference, or `oneOf`, treats the value as one of these. */
export function isOneOf(column: Column, cell: Cell, values: readonly string[]): boolean {
  const wanted = values.map(value =>
    column.kind === 'text' || column.kind === 'binary'
      ? trimmed(value).toUpperCase()
      : value === ''
        ? ''
        : plain(column.kind, value),
  );
  return wanted.includes(normal(column, cell));
}

export function isDate(cell: Cell): cell is string {
  return cell !== null && !/^0000|^\d{4}-00|^\d{4}-\d\d-00/.test(cell);
}

/**
 * Rounds half up to the digits that the target column holds. Impossible dates lose the digits that do not fit.
 */
function rounded(moment: string, {type, fraction}: Column): string {
  if (type === 'date') return moment.slice(0, 10);
  const full = padded(moment.length === 10 ? `${moment} 00:00:00` : moment);
  const unit = 10 ** (6 - fraction);
  const micros = Number(full.slice(20));
  const whole = Date.parse(`${full.slice(0, 10)}T${full.slice(11, 19)}Z`);
  if (!isDate(moment) || Number.isNaN(whole))
    return full.slice(0, 20) + String(micros - (micros % unit)).padStart(6, '0');
  const up = Math.floor(micros / unit + 0.5) * unit;
  const date = new Date(whole + (up >= 1_000_000 ? 1000 : 0)).toISOString().slice(0, 19).replace('T', ' ');
  return `${date}.${String(up % 1_000_000).padStart(6, '0')}`;
}

const BITS: Readonly<Record<string, bigint>> = {
  tinyint: 8n,
  smallint: 16n,
  mediumint: 24n,
  int: 32n,
  bigint: 64n,
};

export type Made = {readonly value: Cell} | {readonly code: string};

/** Returns the value of a target column for a source row, or the code of the dead letter. */
export function make(map: ColumnMap, source: Columns, row: Cells, to: Column): Made {
  const inputs = map.from.flatMap(name => source.get(name.toLowerCase()) ?? []);
  const cells = map.from.map(name => row.get(name.toLowerCase()) ?? null);
  const made = operate(map, inputs, cells, to);
  if (made === null) return {code: 'unmapped-value'};
  if (made === undefined) return {code: 'invalid-encoding'};
  const code = made.value === null ? null : faultOf(map, to, made.value);
  return code === null ? made : {code};
}

/** Null if no value is known; undefined if the bytes are not UTF-8. */
function operate(
  {use}: ColumnMap,
  inputs: readonly Column[],
  cells: readonly Cell[],
  to: Column,
): {value: Cell} | null | undefined {
  const own = (value: string | null) => ({value: value === null ? null : ownValue(value, to)});
  const [input] = inputs;
  const [cell = null] = cells;
  if (use.operator === 'constant') return own(use.value);
  if (input === undefined) throw new Error(`no source column for ${to.name}`);
  switch (use.operator) {
    case 'oneOf':
      return {value: isOneOf(input, cell, use.values) ? '1' : '0'};
    case 'lookup': {
      const found = Object.entries(use.values).find(([from]) => isOneOf(input, cell, [from]));
      if (found !== undefined) return own(found[1]);
      return use.otherwise === undefined ? null : own(use.otherwise);
    }
    case 'copy':
      return carried(input, cell, to);
    case 'first': {
      const at = cells.findIndex(one => (input.kind === 'moment' ? isDate(one) : one !== null));
      return at < 0 ? own(use.otherwise) : carried(inputs[at] ?? input, cells[at] ?? null, to);
    }
    case 'trim':
    case 'lower':
    case 'upper':
    case 'join': {
      const texts = cells.map((one, i) => textOf(inputs[i] ?? input, one));
      if (texts.includes(undefined)) return undefined;
      const [text = null] = texts;
      if (use.operator !== 'join' && text === null) return {value: null};
      const parts = texts.map(one => trimmed(one ?? '')).filter(part => part !== '');
      const result =
        use.operator === 'join'
          ? parts.join(use.with)
          : use.operator === 'trim'
            ? trimmed(text ?? '')
            : use.operator === 'lower'
              ? (text ?? '').toLowerCase()
              : (text ?? '').toUpperCase();
      return {value: to.kind === 'binary' ? hex(result) : cutEnd(result, to)};
    }
  }
}

function ownValue(value: string, to: Column): string {
  if (to.kind === 'binary') return hex(value);
  if (to.kind === 'moment')
    return rounded(
      to.type === 'timestamp' && /^1970-01-01( 00:00:00)?$/.test(value) ? '1970-01-01 00:00:01' : value,
      to,
    );
  if (to.kind === 'float' && to.type === 'float') return String(Math.fround(Number(value)));
  return cutEnd(to.members.find(member => member.toUpperCase() === value.toUpperCase()) ?? value, to);
}

function carried(input: Column, cell: Cell, to: Column): {value: Cell} | undefined {
  if (cell === null) return {value: null};
  if (to.kind === 'moment') return {value: rounded(cell, to)};
  if (to.kind === 'binary') return {value: input.kind === 'binary' ? cell : hex(cell)};
  const text = textOf(input, cell);
  return text === undefined ? undefined : {value: text === null ? null : cutEnd(text, to)};
}

/** Undefined for bytes that are not UTF-8. */
function textOf({kind}: Column, cell: Cell): Cell | undefined {
  if (kind !== 'binary' || cell === null) return cell;
  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(Buffer.from(cell, 'hex'));
  } catch {
    return undefined;
  }
}

const hex = (text: string) => Buffer.from(text, 'utf8').toString('hex').toUpperCase();
const cutEnd = (text: string, {type}: Column) => (type === 'char' ? text.replace(/ +$/, '') : text);

function faultOf({checks, target}: ColumnMap, to: Column, value: string): string | null {
  const text = to.kind === 'binary' ? Buffer.from(value, 'hex').toString('utf8') : value;
  for (const check of checks) {
    const holds =
      check.check === 'email'
        ? /^[^\s@]+@[^\s@]+$/u.test(text)
        : check.check === 'notEmpty'
          ? text !== ''
          : check.check !== 'maxLength' || Array.from(text).length <= check.characters;
    if (!holds)
      return `invalid-${target
        .replaceAll(/([a-z\d])([A-Z])/g, '$1-$2')
        .replaceAll('_', '-')
        .toLowerCase()}`;
  }
  const bits = BITS[to.type];
  if (to.kind === 'integer' && bits !== undefined) {
    const [low, high] = to.unsigned ? [0n, 1n << bits] : [-(1n << (bits - 1n)), 1n << (bits - 1n)];
    return BigInt(value) >= low && BigInt(value) < high ? null : 'out-of-range';
  }
  if (to.length === null || to.members.length > 0) return null;
  const isCounted = to.type === 'char' || to.type === 'varchar';
  const bytes = to.kind === 'binary' ? value.length / 2 : Buffer.byteLength(value);
  return (isCounted ? Array.from(value).length : bytes) <= to.length ? null : 'value-too-long';
}

export const shownCell = ({kind}: Column, cell: Cell) =>
  cell === null ? '∅' : JSON.stringify(plain(kind, cell));

/** Numbers and moments have one form, and bytes are hexadecimal digits. */
export function shownPart({kind}: Column, value: string): string {
  if (kind === 'binary') return value.toLowerCase();
  if (kind !== 'moment' && kind !== 'time') return plain(kind, value);
  return plain(kind, value)
    .replace(/\.?0+$/, '')
    .replace(/^(.{10}) 00:00:00$/, '$1');
}
