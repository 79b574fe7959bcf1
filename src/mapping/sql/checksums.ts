/** Checksums of the rows of a range, which are equal on both servers if the rows are. */
import type {ColumnPlan, SourcePlan, TablePlan} from '../columns.ts';
import type {EntityPlan} from '../entities.ts';
import {operatorOf} from '../operators/registry.ts';
import {quoteName} from '../quote.ts';
import {comparableInput, sourceColumn, sourceFrom, sourceInput} from './columns.ts';
import {eligibleCondition, preferredOrder} from './eligible.ts';
import {rangeCondition, walkOfSource, walkOfTarget, type Range} from './ranges.ts';

/** Knuth's multiplier for hashes: an odd number with well distributed bits. */
const ODD = '2654435761';

/**
 * Counts the eligible source rows of a range, and computes a checksum of the rows that they become in each of the
 * entity's tables: one column for the count, and one for each table.
 *
 * The sum is over each row's CRC times an odd number: CRC32 alone is linear, so that the same change in two
 * rows would cancel itself out; a product, with its carries, is not. It fits 64 bits.
 */
export function sourceChecksums(entity: EntityPlan, range: Range): string {
  const {source, tables} = entity;
  const rows = `${sourceFrom(source)} WHERE ${rangeCondition(entity, walkOfSource(entity), range)} AND ${eligibleCondition(entity, range)}`;
  const sum = (crc: string) => `BIT_XOR(${crc} * ${ODD})`;
  const crcs = tables.map(table => `CRC32(${sourceRowText(table, source)})`);
  if (!entity.repeats) return `SELECT COUNT(*), ${crcs.map(sum).join(', ')} FROM ${rows}`;
  const key = entity.keyPlaces.map(place => sourceColumn(source, place)).join(', ');
  const order = preferredOrder(entity);
  return `SELECT COUNT(*), ${crcs.map((_, i) => sum(`c${i}`)).join(', ')} FROM (
      SELECT ${crcs.map((crc, i) => `${crc} c${i}`).join(', ')}, ROW_NUMBER() OVER (PARTITION BY ${key}${order === '' ? '' : ` ORDER BY ${order}`}) n
        FROM ${rows}) r WHERE n = 1`;
}

/** The same for the rows of a target table. */
export function targetChecksum(entity: EntityPlan, table: TablePlan, range: Range): string {
  return `SELECT COUNT(*), BIT_XOR(CRC32(${targetRowText(table)}) * ${ODD}) FROM ${quoteName(table.target)} t WHERE ${rangeCondition(entity, walkOfTarget(entity, table), range)}`;
}

function sourceRowText(table: TablePlan, source: SourcePlan): string {
  // Beside a text whose operator names a collation, a server would convert bytes to a text, and they may be none.
  const hasBytes = table.columns.some(
    ({family, shape}) => family === 'text' && shape.inputs.some(input => input.family === 'binary'),
  );
  return rowText(
    table.columns.map(column => {
      const text = comparedText(
        operatorOf(column.map.use).sql(
          column.map.use,
          column.shape.inputs.map(({place}) => printedAlike(sourceInput(source, place), column)),
          column.shape,
        ),
        column,
      );
      return hasBytes && column.family === 'text' ? `CAST(${text} AS BINARY)` : text;
    }),
  );
}

function targetRowText(table: TablePlan): string {
  return rowText(
    table.columns.map(column => {
      const input = comparableInput(`t.${quoteName(column.name)}`, column.schema);
      return comparedText(printedAlike(input, column), column);
    }),
  );
}

/** MySQL prints a computed double with fewer digits than a column's, and a FLOAT is read by a computation. */
function printedAlike(expression: string, {schema, shape}: ColumnPlan): string {
  const isWidened = schema.type === 'double' && shape.inputs.some(input => input.schema.type === 'float');
  return isWidened ? `${expression} * 1` : expression;
}

/** One form for all equal values, on both sides. */
function comparedText(expression: string, {family, schema}: ColumnPlan): string {
  switch (family) {
    case 'moment':
      return schema.type === 'date' ? `CAST(${expression} AS DATE)` : `CAST(${expression} AS DATETIME(6))`;
    case 'time':
      return `CAST(${expression} AS TIME(6))`;
    case 'decimal':
      return `CAST(${expression} AS DECIMAL(65, ${Math.min(30, schema.scale)}))`;
    case 'bit':
    case 'float':
      return `(${expression})`;
    case 'binary':
      return `HEX(${expression})`;
    case 'integer':
    case 'text':
    case 'json':
      return expression;
  }
}

/** One text for a row; null differs from every value, and separators keep values apart. */
function rowText(expressions: readonly string[]): string {
  return `CONCAT_WS(0x1f, ${expressions.map(expression => `IFNULL(${expression}, 0x00)`).join(', ')})`;
}
