/**
 * Reads the character set of each collation, by the number in the log. Only the server knows it: later versions
 * add collations, and MariaDB has hundreds that MySQL does not have.
 */
import {queryRows, type Connection} from '../db/connection.ts';
import type {ServerInfo} from '../db/server.ts';

/** Character sets by the number of a collation. */
export type Collations = ReadonlyMap<number, string>;

/** @throws SyncError if the source cannot be read */
export async function readCollations(connection: Connection, info: ServerInfo): Promise<Collations> {
  const rows = await queryRows('source', connection, listOf(info));
  // Servers before MariaDB 10.6 and MySQL 8.0.28 call utf8mb3 by its older name.
  return new Map(rows.map(([id, charset]) => [Number(id), String(charset).replace(/^utf8$/, 'utf8mb3')]));
}

/** From 10.10 on, a collation of MariaDB can have several character sets, with a number for each. */
function listOf({flavour, versionParts: [major, minor]}: ServerInfo): string {
  const table =
    flavour === 'mariadb' && (major > 10 || (major === 10 && minor >= 10))
      ? 'COLLATION_CHARACTER_SET_APPLICABILITY'
      : 'COLLATIONS';
  return `SELECT ID, CHARACTER_SET_NAME FROM information_schema.${table}
           WHERE ID IS NOT NULL AND CHARACTER_SET_NAME IS NOT NULL ORDER BY ID`;
}
