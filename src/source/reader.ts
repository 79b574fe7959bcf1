/**
 * Reads mapped source rows: by key, by parent, by range. Apart from the checksums, only this file reads the
 * source's tables, and it never writes. Each read checks its number of rows.
 */
import {queryRows, type Connection} from '../db/connection.ts';
import {onlyRow, readCounted, type Query, type Selection} from '../db/counted.ts';
import type {Edge, EntityPlan} from '../mapping/entities.ts';
import {exactSourceColumns, orderedSourceColumns, sourceOperands} from '../mapping/key-columns.ts';
import {operandLiteral, type RowKey} from '../mapping/key.ts';
import {sourceColumn, sourceFrom, sourceSelectList} from '../mapping/sql/columns.ts';
import {keyIsWhole, rankingOrder} from '../mapping/sql/eligible.ts';
import {rangeCondition, tupleCondition, walkOfSource, type Bound, type Range} from '../mapping/sql/ranges.ts';
import {toRow, type Row} from '../mapping/values.ts';

/** The maximum number of keys in one IN list; longer lists are split. */
const KEYS_PER_QUERY = 2000;

/** A page of the child rows of some parents. */
export interface ChildPage {
  readonly rows: Row[];
  /** Pass as `after` for the next page; null at the end. */
  readonly last: Bound | null;
}

export interface SourceReader {
  /** Reads rows by key; deleted ones are absent. If several rows have one key, the one that counts comes first. */
  byKeys(entity: EntityPlan, keys: readonly RowKey[]): Promise<Row[]>;
  /** Reads the rows of a range of the entity's walk. If several rows have one key, the one that counts comes first. */
  range(entity: EntityPlan, range: Range): Promise<Row[]>;
  /** Counts the rows of the child's source that refer to each of these parents. */
  countChildren(edge: Edge, parents: readonly RowKey[]): Promise<number>;
  /**
   * Reads the child rows of these parents, in the order of the child's key, at most about `limit`. Rows with one
   * key come together, the one that counts first.
   */
  children(edge: Edge, parents: readonly RowKey[], after: Bound | null, limit: number): Promise<ChildPage>;
}

/** Creates a reader over one connection; it keeps no state. */
export function createSourceReader(query: Query): SourceReader {
  const read = async (selection: Selection) => (await readCounted(query, selection)).map(toRow);
  return {
    async byKeys(entity, keys) {
      const rows: Row[] = [];
      for (const selection of keySelections(entity, keys)) rows.push(...(await read(selection)));
      return rows;
    },
    range: (entity, range) => read(rangeSelection(entity, range)),
    async countChildren(edge, parents) {
      const row = onlyRow(
        await query(
          `SELECT COUNT(*) FROM ${sourceFrom(edge.child.source)} WHERE ${parentCondition(edge, parents)}`,
        ),
      );
      return Number(row[0]);
    },
    async children(edge, parents, after, limit) {
      const {child} = edge;
      const key = orderedSourceColumns(child.source, child.keyPlaces);
      const beyond = after === null ? [] : [past(child, key, '>', after)];
      const where = [parentCondition(edge, parents), ...keyIsWhole(child), ...beyond]
        .map(condition => `(${condition})`)
        .join(' AND ');
      const from = sourceFrom(child.source);
      // Most parents of the stream are new, and have no children yet: one statement says so.
      const count = Number(
        onlyRow(
          await query(`SELECT COUNT(*) FROM (SELECT 1 FROM ${from} WHERE ${where} LIMIT ${limit}) few`),
        )[0],
      );
      if (count === 0) return {rows: [], last: null};
      // The page ends at a key, so that rows with one key stay together.
      const [bound] =
        count < limit
          ? []
          : await query(
              `SELECT ${exactSourceColumns(child.source, child.keyPlaces).join(', ')} FROM ${from} WHERE ${where} ORDER BY ${key.join(', ')} LIMIT ${limit - 1}, 1`,
            );
      const last = bound === undefined ? null : partsOf(child, toRow(bound));
      const upTo = last === null ? '' : ` AND ${past(child, key, '<=', last)}`;
      return {rows: await read(selectionOf(child, where + upTo, orderOf(child, key))), last};
    },
  };
}

/** The rows of a range of the entity's walk. If several rows have one key, the one that counts comes first. */
export function rangeSelection(entity: EntityPlan, range: Range): Selection {
  const walk = walkOfSource(entity);
  return selectionOf(entity, rangeCondition(entity, walk, range), orderOf(entity, walk));
}

/** The rows with these keys. If several rows have one key, the one that counts comes first. */
export function keySelections(entity: EntityPlan, keys: readonly RowKey[]): Selection[] {
  const order = orderOf(entity, keyColumns(entity));
  const operands = sourceOperands(entity.source, entity.keyPlaces);
  const selections: Selection[] = [];
  for (let i = 0; i < keys.length; i += KEYS_PER_QUERY)
    selections.push(
      selectionOf(entity, entity.key.condition(keys.slice(i, i + KEYS_PER_QUERY), operands), order),
    );
  return selections;
}

function selectionOf({source}: EntityPlan, where: string, order: string): Selection {
  const selection = {columns: sourceSelectList(source), from: sourceFrom(source), where};
  return order === '' ? selection : {...selection, order};
}

/** The key's columns in the source. */
function keyColumns({source, keyPlaces}: EntityPlan): string[] {
  return keyPlaces.map(place => sourceColumn(source, place));
}

/** The order in which reads return rows: if several rows have one key, the one that counts comes first. */
function orderOf(entity: EntityPlan, columns: readonly string[]): string {
  // If each key has one row, the index's own order suffices, and no sort is needed.
  if (!entity.repeats) return columns.join(', ');
  const ranking = rankingOrder(entity);
  const all = [...columns, ...keyColumns(entity).filter(column => !columns.includes(column))];
  return ranking === '' ? all.join(', ') : `${all.join(', ')}, ${ranking}`;
}

/** The child rows that refer to one of these parents. */
export function parentCondition({parent, child, places}: Edge, parents: readonly RowKey[]): string {
  return parent.key.condition(parents, sourceOperands(child.source, places));
}

function partsOf(entity: EntityPlan, cells: Row): string[] {
  const key = entity.key.of(
    cells,
    cells.map((_, i) => i),
  );
  return key === null ? [] : entity.key.split(key);
}

/** Compares the whole key with one value of it. */
function past(
  {key, source, keyPlaces}: EntityPlan,
  columns: readonly string[],
  operator: '>' | '<=',
  bound: Bound,
): string {
  return tupleCondition(columns, operator, bound, (i, value) =>
    operandLiteral(key.columns[i]?.family ?? 'text', value, source.schemas[keyPlaces[i] ?? -1]),
  );
}

export function connectionQuery(connection: Connection): Query {
  return (sql, values) => queryRows('source', connection, sql, values);
}
