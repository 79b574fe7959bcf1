/**
 * Which types of columns can be mapped, and how each is read so that SELECT, log and SQL conditions agree: the
 * one place that knows. What is not listed here is refused by name. Pure.
 */
import type {ColumnSchema} from './schema.ts';

/** What a column is used as. */
export type Use = 'id' | 'text' | 'flag' | 'time';

const INTEGERS: ReadonlySet<string> = new Set([
  'tinyint',
  'smallint',
  'mediumint',
  'int',
  'integer',
  'bigint',
]);
const OTHER_NUMBERS: ReadonlySet<string> = new Set(['decimal', 'numeric', 'float', 'double', 'real']);
const TIMES: ReadonlySet<string> = new Set(['datetime', 'timestamp', 'date']);
const TEXTS: ReadonlySet<string> = new Set([
  'char',
  'varchar',
  'tinytext',
  'text',
  'mediumtext',
  'longtext',
  'enum',
  'set',
]);
const BINARIES: ReadonlySet<string> = new Set([
  'binary',
  'varbinary',
  'tinyblob',
  'blob',
  'mediumblob',
  'longblob',
]);

/** Text in a character set; ENUM and SET are the text of their members, and not their numbers. */
export const isTextType = ({type}: ColumnSchema): boolean => TEXTS.has(type);
export const isBinaryType = ({type}: ColumnSchema): boolean => BINARIES.has(type);
const isNumber = ({type}: ColumnSchema): boolean =>
  INTEGERS.has(type) || OTHER_NUMBERS.has(type) || type === 'bit';

/** Whether a source column can be read for this use. */
export function isReadable(column: ColumnSchema, use: Use): boolean {
  switch (use) {
    case 'id':
      return INTEGERS.has(column.type);
    case 'text':
      return isTextType(column) || isBinaryType(column);
    // Bytes may be a number or the text of one, so that nobody can tell what they mean.
    case 'flag':
      return isNumber(column) || isTextType(column);
    case 'time':
      return TIMES.has(column.type);
  }
}

/** Whether a target column gives back what is written to it for this use. */
export function isWritable(column: ColumnSchema, use: Use): boolean {
  switch (use) {
    // Digits in front are part of the key that others read, and a text is in another order than its number.
    case 'id':
      return !isZerofilled(column) && (INTEGERS.has(column.type) || isWholeDecimal(column));
    case 'text':
      return isTextType(column) || isBinaryType(column);
    case 'flag':
      return (
        INTEGERS.has(column.type) ||
        column.type === 'bit' ||
        isWholeDecimal(column) ||
        (isTextType(column) && hasFlagMembers(column))
      );
    case 'time':
      return column.type === 'datetime' || column.type === 'timestamp';
  }
}

const isZerofilled = ({definition}: ColumnSchema): boolean => definition.includes('zerofill');
const isWholeDecimal = ({type, definition}: ColumnSchema): boolean =>
  (type === 'decimal' || type === 'numeric') && /^decimal\(\d+(?:,0)?\)/.test(definition);
const hasFlagMembers = ({members}: ColumnSchema): boolean =>
  members === null || ['0', '1'].every(flag => members.includes(flag));

/** A type that can be mapped for this use, as the SQL that mends a column names it. */
export const MENDED_TYPES: Readonly<Record<Use, string>> = {
  id: 'BIGINT',
  text: 'VARCHAR(255)',
  flag: 'TINYINT',
  time: 'DATETIME(6)',
};

const UNLIKE_THEIR_TEXT: ReadonlySet<string> = new Set(['bit', 'year']);

/**
 * A column as a SELECT must name it, so that it comes as the log has it: numbers without the zeros that
 * ZEROFILL puts in front, BIT and YEAR as numbers, and FLOAT with all of its digits.
 */
export function exactColumn(name: string, column: ColumnSchema | undefined): string {
  if (column === undefined) return name;
  // The driver would make an object of it.
  if (column.type === 'json') return `CAST(${name} AS CHAR)`;
  // As a double; a sum would lose the sign of a negative zero.
  if (column.type === 'float') return `${name} * 1`;
  const isPadded = isNumber(column) && isZerofilled(column);
  return isPadded || UNLIKE_THEIR_TEXT.has(column.type) ? `${name} + 0` : name;
}

/** Whether a flag is set, by its value as {@link exactColumn} gives it. */
export type FlagTest = (value: string | null) => boolean;

/**
 * A flag is set where a number is 1, and where a text reads 1, zeros and spaces around it left out. Text is never
 * compared with a number in SQL: for ENUM and SET the server would compare the number of the member.
 */
export function flagTest(column: ColumnSchema | undefined): FlagTest {
  const isSet = column !== undefined && isTextType(column) ? /^ *0*1 *$/ : /^1(?:\.0+)?$/;
  return value => value !== null && (value === '1' || isSet.test(value));
}

/** The same as a condition in SQL. */
export function flagCondition(expression: string, column: ColumnSchema | undefined): string {
  if (column === undefined || !isTextType(column)) return `${expression} = 1`;
  const text = `CONVERT(${expression} USING utf8mb4)`;
  return `CAST(TRIM(LEADING '0' FROM TRIM(${text})) AS BINARY) = '1'`;
}

/** Whether a point in time is a real date, in SQL. */
export function isDateCondition(expression: string): string {
  return `(DAYOFMONTH(${expression}) > 0 AND MONTH(${expression}) > 0 AND YEAR(${expression}) > 0)`;
}
