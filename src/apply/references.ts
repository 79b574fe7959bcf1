/**
 * Checks the foreign keys of others that refer to rows, or would cascade from them, at the moment of the delete.
 *
 * If somebody adds a foreign key with ON DELETE CASCADE or SET NULL while the daemon runs, a delete could reach
 * rows that are not owned, and nothing reports the new key. Each delete therefore checks again. The result cannot
 * change before the commit: the rows to be deleted are locked first, and neither a row that refers to one of them
 * nor, on MySQL, a new foreign key to their table passes that lock.
 */
import {SERVER_SCHEMAS} from '../db/foreign-keys.ts';
import {entityOf, isOwnReference, type Plan} from '../mapping/plan.ts';
import type {TablePlan} from '../mapping/columns.ts';
import {exactTargetColumns, targetOperands} from '../mapping/key-columns.ts';
import type {KeyCodec, RowKey} from '../mapping/key.ts';
import {quoteName} from '../mapping/quote.ts';
import {toRow} from '../mapping/values.ts';
import {SyncError} from '../errors.ts';
import type {Session} from './session.ts';
import {literal} from './sql-text.ts';

/** With these rules the server itself keeps the row that is referred to. */
const KEEPING_RULES = new Set(['RESTRICT', 'NO ACTION']);

interface Referrer {
  readonly schema: string;
  readonly table: string;
  readonly rule: string;
}

/**
 * A statement that fails with error 1242 if a foreign key refers to `table`. Behind a delete in the same flight,
 * it costs no round trip of its own.
 */
export function assertUnreferred(plan: Plan, table: TablePlan): string {
  // DO does not work, because MariaDB suppresses its errors, and a SELECT would return a row.
  return `SET @laas_sync_unreferred = (SELECT 1 UNION ALL SELECT 1 FROM (${referrers(plan, table)}) referrers)`;
}

/**
 * Locks rows that are to be deleted, and finds how many exist and which of them other tables refer to. References
 * are found even if the foreign key would stop the delete, because an operator needs the name of the table.
 */
export async function lockAndFindReferred(
  session: Session,
  plan: Plan,
  table: TablePlan,
  keys: readonly RowKey[],
): Promise<{blocked: Map<RowKey, string>; locked: number}> {
  const blocked = new Map<RowKey, string>();
  if (keys.length === 0) return {blocked, locked: 0};
  const codec = entityOf(plan, table).key;
  const columns = targetOperands(table, table.key, 't');
  const rows: RowsToDelete = {table, codec, condition: codec.condition(keys, columns)};
  const lock = `SELECT COUNT(*) FROM ${quoteName(table.target)} t WHERE ${rows.condition} FOR UPDATE`;
  const [counts, found] = (await session.query(`${lock};${referrers(plan, table)}`)) as unknown[][][];
  const own = new Set(plan.references.filter(isOwnReference(plan)).map(nameOf));
  const others = (found ?? []).map(referrerOf).filter(referrer => !own.has(nameOf(referrer)));
  for (const [referrer, joined] of await columnsOf(session, table, others)) {
    const name = referrer.schema === '' ? referrer.table : `${referrer.schema}.${referrer.table}`;
    try {
      for (const key of await referredBy(session, rows, referrer, joined)) blocked.set(key, name);
    } catch (error) {
      if (!(error instanceof SyncError) || error.code !== 'access-denied') throw error;
      // Some rows cannot be read and would be deleted with these, so nothing is deleted.
      if (!KEEPING_RULES.has(referrer.rule)) for (const key of keys) blocked.set(key, name);
    }
  }
  return {blocked, locked: Number(counts?.[0]?.[0])};
}

interface RowsToDelete {
  readonly table: TablePlan;
  readonly codec: KeyCodec;
  /** The condition that holds for them, over the table `t`. */
  readonly condition: string;
}

/** @param columns of the foreign key, each with the column that it refers to */
async function referredBy(
  session: Session,
  {table, codec, condition}: RowsToDelete,
  referrer: Referrer,
  columns: readonly [string, string][],
): Promise<RowKey[]> {
  const from = (referrer.schema === '' ? '' : `${quoteName(referrer.schema)}.`) + quoteName(referrer.table);
  const join = columns.map(([column, to]) => `r.${quoteName(column)} = t.${quoteName(to)}`).join(' AND ');
  const places = table.key.map((_, i) => i);
  const rows = await session.query(
    `SELECT DISTINCT ${exactTargetColumns(table, table.key).join(', ')} FROM ${quoteName(table.target)} t JOIN ${from} r ON ${join} WHERE ${condition}`,
  );
  return rows.map(row => codec.of(toRow(row), places) ?? '');
}

function referrerOf([schema, table, name, rule]: readonly unknown[]): Referrer & {name: string} {
  return {schema: String(schema), table: String(table), name: String(name), rule: String(rule)};
}

/** Reads the current columns of these foreign keys: a name may have been reused since. */
async function columnsOf<T extends Referrer & {name: string}>(
  session: Session,
  referenced: TablePlan,
  referrersFound: readonly T[],
): Promise<Map<T, [string, string][]>> {
  const columns = new Map<T, [string, string][]>();
  for (const schema of new Set(referrersFound.map(referrer => referrer.schema))) {
    const ofSchema = referrersFound.filter(referrer => referrer.schema === schema);
    const rows = await session.query(
      `SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE
        WHERE TABLE_SCHEMA = ${schema === '' ? 'DATABASE()' : '?'}
          AND TABLE_NAME IN (?)
          AND REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = ?
        ORDER BY ORDINAL_POSITION`,
      [...(schema === '' ? [] : [schema]), [...new Set(ofSchema.map(({table}) => table))], referenced.target],
    );
    for (const referrer of ofSchema) {
      columns.set(
        referrer,
        rows
          .filter(([table, name]) => table === referrer.table && name === referrer.name)
          .map(([, , column, to]) => [String(column), String(to)]),
      );
    }
  }
  return columns;
}

/** Reads the foreign keys that refer to a table: their schema (empty for the table's own), and their delete rule. */
function referrers(plan: Plan, table: TablePlan): string {
  const to = `REFERENCED_TABLE_NAME = ${literal(table.target)}`;
  if (plan.referringSchemas === null)
    return `SELECT IF(CONSTRAINT_SCHEMA = DATABASE(), '', CONSTRAINT_SCHEMA), TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE
      FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE UNIQUE_CONSTRAINT_SCHEMA = DATABASE() AND ${to}
        AND CONSTRAINT_SCHEMA NOT IN ${SERVER_SCHEMAS}`;
  // MariaDB shows the rules only to accounts with a privilege on the whole schema.
  return ['DATABASE()', ...plan.referringSchemas.map(literal)]
    .map(
      schema => `SELECT IF(TABLE_SCHEMA = DATABASE(), '', TABLE_SCHEMA), TABLE_NAME, CONSTRAINT_NAME, ''
        FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = DATABASE() AND ${to} AND ORDINAL_POSITION = 1 AND TABLE_SCHEMA = ${schema}`,
    )
    .join(' UNION ALL ');
}

function nameOf({schema, table, name}: {schema: string; table: string; name: string}): string {
  return JSON.stringify([schema, table, name]);
}
