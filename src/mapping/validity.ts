/** Whether a mapped row can be written, as far as that is known without asking the server. */
import {isUtf8} from 'node:buffer';
import type {DeadLetterCode} from '../errors.ts';
import {invalidCode, satisfies} from './checks.ts';
import type {ColumnMap, TableMap} from './mapping.ts';
import type {Family} from './families.ts';
import {fitsInteger, fitsMoment, fitsNumber, fitsText, holdsAll, SAFE_DIGITS} from './limits.ts';
import {isMapped} from './operators/choices.ts';
import type {Shape} from './operators/operator.ts';
import {cellOf, type PackedRow, type SourceRow} from './packed.ts';
import type {ColumnPlan} from './columns.ts';
import {isAmong, type ColumnSchema} from './schema.ts';
import {isText} from './values.ts';

const SPACE = 32;
const AT = 64;
const DELETE = 127;
/**
 * How the value of a column is checked before it is written. `never` means that no check can fail. For the
 * others the bytes of a packed row show whether they fit, except for `value`, which needs the value itself.
 */
export type Fit = 'never' | 'integer' | 'text' | 'email' | 'not-empty' | 'value';

/**
 * Whether this column can have a value that cannot be written, judged by its source columns. If they were wider
 * when a row was logged than they are now, the server refuses a value that is too long.
 */
export function fitOf(map: ColumnMap, shape: Shape): Fit {
  const {use, checks} = map;
  const {family, column, inputs} = shape;
  const [check] = checks;
  if (check !== undefined) {
    if (checks.length > 1 || family !== 'text') return 'value';
    if (check.check === 'email' && use.operator === 'trim') return 'email';
    return check.check === 'notEmpty' && use.operator === 'copy' ? 'not-empty' : 'value';
  }
  switch (use.operator) {
    case 'oneOf':
      return 'never';
    case 'constant':
      return use.value === null || (family === 'text' && fitsText(column, use.value)) ? 'never' : 'value';
    case 'lookup':
      return use.otherwise !== undefined &&
        [...Object.values(use.values), use.otherwise ?? ''].every(value => fitsText(column, value))
        ? 'never'
        : 'value';
    case 'first':
      return family === 'moment' ? 'never' : 'value';
    case 'copy':
    case 'trim':
    case 'lower':
    case 'upper':
    case 'join': {
      if (family === 'integer') return 'integer';
      if (family !== 'text' && family !== 'binary')
        return inputs.every(({schema}) => holdsAll(column, schema)) ? 'never' : 'value';
      if (use.operator === 'lower' || use.operator === 'upper') return 'value';
      const between = use.operator === 'join' ? use.with.length : 0;
      const longest = inputs.reduce((sum, {schema}) => sum + between + charactersOf(schema), -between);
      if (inputs.every(input => input.family === family) && longest <= charactersOf(column)) return 'never';
      return use.operator === 'join' && (inputs.length !== 2 || use.with !== ' ') ? 'value' : 'text';
    }
  }
}

/**
 * Whether an eligible row may have a null for this column. A server that is told to write one into a NOT NULL column
 * need not refuse it: AUTO_INCREMENT counts, and a TIMESTAMP of MariaDB takes the current time.
 */
export function mayBeNull({key, where}: TableMap, {target, use}: ColumnMap, {inputs}: Shape): boolean {
  // Without its key, a row is not eligible.
  if (key.includes(target)) return false;
  const isNullable = ({schema}: Shape['inputs'][number]) =>
    schema.nullable && !where.some(({column, is}) => is !== 'null' && isAmong(column, [schema.name]));
  switch (use.operator) {
    case 'copy':
    case 'trim':
    case 'lower':
    case 'upper':
      return inputs.some(isNullable);
    case 'first':
      // A date that is missing counts as null.
      return use.otherwise === null && inputs.every(input => input.family === 'moment' || isNullable(input));
    // The plan refuses a null that the mapping names.
    case 'constant':
    case 'lookup':
    case 'join':
    case 'oneOf':
      return false;
  }
}

/** How many characters a column holds; NaN if characters are not its limit. */
function charactersOf(schema: ColumnSchema): number {
  const isCounted = schema.type === 'varchar' || schema.type === 'char';
  return isCounted ? (schema.maxLength ?? Number.NaN) : Number.NaN;
}

/** @returns the code of the first fault, or null for a row that can be written */
export function validate(columns: readonly ColumnPlan[], source: SourceRow): DeadLetterCode | null {
  for (const column of columns) {
    if (!column.isMapped(source)) return 'unmapped-value';
    if (column.needsEnd && cellOf(source, column.inputs[0] ?? 0)?.endsWith(' ') === true)
      return invalidCode(column.map.target);
    const value = column.value(source);
    if (value === null && column.needsValue) return 'null-value';
    if (value === null) continue;
    const code = validateValue(column, value);
    if (code !== null) return code;
  }
  return null;
}

/**
 * Whether the bytes of a packed row alone show that {@link validate} finds no fault. False means that the caller
 * must ask it.
 */
export function isPlainlyValid(columns: readonly ColumnPlan[], row: PackedRow): boolean {
  for (const {fit, schema, inputs, bytes, cutsEnd, needsValue} of columns) {
    const [first = 0, second] = inputs;
    if (needsValue && (second !== undefined || row.isNull(first))) return false;
    if (cutsEnd && row.bytes[row.end(first) - 1] === SPACE) return false;
    if (bytes === 'checked' && !areUtf8(row, inputs)) return false;
    // A value has at least as many bytes as characters; `join` adds a space between two parts.
    const longest = row.length(first) + (second === undefined ? 0 : 1 + row.length(second));
    switch (fit) {
      case 'integer':
        if (schema.type !== 'bigint' || longest > SAFE_DIGITS || !isDigit(row.bytes[row.start(first)]))
          return false;
        break;
      case 'email':
        if (!isPlainEmail(row.bytes, row.start(first), row.end(first)) || !fitsPlainly(schema, longest))
          return false;
        break;
      case 'not-empty':
        if (longest === 0 || !fitsPlainly(schema, longest)) return false;
        break;
      case 'text':
        if (!fitsPlainly(schema, longest)) return false;
        break;
      case 'never':
        break;
      case 'value':
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

/** Whether the bytes are ASCII without white space, with exactly one @ and something on either side. */
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

const isNumber = (family: Family): boolean => family === 'decimal' || family === 'bit' || family === 'float';

function validateValue({map, schema, family, bytes}: ColumnPlan, value: string): DeadLetterCode | null {
  if (bytes === 'checked' && !isText(value)) return 'invalid-encoding';
  for (const check of map.checks) if (!satisfies(check, value)) return invalidCode(map.target);
  if (family === 'integer') return fitsInteger(schema, value) ? null : 'out-of-range';
  if (isNumber(family)) return fitsNumber(schema, value) ? null : 'out-of-range';
  if (family === 'moment') return fitsMoment(schema, value) ? null : 'out-of-range';
  return (family !== 'text' && family !== 'binary') || fitsText(schema, value) ? null : 'value-too-long';
}

/** Whether `lookup` knows the value of a row; true for every other operator. */
export function mappedTest({use}: ColumnMap, shape: Shape): (row: SourceRow) => boolean {
  return use.operator === 'lookup' ? isMapped(use, shape) : () => true;
}
