/** Columns of source and target rows as SQL expressions: as they are read, and as operators and conditions take them. */
import type {SourcePlan, TablePlan} from '../columns.ts';
import {familyOf, isNumeric} from '../families.ts';
import {quoteName} from '../quote.ts';
import type {ColumnSchema} from '../schema.ts';

/** A source column as an expression, in the table's alias. */
export function sourceColumn(source: SourcePlan, place: number, alias = 's'): string {
  const name = source.actual[place] ?? null;
  return name === null ? 'NULL' : `${alias}.${quoteName(name)}`;
}

/** A source column as input of operators and conditions: text as UTF-8, bytes unchanged, numbers as in the log. */
export function sourceInput(source: SourcePlan, place: number, alias = 's'): string {
  return comparableInput(sourceColumn(source, place, alias), source.schemas[place]);
}

export function comparableInput(expression: string, schema: ColumnSchema | undefined): string {
  const isText = schema !== undefined && familyOf(schema) === 'text';
  if (!isText) return exactColumn(expression, schema);
  return schema.charset === 'utf8mb4' ? expression : `CONVERT(${expression} USING utf8mb4)`;
}

const UNLIKE_THEIR_TEXT: ReadonlySet<string> = new Set(['bit', 'year']);

/**
 * The expression that returns a column as the log has it: numbers without the leading zeros of
 * ZEROFILL, BIT and YEAR as numbers, and FLOAT with all of its digits.
 */
export function exactColumn(expression: string, schema: ColumnSchema | undefined): string {
  if (schema === undefined) return expression;
  // The driver would parse JSON into an object.
  if (schema.type === 'json') return `CAST(${expression} AS CHAR)`;
  // The product is a double; a sum would lose the sign of a negative zero.
  if (schema.type === 'float') return `${expression} * 1`;
  const isPadded = schema.definition.includes('zerofill') && isNumeric(familyOf(schema) ?? 'text');
  return isPadded || UNLIKE_THEIR_TEXT.has(schema.type) ? `${expression} + 0` : expression;
}

/** The columns of a source row in the plan's order; an optional column that is absent reads as null. */
export function sourceSelectList(source: SourcePlan): string {
  return source.schemas.map((schema, place) => exactColumn(sourceColumn(source, place), schema)).join(', ');
}

export function sourceFrom(source: SourcePlan, alias = 's'): string {
  return `${quoteName(source.table)} ${alias}`;
}

/** The columns of a target row in the plan's order, each in the form that the mapping writes. */
export function targetSelectList(table: TablePlan): string {
  return table.columns.map(({name, schema}) => exactColumn(`t.${quoteName(name)}`, schema)).join(', ');
}
