/** System-versioned tables of MariaDB (WITH SYSTEM VERSIONING), whose log shows old rows beside new ones. */
import {queryRows, type Connection} from './connection.ts';
import {SyncError} from '../errors.ts';

/** The server's name for the implicit column, which information_schema hides. */
const IMPLICIT = 'row_end';

/**
 * Returns, for each versioned table, the column that holds the end of a row's period.
 *
 * @throws SyncError `schema-incompatible` if the history is by transactions: MariaDB logs every change of such a
 *   table as a statement, even in row format
 */
export async function readRowEnds(
  connection: Connection,
  database: string,
  names: readonly string[],
): Promise<Map<string, string>> {
  const tables = await queryRows(
    'source',
    connection,
    "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?) AND TABLE_TYPE = 'SYSTEM VERSIONED'",
    [database, names],
  );
  const rowEnds = new Map<string, string>(tables.map(([table]) => [String(table), IMPLICIT]));
  if (rowEnds.size === 0) return rowEnds;
  const columns = await queryRows(
    'source',
    connection,
    "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?) AND GENERATION_EXPRESSION = 'ROW END'",
    [database, [...rowEnds.keys()]],
  );
  for (const [table, column, type] of columns) {
    if (String(type).toLowerCase() !== 'timestamp') {
      throw new SyncError(
        'schema-incompatible',
        `the source table ${String(table)} keeps its history by transactions, which MariaDB logs without rows: change ROW START and ROW END to type TIMESTAMP(6), or run ALTER TABLE ${String(table)} DROP SYSTEM VERSIONING`,
      );
    }
    rowEnds.set(String(table), String(column));
  }
  return rowEnds;
}
