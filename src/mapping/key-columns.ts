/**
 * The columns of keys in SQL: expressions whose values are those of keys (a bare BIT would be returned as bytes),
 * and expressions to sort and compare by, which differ for ENUM and SET.
 */
import type {ColumnPlan, SourcePlan, TablePlan} from './columns.ts';
import type {KeyOperand} from './key.ts';
import {quoteName} from './quote.ts';
import type {ColumnSchema} from './schema.ts';
import {exactColumn, sourceColumn} from './sql/columns.ts';

/** @param names columns of the table, in the spelling of the target */
export function exactTargetColumns(
  {columns}: Pick<TablePlan, 'columns'>,
  names: readonly string[],
  alias = 't',
): string[] {
  return names.map(name =>
    exactColumn(`${alias}.${quoteName(name)}`, columns.find(column => column.name === name)?.schema),
  );
}

/** @param places of the columns in a source row */
export function exactSourceColumns(source: SourcePlan, places: readonly number[], alias = 's'): string[] {
  return places.map(place =>
    exactColumn(`${alias}.${quoteName(source.actual[place] ?? '')}`, source.schemas[place]),
  );
}

/** The same for ORDER BY and comparisons with the values of a key. */
export function orderedTargetColumns(
  {columns}: Pick<TablePlan, 'columns'>,
  names: readonly string[],
  alias = 't',
): string[] {
  return names.map(name =>
    byText(`${alias}.${quoteName(name)}`, columns.find(column => column.name === name)?.schema),
  );
}

/** @param places of the columns in a source row */
export function orderedSourceColumns(source: SourcePlan, places: readonly number[], alias = 's'): string[] {
  return places.map(place =>
    byText(`${alias}.${quoteName(source.actual[place] ?? '')}`, source.schemas[place]),
  );
}

/** Columns of a target table that keys are compared with. */
export function targetOperands(
  {columns}: Pick<TablePlan, 'columns'>,
  names: readonly string[],
  alias?: string,
): KeyOperand[] {
  const prefix = alias === undefined ? '' : `${alias}.`;
  return names.map(name => ({
    sql: prefix + quoteName(name),
    schema: columns.find(column => column.name === name)?.schema,
  }));
}

/**
 * Columns of a source table that keys are compared with.
 *
 * @param places of the columns in a source row
 */
export function sourceOperands(source: SourcePlan, places: readonly number[]): KeyOperand[] {
  return places.map(place => ({sql: sourceColumn(source, place), schema: source.schemas[place]}));
}

/**
 * The columns of the key in which the server may consider two texts equal, although they are written
 * differently.
 */
export function looseKeyColumns({
  columns,
  keyIndexes,
}: Pick<TablePlan, 'columns' | 'keyIndexes'>): ColumnPlan[] {
  return keyIndexes
    .flatMap(index => columns[index] ?? [])
    .filter(({family, schema}) => family === 'text' && schema.charset != null && schema.members === null);
}

/** A condition that holds where two texts of one column are written alike: their letter case and blanks count, too. */
export function isWrittenAlike(one: string, other: string): string {
  return `CAST(${one} AS BINARY) = CAST(${other} AS BINARY)`;
}

function byText(expression: string, schema: ColumnSchema | undefined): string {
  return schema?.type === 'enum' || schema?.type === 'set' ? `CAST(${expression} AS CHAR)` : expression;
}
