/**
 * Unique keys beside the mapped one (design.md §2.6): which of some rows can be written, given who holds
 * what. Values that move among the rows are freed first; a value that another row keeps is a conflict.
 */
import type {TablePlan} from '../mapping/plan.ts';
import {quoteName} from '../mapping/sql.ts';
import type {KeyedRow} from './decide.ts';
import {keyCondition, literal} from './statements.ts';

export interface Clearance {
  readonly writable: KeyedRow[];
  readonly conflicts: {readonly row: KeyedRow; readonly otherKey: string}[];
}

type Query = (sql: string) => Promise<unknown[][]>;

/**
 * Decides by the server's own idea of equality, under the columns' collation, and parks the values that
 * writable rows give up, so that the order of writing does not matter. Runs inside the transaction that
 * writes; the rows looked at are locked.
 */
export async function clearUniqueKeys(
  plan: TablePlan,
  rows: readonly KeyedRow[],
  query: Query,
): Promise<Clearance> {
  let writable = [...rows];
  const conflicts: Clearance['conflicts'][number][] = [];
  for (const uniqueKey of plan.otherUniqueKeys) {
    const {wanted, held} = await readValues(plan, uniqueKey, writable, query);
    const settled = settleConflicts(
      writable.map(({key}) => key),
      wanted,
      held,
    );
    for (const row of writable) {
      const otherKey = settled.get(row.key);
      if (otherKey !== undefined) conflicts.push({row, otherKey});
    }
    writable = writable.filter(({key}) => !settled.has(key));
    const moving = writable
      .filter(({key}) => held.has(key) && held.get(key) !== wanted.get(key))
      .map(({key}) => key);
    if (moving.length > 0) await park(plan, uniqueKey, moving, query);
  }
  return {writable, conflicts};
}

/**
 * Finds the largest set of rows that can be written together, by taking out rows until none clashes.
 * Pure; values are the server's sort weights, so that equal means equal.
 *
 * @param wanted what each row wants; absent where it wants nothing (null)
 * @param held what rows of the target hold now, those of the batch and others
 * @returns for each row that cannot be written the key of the row in its way
 */
export function settleConflicts(
  keys: readonly string[],
  wanted: ReadonlyMap<string, string>,
  held: ReadonlyMap<string, string>,
): Map<string, string> {
  const losers = new Map<string, string>();
  for (;;) {
    const before = losers.size;
    const owners = new Map<string, string>();
    for (const [key, value] of held) if (!wanted.has(key) || losers.has(key)) owners.set(value, key);
    // Who holds a value already keeps it; among newcomers the first in order of key.
    const inOrder = keys
      .filter(key => !losers.has(key) && wanted.has(key))
      .toSorted((a, b) => Number(held.get(b) === wanted.get(b)) - Number(held.get(a) === wanted.get(a)));
    for (const key of inOrder) {
      const value = wanted.get(key) ?? '';
      const owner = owners.get(value);
      if (owner !== undefined && owner !== key) losers.set(key, owner);
      else owners.set(value, key);
    }
    if (losers.size === before) return losers;
  }
}

async function readValues(
  plan: TablePlan,
  uniqueKey: readonly number[],
  rows: readonly KeyedRow[],
  query: Query,
): Promise<{wanted: Map<string, string>; held: Map<string, string>}> {
  const columns = uniqueKey.flatMap(index => plan.columns[index] ?? []);
  const weight = (expression: string) => `HEX(WEIGHT_STRING(${expression}))`;
  const keyText = `CONCAT_WS(':', ${plan.key.map(name => `t.${quoteName(name)}`).join(', ')})`;
  const heldWeight = `CONCAT_WS('/', ${columns.map(({name}) => weight(`t.${quoteName(name)}`)).join(', ')})`;
  const wantedRows = rows.filter(({values}) => uniqueKey.every(index => (values[index] ?? null) !== null));
  const typed = (index: number, value: string) => {
    const {schema} = plan.columns[index] ?? {};
    if (schema?.charset === null || schema === undefined) return literal(value);
    return `CONVERT(${literal(value)} USING ${schema.charset}) COLLATE ${schema.collation ?? `${schema.charset}_bin`}`;
  };
  const wanted = new Map<string, string>();
  const held = new Map<string, string>();
  for (let i = 0; i < wantedRows.length; i += 500) {
    const slice = wantedRows.slice(i, i + 500);
    const list = slice.map(
      ({key, values}) =>
        `SELECT ${literal(key)}, CONCAT_WS('/', ${uniqueKey.map(index => weight(typed(index, values[index] ?? ''))).join(', ')})`,
    );
    for (const [key, value] of await query(list.join(' UNION ALL '))) wanted.set(String(key), String(value));
    const same = slice.map(
      ({values}) =>
        `(${uniqueKey.map(index => `t.${quoteName(plan.columns[index]?.name ?? '')} = ${typed(index, values[index] ?? '')}`).join(' AND ')})`,
    );
    const sql = `SELECT ${keyText}, ${heldWeight} FROM ${quoteName(plan.target)} t WHERE`;
    for (const [key, value] of await query(`${sql} ${same.join(' OR ')} FOR UPDATE`))
      held.set(String(key), String(value));
    for (const [key, value] of await query(
      `${sql} ${keyCondition(
        plan,
        slice.map(row => row.key),
      )} FOR UPDATE`,
    ))
      held.set(String(key), String(value));
  }
  return {wanted, held};
}

/** Gives rows a value that nobody wants, for the rest of this transaction. */
async function park(
  plan: TablePlan,
  uniqueKey: readonly number[],
  keys: readonly string[],
  query: Query,
): Promise<void> {
  const column = uniqueKey.map(index => plan.columns[index]).find(candidate => candidate?.kind === 'text');
  if (column === undefined) return;
  const id = plan.key.map(quoteName).join(", '-', ");
  for (let i = 0; i < keys.length; i += 1000) {
    await query(
      `UPDATE ${quoteName(plan.target)} SET ${quoteName(column.name)} = CONCAT('~', ${id}, '~', UUID_SHORT()) WHERE ${keyCondition(plan, keys.slice(i, i + 1000))}`,
    );
  }
}
