/** Finds rows without their parents, which a session without foreign_key_checks can leave despite a foreign key. */
import {queryRows, type Connection} from './connection.ts';
import type {ServerInfo} from './server.ts';
import {SyncError} from '../errors.ts';
import type {ParentJoin} from '../mapping/mapping.ts';
import {quoteName} from '../mapping/quote.ts';

/** If the table is so large that the query takes longer, the answer is not worth it. */
const LIMIT_MS = 2000;
/** MariaDB's and MySQL's number for a statement that took too long. */
const TOOK_TOO_LONG: ReadonlySet<number> = new Set([1969, 3024]);

/**
 * Whether every row whose reference is not null is known to have its parent. A foreign key alone does not prove it.
 *
 * @returns false, too, if the query takes longer than two seconds
 */
export async function haveParents(
  connection: Connection,
  info: ServerInfo,
  {child, columns, parent, parentColumns}: ParentJoin,
): Promise<boolean> {
  const own = columns.map(column => `c.${quoteName(column)}`);
  const isSet = own.map(column => `${column} IS NOT NULL`).join(' AND ');
  const isParent = own.map((column, i) => `p.${quoteName(parentColumns[i] ?? '')} = ${column}`).join(' AND ');
  const select = `1 FROM ${quoteName(child)} c WHERE ${isSet} AND NOT EXISTS (SELECT 1 FROM ${quoteName(parent)} p WHERE ${isParent}) LIMIT 1`;
  const sql =
    info.flavour === 'mariadb'
      ? `SET STATEMENT max_statement_time = ${LIMIT_MS / 1000} FOR SELECT ${select}`
      : `SELECT /*+ MAX_EXECUTION_TIME(${LIMIT_MS}) */ ${select}`;
  try {
    return (await queryRows('source', connection, sql)).length === 0;
  } catch (error) {
    if (error instanceof SyncError && TOOK_TOO_LONG.has(error.errno ?? 0)) return false;
    throw error;
  }
}
