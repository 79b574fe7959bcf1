/**
 * Families of column types: which types a mapping supports, which conversions, and when two values of a
 * family are equal. Pure.
 */
import {canonicalJson, isJson} from './json-text.ts';
import type {ColumnSchema} from './schema.ts';
import type {Value} from './values.ts';

/**
 * `moment` is a date with or without a time of day; `binary` is bytes without a character set. JSON is the text
 * that the server prints.
 */
export type Family = 'integer' | 'decimal' | 'float' | 'bit' | 'text' | 'binary' | 'moment' | 'time' | 'json';

const FAMILIES: ReadonlyMap<string, Family> = new Map([
  ...(['tinyint', 'smallint', 'mediumint', 'int', 'integer', 'bigint', 'year'] as const).map(
    type => [type, 'integer'] as const,
  ),
  ...(['decimal', 'numeric'] as const).map(type => [type, 'decimal'] as const),
  ...(['float', 'double', 'real'] as const).map(type => [type, 'float'] as const),
  ['bit', 'bit'],
  ...(
    [
      'char',
      'varchar',
      'tinytext',
      'text',
      'mediumtext',
      'longtext',
      'enum',
      'set',
      'inet4',
      'inet6',
      'uuid',
    ] as const
  ).map(type => [type, 'text'] as const),
  ...(['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'] as const).map(
    type => [type, 'binary'] as const,
  ),
  ...(['date', 'datetime', 'timestamp'] as const).map(type => [type, 'moment'] as const),
  ['time', 'time'],
  ['json', 'json'],
]);

/** Undefined for a type that no mapping supports, such as a spatial type or a vector. */
export function familyOf(column: Pick<ColumnSchema, 'type'>): Family | undefined {
  return FAMILIES.get(column.type);
}

/** The families to which values of each family convert without loss, if they fit the column. */
const CARRIES: Readonly<Record<Family, readonly Family[]>> = {
  integer: ['integer', 'decimal', 'bit', 'text'],
  decimal: ['decimal', 'text'],
  float: ['float'],
  bit: ['bit', 'integer', 'decimal'],
  text: ['text', 'binary', 'json'],
  binary: ['binary', 'text'],
  moment: ['moment'],
  time: ['time'],
  json: ['json', 'text'],
};

export function canCarry(from: Family, to: Family): boolean {
  return CARRIES[from].includes(to);
}

/** Families whose values are compared as numbers. */
const NUMERIC: ReadonlySet<Family> = new Set(['integer', 'decimal', 'bit', 'float']);

export function isNumeric(family: Family): boolean {
  return NUMERIC.has(family);
}

const PLAIN_INTEGER = /^(?:0|-?[1-9]\d*)$/;
const DECIMAL = /^(-?)0*(\d*?)(?:\.(\d*?)0*)?$/;

/** The canonical text of all values that a column of the family considers equal. */
export function canonical(family: Family, value: string): string {
  switch (family) {
    case 'integer':
    case 'bit':
    case 'decimal':
      return PLAIN_INTEGER.test(value) ? value : canonicalDecimal(value);
    case 'float':
      return String(Number(value) + 0);
    case 'moment':
    case 'time':
      return withoutTrailingZeros(value);
    case 'json':
      return canonicalJson(value);
    case 'text':
    case 'binary':
      return value;
  }
}

/** A negative zero is zero, because MariaDB does not keep its sign. */
export function isSameValue(family: Family, a: Value, b: Value): boolean {
  return a === b || (a !== null && b !== null && canonical(family, a) === canonical(family, b));
}

const VALUES: Readonly<Partial<Record<Family, RegExp>>> = {
  integer: /^-?\d+(?:\.0*)?$/,
  bit: /^\d+$/,
  decimal: /^-?\d+(?:\.\d+)?$/,
  float: /^-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/,
  moment: /^\d{4}-\d\d-\d\d(?: (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?)?$/,
  time: /^-?\d{2,3}:[0-5]\d:[0-5]\d(?:\.\d{1,6})?$/,
};

/** Whether a text of a mapping file is a value of the family, in the form that servers print. */
export function isValueOf(family: Family, text: string): boolean {
  if (family === 'json') return isJson(text);
  return VALUES[family]?.test(text) ?? true;
}

/** Whether a YEAR column can hold the number; a server changes or refuses every other number. */
export function isYear(number: number): boolean {
  return number === 0 || (number >= 1901 && number <= 2155);
}

function canonicalDecimal(value: string): string {
  const [, sign = '', whole = '', fraction = ''] = DECIMAL.exec(value.trim()) ?? [];
  const digits = `${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`;
  return digits === '0' ? '0' : sign + digits;
}

/** Removes fractional zeros of a second, and midnight as the time of day, which do not change the value. */
function withoutTrailingZeros(value: string): string {
  const short = value.includes('.') ? value.replace(/\.?0+$/, '') : value;
  return short.length === 19 && short.endsWith(' 00:00:00') ? short.slice(0, 10) : short;
}
