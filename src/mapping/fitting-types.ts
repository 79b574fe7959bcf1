/**
 * The type that a target column needs to return every value of its operator unchanged: what the doctor's SQL gives
 * it, and against which it measures the room of a column. Pure.
 */
import {isValueOf} from './families.ts';
import {bitsOf, fitsInteger, fitsTime, wholeDigits} from './limits.ts';
import type {OperatorUse, Shape} from './operators/operator.ts';
import {unknownMembers} from './operators/texts.ts';
import {roomFor, type Room} from './rooms.ts';
import type {ColumnSchema} from './schema.ts';

/** The types that the SQL gives to a column where the source's own type does not matter. */
export const COMMON = {
  text: 'VARCHAR(255)',
  flag: 'TINYINT',
  integer: 'BIGINT',
  moment: 'DATETIME(6)',
} as const;

const BIGINT = {type: 'bigint', unsigned: false} as const;
const BYTES: ReadonlySet<string> = new Set([
  'binary',
  'varbinary',
  'tinyblob',
  'blob',
  'mediumblob',
  'longblob',
]);
const MAX_DIGITS = 65;
const MAX_SCALE = 30;
/** The longest key column. */
const MAX_KEY = 255;
/** A row has 65535 bytes, apart from the types without a fixed limit. */
const MAX_CHARACTERS = 4000;
const MAX_BYTES = 8000;

/** The values that an operator can return, if the mapping lists them; null if they come from the source. */
export function ownValues(use: OperatorUse): readonly string[] | null {
  switch (use.operator) {
    case 'lookup':
      return [...Object.values(use.values), ...(use.otherwise == null ? [] : [use.otherwise])];
    case 'oneOf':
      return ['1', '0'];
    case 'constant':
      return use.value === null ? [] : [use.value];
    default:
      return null;
  }
}

/** A type that returns the operator's values unchanged. Bytes stay bytes. */
export function fittingType(use: OperatorUse, shape: Shape, isKey = false): string {
  const {column, inputs} = shape;
  if (use.operator === 'oneOf') return COMMON.flag;
  const own = ownValues(use);
  if (own !== null) return typeForOwn(own, shape);
  const isText = use.operator !== 'copy' && use.operator !== 'first';
  const family = isText ? 'text' : inputs[0]?.family;
  const schemas = inputs.map(({schema}) => schema);
  const otherwise = use.operator === 'first' ? use.otherwise : null;
  switch (family) {
    case 'integer':
      return integerType(column, schemas, otherwise);
    case 'decimal':
      return decimalType(schemas, otherwise);
    case 'bit':
      return `BIT(${Math.max(1, ...schemas.map(bitsOf))})`;
    case 'float':
      return 'DOUBLE';
    case 'moment':
      return momentType(column, schemas, otherwise);
    case 'time':
      return withDigits('TIME', Math.max(fractionOf(otherwise), ...schemas.map(({fraction}) => fraction)));
    case 'json':
      return 'JSON';
    case 'text':
    case 'binary':
      return textType(roomFor(use, schemas), BYTES.has(column.type) || isBinary(shape, isText), isKey);
    case undefined:
      return COMMON.text;
  }
}

/** Bytes that may not be UTF-8 need a column of bytes, unless the column is a text already. */
function isBinary({family, inputs}: Shape, isText: boolean): boolean {
  return !isText && family !== 'text' && inputs.some(input => input.family === 'binary');
}

/** @param isBytes the column holds bytes without a character set */
export function textType({characters, bytes, isLong}: Room, isBytes: boolean, isKey: boolean): string {
  const length = Math.max(1, isBytes ? bytes : characters);
  if (isKey) return `${isBytes ? 'VARBINARY' : 'VARCHAR'}(${Math.min(length, MAX_KEY)})`;
  if (!isLong && length <= (isBytes ? MAX_BYTES : MAX_CHARACTERS))
    return `${isBytes ? 'VARBINARY' : 'VARCHAR'}(${length})`;
  const size = bytes <= 0xffff ? '' : bytes <= 0xffffff ? 'MEDIUM' : 'LONG';
  return `${size}${isBytes ? 'BLOB' : 'TEXT'}`;
}

export function integerType(
  column: Pick<ColumnSchema, 'unsigned'>,
  inputs: readonly ColumnSchema[],
  otherwise: string | null = null,
): string {
  const isNegative = otherwise?.startsWith('-') === true;
  const signed =
    isNegative || inputs.some(({unsigned, type}) => !unsigned && type !== 'year' && type !== 'bit');
  const huge = inputs.some(input =>
    input.type === 'bit' ? bitsOf(input) > 63 : input.unsigned && input.type === 'bigint',
  );
  if (otherwise?.includes('.') === true || (huge && signed)) return decimalType(inputs, otherwise);
  return huge || (column.unsigned && !isNegative) ? `${COMMON.integer} UNSIGNED` : COMMON.integer;
}

/** A DECIMAL with room for all digits of some numbers; as many as possible if they are too many. */
export function decimalType(inputs: readonly ColumnSchema[], otherwise: string | null = null): string {
  const [whole = '', fraction = ''] = (otherwise ?? '').replace('-', '').split('.');
  const before = Math.max(1, whole.length, ...inputs.map(wholeDigits));
  const scale = Math.min(MAX_SCALE, Math.max(fraction.length, ...inputs.map(input => input.scale)));
  const unsigned = otherwise?.startsWith('-') !== true && inputs.every(input => input.unsigned);
  return `DECIMAL(${Math.min(MAX_DIGITS, before + scale)},${scale})${unsigned ? ' UNSIGNED' : ''}`;
}

export function momentType(
  column: ColumnSchema,
  inputs: readonly ColumnSchema[],
  otherwise: string | null = null,
): string {
  const isDay = inputs.every(({type}) => type === 'date') && (otherwise === null || otherwise.length === 10);
  if (isDay && column.type !== 'datetime' && column.type !== 'timestamp') return 'DATE';
  const digits = [column.fraction, fractionOf(otherwise), ...inputs.map(({fraction}) => fraction)];
  return withDigits('DATETIME', Math.max(...digits));
}

function fractionOf(moment: string | null): number {
  return moment?.split('.')[1]?.length ?? 0;
}

function withDigits(type: string, digits: number): string {
  return digits === 0 ? type : `${type}(${digits})`;
}

/** The column's own type with room for values of the mapping file; another one if it cannot hold them. */
function typeForOwn(values: readonly string[], {column, family}: Shape): string {
  const isForeign =
    column.members === null && !values.every(value => value === '' || isValueOf(family, value));
  const unknown = values.flatMap(value => unknownMembers(column, value));
  if (column.members !== null && unknown.length > 0) {
    const members = [...column.members, ...new Set(unknown)].map(
      member => `'${member.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`,
    );
    return `${column.type.toUpperCase()}(${members.join(',')})`;
  }
  const own = values.filter(value => value !== '');
  // oxlint-disable-next-line typescript/no-misused-spread -- the server counts code points
  const characters = Math.max(0, ...own.map(value => [...value].length));
  const bytes = Math.max(0, ...own.map(value => Buffer.byteLength(value)));
  const text = textType({characters: Math.max(255, characters), bytes, isLong: false}, false, false);
  const isWhole = own.every(value => /^-?\d+(?:\.0*)?$/.test(value));
  const isNumber = own.length > 0 && own.every(value => isValueOf('decimal', value));
  switch (isForeign || own.length < values.length || own.length === 0 ? 'text' : family) {
    case 'integer':
    case 'bit':
    case 'decimal':
      if (isWhole && family === 'bit' && own.every(value => !value.startsWith('-'))) return 'BIT(64)';
      if (isWhole && family === 'integer' && own.every(value => fitsInteger(BIGINT, value)))
        return COMMON.integer;
      return isNumber ? ownDecimal(own, column) : text;
    case 'float':
      return own.every(value => Number.isFinite(Number(value))) ? 'DOUBLE' : text;
    case 'moment':
      return COMMON.moment;
    case 'time':
      return own.every(fitsTime) ? 'TIME(6)' : text;
    case 'json':
      return 'JSON';
    case 'binary':
      return textType(
        {characters, bytes: Math.max(bytes, column.maxLength ?? 0), isLong: false},
        true,
        false,
      );
    case 'text':
      return BYTES.has(column.type) ? textType({characters, bytes, isLong: false}, true, false) : text;
  }
}

function ownDecimal(values: readonly string[], {scale}: ColumnSchema): string {
  return `DECIMAL(${MAX_DIGITS},${Math.min(MAX_SCALE, Math.max(scale, ...values.map(fractionOf)))})`;
}
