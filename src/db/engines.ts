/** Reads which tables are stored otherwise than by InnoDB. */
import {queryRows, type Connection, type Side} from './connection.ts';

/**
 * Returns those of some tables that another engine than InnoDB stores, with its name. A view has no engine, and is
 * left out.
 */
export async function readOtherEngines(
  side: Side,
  connection: Connection,
  database: string,
  names: readonly string[],
): Promise<Map<string, string>> {
  const rows = await queryRows(
    side,
    connection,
    `SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES
      WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?) AND ENGINE <> 'InnoDB' ORDER BY TABLE_NAME`,
    [database, names],
  );
  return new Map(rows.map(([table, engine]) => [String(table), String(engine)]));
}
