/** Counts the target rows that depend on rows to be deleted, and would be deleted with them. */
import {onlyRow, type Query} from '../src/db/counted.ts';
import type {TablePlan} from '../src/mapping/columns.ts';
import type {Edge, EntityPlan} from '../src/mapping/entities.ts';
import {targetOperands} from '../src/mapping/key-columns.ts';
import type {RowKey} from '../src/mapping/key.ts';
import {quoteName} from '../src/mapping/quote.ts';

const KEYS_PER_QUERY = 1000;

/** Calls `count` with each table below these rows and the number of its rows that depend on them. */
export async function countDependants(
  query: Query,
  entity: EntityPlan,
  keys: readonly RowKey[],
  count: (table: TablePlan, rows: number) => void,
): Promise<void> {
  for (let i = 0; i < keys.length; i += KEYS_PER_QUERY) {
    const slice = keys.slice(i, i + KEYS_PER_QUERY);
    for (const edge of entity.children)
      await countBelow(
        query,
        edge,
        alias => entity.key.condition(slice, targetOperands(edge.child.primary, edge.targetColumns, alias)),
        0,
        count,
      );
  }
}

function references({targetColumns}: Edge, alias: string): string[] {
  return targetColumns.map(name => `${alias}.${quoteName(name)}`);
}

async function countBelow(
  query: Query,
  edge: Edge,
  refers: (alias: string) => string,
  depth: number,
  count: (table: TablePlan, rows: number) => void,
): Promise<void> {
  const {child} = edge;
  const alias = `d${depth}`;
  const from = `${quoteName(child.primary.target)} ${alias}`;
  const [rows] = onlyRow(await query(`SELECT COUNT(*) FROM ${from} WHERE ${refers(alias)}`));
  for (const table of child.tables) count(table, Number(rows));
  for (const below of child.children) {
    const keys = child.primary.key.map(name => `${alias}.${quoteName(name)}`);
    const under = (own: string) => {
      const joined = references(below, own).map((column, i) => `${keys[i]} = ${column}`);
      return `EXISTS (SELECT 1 FROM ${from} WHERE ${[...joined, refers(alias)].join(' AND ')})`;
    };
    await countBelow(query, below, under, depth + 1, count);
  }
}
