/** Which values a column has room for, as far as its type tells. Pure. */
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
  if (value.startsWith('-') && (unsigned || type === 'bit')) return false;
  const [, length, scale = '0'] = /^\w+\((\d+)(?:,(\d+))?\)/.exec(definition) ?? [];
  if (type === 'bit') return BigInt(value) < 1n << BigInt(length ?? 1);
  if (type === 'float') return Number.isFinite(Math.fround(Number(value)));
  if (type === 'double' || length === undefined) return Number.isFinite(Number(value));
  const whole = value.replace(/^-?0*/, '').split('.')[0] ?? '';
  return whole.length <= Number(length) - Number(scale);
}

/** The last value of a TIME, without its sign. */
const LAST_HOUR = 838;

export function fitsTime(value: string): boolean {
  return Number(/^-?(\d+)/.exec(value)?.[1] ?? 0) <= LAST_HOUR;
}
