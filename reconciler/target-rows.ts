/** Reads target rows to compare them with the source's. */
import {readCounted, type Query} from '../src/db/counted.ts';
import type {TablePlan} from '../src/mapping/columns.ts';
import type {Edge, EntityPlan} from '../src/mapping/entities.ts';
import {exactTargetColumns, orderedTargetColumns, targetOperands} from '../src/mapping/key-columns.ts';
import type {RowKey} from '../src/mapping/key.ts';
import {quoteName} from '../src/mapping/quote.ts';
import {targetSelectList} from '../src/mapping/sql/columns.ts';
import {
  rangeCondition,
  tupleCondition,
  walkOfTarget,
  type Bound,
  type Range,
} from '../src/mapping/sql/ranges.ts';
import {toRow, type Row} from '../src/mapping/values.ts';
import {byTargetKey} from './diff.ts';

const KEYS_PER_QUERY = 1000;

/** Reads the rows of a table in a range of its entity's walk, by key. */
export async function targetRows(
  query: Query,
  entity: EntityPlan,
  table: TablePlan,
  range: Range,
): Promise<Map<RowKey, Row>> {
  return read(query, entity, table, rangeCondition(entity, walkOfTarget(entity, table), range));
}

/** Reads the rows of a table with these keys, by key. */
export async function targetRowsByKey(
  query: Query,
  entity: EntityPlan,
  table: TablePlan,
  keys: readonly RowKey[],
): Promise<Map<RowKey, Row>> {
  const found = new Map<RowKey, Row>();
  const columns = targetOperands(table, table.key, 't');
  for (let i = 0; i < keys.length; i += KEYS_PER_QUERY) {
    const where = entity.key.condition(keys.slice(i, i + KEYS_PER_QUERY), columns);
    for (const [key, row] of await read(query, entity, table, where)) found.set(key, row);
  }
  return found;
}

/** Returns those of the keys that the table has. */
export async function presentKeys(
  query: Query,
  entity: EntityPlan,
  table: TablePlan,
  keys: readonly RowKey[],
): Promise<Set<RowKey>> {
  const found = new Set<RowKey>();
  const columns = targetOperands(table, table.key, 't');
  const places = columns.map((_, i) => i);
  for (let i = 0; i < keys.length; i += KEYS_PER_QUERY) {
    const rows = await readCounted(query, {
      columns: exactTargetColumns(table, table.key).join(', '),
      from: `${quoteName(table.target)} t`,
      where: entity.key.condition(keys.slice(i, i + KEYS_PER_QUERY), columns),
    });
    for (const row of rows) {
      const key = entity.key.of(toRow(row), places);
      if (key !== null) found.add(key);
    }
  }
  return found;
}

async function read(
  query: Query,
  entity: EntityPlan,
  table: TablePlan,
  where: string,
): Promise<Map<RowKey, Row>> {
  const rows = await readCounted(query, {
    columns: targetSelectList(table),
    from: `${quoteName(table.target)} t`,
    where,
  });
  return byTargetKey(entity, table, rows.map(toRow));
}

/** Returns the key of the parent that a target row refers to; null if the reference is null. */
export function parentKeyOfTarget({parent, child, targetColumns}: Edge, row: Row): RowKey | null {
  const {columns} = child.primary;
  return parent.key.of(
    row,
    targetColumns.map(name => columns.findIndex(column => column.name === name)),
  );
}

/** Yields once each key that a table of an entity has in the target, page by page, in the target's own order. */
export async function* targetKeyPages(
  query: Query,
  entity: EntityPlan,
  limit: number,
): AsyncGenerator<RowKey[]> {
  for (const [index, table] of entity.tables.entries()) {
    const earlier = entity.tables.slice(0, index);
    const columns = orderedTargetColumns(table, table.key);
    const list = columns.join(', ');
    let after: Bound | null = null;
    for (;;) {
      const past: string =
        after === null
          ? '1 = 1'
          : tupleCondition(columns, '>', after, (i, value) => entity.key.literal(i, value));
      const rows = await query(
        `SELECT ${exactTargetColumns(table, table.key).join(', ')} FROM ${quoteName(table.target)} t WHERE ${past} ORDER BY ${list} LIMIT ${limit}`,
      );
      const places = columns.map((_, i) => i);
      const keys = rows.flatMap(row => entity.key.of(toRow(row), places) ?? []);
      const further = await absentFrom(query, entity, earlier, keys);
      if (further.length > 0) yield further;
      const last = keys.at(-1);
      if (last === undefined || rows.length < limit) break;
      after = entity.key.split(last);
    }
  }
}

/** Returns those of the keys that none of these tables has. */
export async function absentFrom(
  query: Query,
  entity: EntityPlan,
  tables: readonly TablePlan[],
  keys: readonly RowKey[],
): Promise<RowKey[]> {
  let absent = [...keys];
  for (const table of tables) {
    if (absent.length === 0) break;
    const present = await presentKeys(query, entity, table, absent);
    absent = absent.filter(key => !present.has(key));
  }
  return absent;
}
