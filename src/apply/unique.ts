/**
 * Unique keys beside the mapped one (design.md §2.6): which of some rows can be written, given who holds
 * what. Values that move among the rows are freed first; a value that another row keeps is a conflict.
 */
import type {TablePlan} from '../mapping/plan.ts';
import {quoteName} from '../mapping/sql.ts';
import type {KeyedRow} from './decide.ts';
import {literal} from './sql-text.ts';
import {keyCondition} from './statements.ts';

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
  const views = [];
  for (const uniqueKey of plan.otherUniqueKeys) {
    views.push({uniqueKey, ...(await readValues(plan, uniqueKey, rows, query))});
  }
  // A row that fails by one key keeps its values of the others, so that all are settled before any is parked.
  const losers = new Map<string, string>();
  for (let before = -1; before !== losers.size;) {
    before = losers.size;
    for (const {uniqueKey, wanted, held} of views) {
      const left = new Map([...wanted].filter(([key]) => !losers.has(key)));
      // A row that is to hold nothing here gives up what it has, unless it cannot be written.
      const given = new Set(
        rows.filter(row => isNull(plan, row, uniqueKey) && !losers.has(row.key)).map(({key}) => key),
      );
      const kept = given.size === 0 ? held : new Map([...held].filter(([key]) => !given.has(key)));
      for (const [key, otherKey] of settleConflicts(left, kept)) losers.set(key, otherKey);
    }
  }
  const writable = rows.filter(({key}) => !losers.has(key));
  const conflicts = rows.flatMap(row => {
    const otherKey = losers.get(row.key);
    return otherKey === undefined ? [] : [{row, otherKey}];
  });
  for (const {uniqueKey, wanted, held} of views) {
    const moving = writable
      .filter(({key}) => held.has(key) && held.get(key) !== wanted.get(key))
      .map(({key}) => key);
    if (moving.length > 0) await park(plan, uniqueKey, moving, query);
  }
  return {writable, conflicts};
}

/**
 * Finds rows that can be written together: those that keep a value or pass values round in a ring, and
 * then, value by value as they become free, the first that wants one. Pure; values are the server's sort
 * weights, so that equal means equal.
 *
 * @param wanted what each row wants, in order of preference; absent where it wants nothing (null)
 * @param held what rows of the target hold now, those of the batch and others
 * @returns for each row that cannot be written the key of the row in its way
 */
export function settleConflicts(
  wanted: ReadonlyMap<string, string>,
  held: ReadonlyMap<string, string>,
): Map<string, string> {
  const holders = new Map([...held].map(([key, value]) => [value, key]));
  const wanters = new Map<string, string[]>();
  for (const [key, value] of wanted) wanters.set(value, [...(wanters.get(value) ?? []), key]);
  const owners = new Map(ringRows(wanted, holders).map(key => [wanted.get(key) ?? '', key]));
  const free = [...wanters.keys()].filter(value => !holders.has(value));
  for (let value = free.pop(); value !== undefined; value = free.pop()) {
    const [first] = wanters.get(value) ?? [];
    if (first === undefined) continue;
    owners.set(value, first);
    const given = held.get(first);
    if (given !== undefined) free.push(given);
  }
  const losers = new Map<string, string>();
  for (const [key, value] of wanted) {
    const owner = owners.get(value) ?? holders.get(value);
    if (owner !== undefined && owner !== key) losers.set(key, owner);
  }
  return losers;
}

/** Rows of which each wants what the next one holds, round to the first; alone, what it holds itself. */
function ringRows(wanted: ReadonlyMap<string, string>, holders: ReadonlyMap<string, string>): string[] {
  const rows: string[] = [];
  const seen = new Set<string>();
  for (const start of wanted.keys()) {
    const path: string[] = [];
    let key: string | undefined = start;
    while (key !== undefined && !seen.has(key)) {
      seen.add(key);
      path.push(key);
      key = holders.get(wanted.get(key) ?? '');
      if (key !== undefined && !wanted.has(key)) key = undefined;
    }
    const at = key === undefined ? -1 : path.indexOf(key);
    if (at >= 0) rows.push(...path.slice(at));
  }
  return rows;
}

/** Nulls are equal to nothing, so that a key with one never clashes. */
function isNull(plan: TablePlan, {source}: KeyedRow, uniqueKey: readonly number[]): boolean {
  return uniqueKey.some(index => (plan.columns[index]?.value(source) ?? null) === null);
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
  const valueOf = ({source}: KeyedRow, index: number) => plan.columns[index]?.value(source) ?? null;
  const wantedRows = rows.filter(row => !isNull(plan, row, uniqueKey));
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
      row =>
        `SELECT ${literal(row.key)}, CONCAT_WS('/', ${uniqueKey.map(index => weight(typed(index, valueOf(row, index) ?? ''))).join(', ')})`,
    );
    for (const [key, value] of await query(list.join(' UNION ALL '))) wanted.set(String(key), String(value));
    const same = slice.map(
      row =>
        `(${uniqueKey.map(index => `t.${quoteName(plan.columns[index]?.name ?? '')} = ${typed(index, valueOf(row, index) ?? '')}`).join(' AND ')})`,
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
