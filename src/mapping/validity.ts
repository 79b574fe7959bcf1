/** Whether a mapped row can be written, as far as it can be told without the server. */
import {isUtf8} from 'node:buffer';
import type {DeadLetterCode} from '../errors.ts';
import type {ColumnPlan} from './plan.ts';
import type {ColumnSchema} from './schema.ts';
import {TARGET_ROLES} from './tables.ts';
import type {PackedRow, SourceRow} from './packed.ts';
import {bytesOf, isText} from './values.ts';

/** Exactly one @, at least one character on either side, no white space inside. */
const EMAIL = /^[^\s@]+@[^\s@]+$/u;

const SPACE = 32;
const AT = 64;
const DELETE = 127;
/** As many fit every BIGINT; most ids have no more. */
const SAFE_DIGITS = 15;

const INTEGER_BITS: Readonly<Record<string, bigint>> = {
  tinyint: 8n,
  smallint: 16n,
  mediumint: 24n,
  int: 32n,
  integer: 32n,
  bigint: 64n,
};

/**
 * Whether a value of this column can be one that cannot be written, as far as its source columns tell. Where
 * they were wider when a row was logged than they are now, the server refuses what is too long.
 */
export function canFail({map, schema, bytes}: ColumnPlan, from: readonly ColumnSchema[]): boolean {
  const isBytes = bytes !== 'none';
  switch (map.transform) {
    case 'timestamp':
    case 'is-active':
      return false;
    case 'role':
      return !TARGET_ROLES.every(role => fitsText(schema, role));
    case 'copy':
    case 'full-name': {
      // A name takes a space between its parts.
      const longest = from.reduce((sum, column) => sum + 1 + charactersOf(column), -1);
      return isBytes || !(longest <= charactersOf(schema));
    }
    case 'id':
    case 'secret':
    case 'trimmed':
      return true;
  }
}

/** How many characters a column holds; NaN where that is not what limits it. */
function charactersOf(schema: ColumnSchema | undefined): number {
  const isCounted = schema?.type === 'varchar' || schema?.type === 'char';
  return isCounted ? (schema.maxLength ?? Number.NaN) : Number.NaN;
}

/** @returns the code of the first fault, or null for a row that can be written */
export function validate(columns: readonly ColumnPlan[], source: SourceRow): DeadLetterCode | null {
  for (const column of columns) {
    const value = column.value(source);
    if (value === null) continue;
    const code = validateValue(column, value);
    if (code !== null) return code;
  }
  return null;
}

/**
 * Whether {@link validate} finds no fault, where a packed row's bytes tell at once. False says nothing: it
 * is to be asked.
 */
export function isPlainlyValid(columns: readonly ColumnPlan[], row: PackedRow): boolean {
  for (const {map, schema, inputs, bytes, form} of columns) {
    const [first = 0, second] = inputs;
    if (form.cutsEnd && row.bytes[row.end(first) - 1] === SPACE) return false;
    if (bytes === 'checked' && !areUtf8(row, inputs)) return false;
    // As many bytes as characters at least, and a space between two parts.
    const longest = row.length(first) + (second === undefined ? 0 : 1 + row.length(second));
    switch (map.transform) {
      case 'id':
        if (schema.type !== 'bigint' || longest > SAFE_DIGITS || !isDigit(row.bytes[row.start(first)]))
          return false;
        break;
      case 'trimmed':
        if (!isPlainEmail(row.bytes, row.start(first), row.end(first)) || !fitsPlainly(schema, longest))
          return false;
        break;
      case 'secret':
        if (longest === 0 || !fitsPlainly(schema, longest)) return false;
        break;
      case 'copy':
      case 'full-name':
        if (!fitsPlainly(schema, longest)) return false;
        break;
      default:
        return false;
    }
  }
  return true;
}

function areUtf8(row: PackedRow, inputs: readonly number[]): boolean {
  return inputs.every(
    index => row.isNull(index) || isUtf8(row.bytes.subarray(row.start(index), row.end(index))),
  );
}

function fitsPlainly({maxLength}: ColumnSchema, bytes: number): boolean {
  return maxLength === null || bytes <= maxLength;
}

/** Of ASCII without any white space: exactly one @, and something on either side. */
function isPlainEmail(bytes: Buffer, start: number, end: number): boolean {
  let at = -1;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte <= SPACE || byte >= DELETE) return false;
    if (byte !== AT) continue;
    if (at >= 0) return false;
    at = i;
  }
  return at > start && at < end - 1;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57;
}

function validateValue(column: ColumnPlan, value: string): DeadLetterCode | null {
  if (column.bytes === 'checked' && !isText(value)) return 'invalid-encoding';
  switch (column.map.transform) {
    case 'id':
      return fitsInteger(column, value) ? null : 'out-of-range';
    case 'trimmed':
      if (!EMAIL.test(value)) return 'invalid-email';
      break;
    case 'secret':
      if (value === '') return 'invalid-password';
      break;
    default:
      break;
  }
  return fitsText(column.schema, value) ? null : 'value-too-long';
}

function fitsText(schema: ColumnSchema, value: string): boolean {
  if (schema.maxLength === null || schema.type === 'enum' || schema.type === 'set') return true;
  // Most values are far from the limit: count characters or bytes only where it matters.
  if (value.length * 4 <= schema.maxLength) return true;
  if (schema.type === 'char' || schema.type === 'varchar') {
    // oxlint-disable-next-line typescript/no-misused-spread -- the server counts code points
    return value.length <= schema.maxLength || [...value].length <= schema.maxLength;
  }
  return (isText(value) ? Buffer.byteLength(value) : bytesOf(value).length) <= schema.maxLength;
}

function fitsInteger({schema}: ColumnPlan, value: string): boolean {
  const bits = INTEGER_BITS[schema.type];
  if (bits === undefined || (bits === 64n && value.length <= SAFE_DIGITS && !value.startsWith('-')))
    return true;
  const number = BigInt(value);
  return schema.unsigned
    ? number >= 0n && number < 1n << bits
    : number >= -(1n << (bits - 1n)) && number < 1n << (bits - 1n);
}
