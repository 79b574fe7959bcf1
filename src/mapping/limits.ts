/** Which values a column has room for, as far as its type shows. Pure. */
import {isYear} from './families.ts';
import type {ColumnSchema} from './schema.ts';
import {bytesOf, isText} from './values.ts';

/** The longest key, in characters, that the bookkeeping tables can store. */
export const MAX_KEY_LENGTH = 512;

/** Every number of so many digits fits a BIGINT; most ids have no more. */
export const SAFE_DIGITS = 15;

const INTEGER_BITS: Readonly<Record<string, bigint>> = {
  tinyint: 8n,
  smallint: 16n,
  mediumint: 24n,
  int: 32n,
  integer: 32n,
  bigint: 64n,
};

export function fitsText(schema: ColumnSchema, value: string): boolean {
  if (schema.maxLength === null || schema.type === 'enum' || schema.type === 'set') return true;
  // Most values are far from the limit: count characters or bytes only where it matters.
  if (value.length * 4 <= schema.maxLength) return true;
  if (schema.type === 'char' || schema.type === 'varchar') {
    // oxlint-disable-next-line typescript/no-misused-spread -- the server counts code points
    return value.length <= schema.maxLength || [...value].length <= schema.maxLength;
  }
  return (isText(value) ? Buffer.byteLength(value) : bytesOf(value).length) <= schema.maxLength;
}

export function fitsInteger(schema: Pick<ColumnSchema, 'type' | 'unsigned'>, value: string): boolean {
  if (schema.type === 'year') return isYear(Number(value));
  const bits = INTEGER_BITS[schema.type];
  if (bits === undefined || (bits === 64n && value.length <= SAFE_DIGITS && !value.startsWith('-')))
    return true;
  if (!/^-?\d+$/.test(value)) return true;
  const number = BigInt(value);
  return schema.unsigned
    ? number >= 0n && number < 1n << bits
    : number >= -(1n << (bits - 1n)) && number < 1n << (bits - 1n);
}

/** Whether a number fits a DECIMAL, a BIT or a FLOAT; digits behind the point are another matter. */
export function fitsNumber({type, definition, unsigned}: ColumnSchema, value: string): boolean {
  if (value.startsWith('-') && Number(value) !== 0 && (unsigned || type === 'bit')) return false;
  const [, length, scale = '0'] = /^\w+\((\d+)(?:,(\d+))?\)/.exec(definition) ?? [];
  if (type === 'bit') return BigInt(value) < 1n << BigInt(length ?? 1);
  if (type === 'float') return Number.isFinite(Math.fround(Number(value)));
  if (type === 'double' || length === undefined) return Number.isFinite(Number(value));
  const whole = value.replace(/^-?0*/, '').split('.')[0] ?? '';
  return whole.length <= Number(length) - Number(scale);
}

const FIRST_SECOND = '1970-01-01 00:00:01';
/** That of servers with an unsigned number of seconds; the others end in 2038, and refuse the row themselves. */
const LAST_SECOND = '2106-02-07 06:28:15';

/** Whether a moment, rounded to the digits of the column, fits it. A column may hold the zero date. */
export function fitsMoment({type}: Pick<ColumnSchema, 'type'>, value: string): boolean {
  // The last day of 9999 may have been rounded up.
  if (value[4] !== '-') return false;
  if (type !== 'timestamp' || value.startsWith('0000-00-00')) return true;
  return value >= FIRST_SECOND && value.slice(0, LAST_SECOND.length) <= LAST_SECOND;
}

/**
 * Whether a column of numbers or moments has room for every value of another one, apart from digits behind the
 * point.
 */
export function holdsAll(column: ColumnSchema, input: ColumnSchema): boolean {
  if (column.unsigned && !input.unsigned && input.type !== 'bit' && input.type !== 'year') return false;
  switch (column.type) {
    case 'decimal':
    case 'numeric':
      return wholeDigits(column) >= wholeDigits(input);
    case 'bit':
      return input.type === 'bit' && bitsOf(column) >= bitsOf(input);
    case 'datetime':
      return column.fraction >= input.fraction;
    case 'timestamp':
      return input.type === 'timestamp' && column.fraction >= input.fraction;
    default:
      return true;
  }
}

const BITS_PER_DIGIT = Math.log2(10);

/** The most digits before the point that a number of the column has. */
export function wholeDigits(column: ColumnSchema): number {
  const {type, definition} = column;
  const [, length, scale = '0'] = /^(?:decimal|numeric)\((\d+)(?:,(\d+))?\)/.exec(definition) ?? [];
  if (length !== undefined) return Number(length) - Number(scale);
  if (type === 'year') return 4;
  const bits = type === 'bit' ? bitsOf(column) : integerBits(column);
  return Math.floor(bits / BITS_PER_DIGIT) + 1;
}

/** How many bits a BIT column has. */
export function bitsOf({definition}: Pick<ColumnSchema, 'definition'>): number {
  return Number(/^bit\((\d+)\)/.exec(definition)?.[1] ?? 1);
}

/** How many bits an integer of the column has without its sign. */
export function integerBits({type, unsigned}: Pick<ColumnSchema, 'type' | 'unsigned'>): number {
  return Number(INTEGER_BITS[type] ?? 64n) - (unsigned ? 0 : 1);
}

/** The last value of a TIME, without its sign. */
const LAST_HOUR = 838;

export function fitsTime(value: string): boolean {
  return Number(/^-?(\d+)/.exec(value)?.[1] ?? 0) <= LAST_HOUR;
}
