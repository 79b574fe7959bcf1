/** Ranges of an entity's walk, and their conditions in SQL. */
import type {TablePlan} from '../columns.ts';
import type {EntityPlan} from '../entities.ts';
import {operandLiteral} from '../key.ts';
import {quoteName} from '../quote.ts';
import type {ColumnSchema} from '../schema.ts';
import {sourceColumn} from './columns.ts';

/** A place in the order of an entity's walk: the values of the key's parts that it uses. */
export type Bound = readonly string[];
/** The rows after `after`, up to and including `to`; null means no bound on that side. */
export interface Range {
  readonly after: Bound | null;
  readonly to: Bound | null;
}
export const EVERYTHING: Range = {after: null, to: null};

/** The source columns that order an entity's walk, in this order. */
export function walkOfSource({walk, keyPlaces, source}: EntityPlan, alias = 's'): string[] {
  return walk.parts.map(part => {
    const place = keyPlaces[part] ?? 0;
    return comparable(sourceColumn(source, place, alias), source.schemas[place]);
  });
}

/** The same columns of a target table. */
export function walkOfTarget({walk}: EntityPlan, table: TablePlan, alias = 't'): string[] {
  return walk.parts.map(part => {
    const at = table.keyIndexes[part] ?? 0;
    return comparable(`${alias}.${quoteName(table.key[part] ?? '')}`, table.columns[at]?.schema);
  });
}

/** ENUM and SET are sorted by their number, but compared with a text by their text. */
function comparable(expression: string, schema: ColumnSchema | undefined): string {
  return schema?.type === 'enum' || schema?.type === 'set' ? `CAST(${expression} AS CHAR)` : expression;
}

/** The condition for a range of an entity's walk, on these columns. */
export function rangeCondition(entity: EntityPlan, columns: readonly string[], {after, to}: Range): string {
  // The bounds come from the source; a range is used on the target only if the columns are alike.
  const literal = (i: number, value: string) => {
    const part = entity.walk.parts[i] ?? 0;
    const schema = entity.source.schemas[entity.keyPlaces[part] ?? -1];
    return operandLiteral(entity.key.columns[part]?.family ?? 'text', value, schema);
  };
  const low = after === null ? [] : [tupleCondition(columns, '>', after, literal)];
  const high = to === null ? [] : [tupleCondition(columns, '<=', to, literal)];
  return [...low, ...high].join(' AND ') || '1 = 1';
}

/** `(a, b) > (x, y)` in the form in which both servers use an index. */
export function tupleCondition(
  columns: readonly string[],
  operator: '>' | '<=',
  bound: Bound,
  literal: (index: number, value: string) => string,
): string {
  const strict = operator === '>' ? '>' : '<';
  const values = bound.map((value, i) => literal(i, value));
  const last = columns.length - 1;
  if (last === 0) return `${columns[0]} ${operator} ${values[0]}`;
  const alternatives = columns.map((column, i) => {
    const before = columns.slice(0, i).map((name, j) => `${name} = ${values[j]}`);
    return `(${[...before, `${column} ${i === last ? operator : strict} ${values[i]}`].join(' AND ')})`;
  });
  return `(${alternatives.join(' OR ')})`;
}
