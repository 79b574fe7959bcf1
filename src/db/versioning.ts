/** Tables of MariaDB that keep their old rows (WITH SYSTEM VERSIONING), whose log shows old rows beside new ones. */
import {queryRows, type Connection} from './connection.ts';
import {SyncError} from '../errors.ts';

/** The name that the server gives to the column that nobody declared, and that information_schema hides. */
const IMPLICIT = 'row_end';

/**
 * For each versioned table the column that says until when a row was current.
 *
 * @throws SyncError `schema-incompatible` where the history goes by transactions: MariaDB logs every change of
 *   such a table as a statement, in row format too
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
        `the source table ${String(table)} keeps its history by transactions, which MariaDB logs without rows: make ROW START and ROW END of type TIMESTAMP(6), or ALTER TABLE ${String(table)} DROP SYSTEM VERSIONING`,
      );
    }
    rowEnds.set(String(table), String(column));
  }
  return rowEnds;
}
