/** The kind of a server, and its identity. */
import {queryRows, type Connection, type Side} from './connection.ts';
import {settled} from '../lifecycle/settled.ts';
import type {LogOffset} from '../position/position.ts';

export type Flavour = 'mysql' | 'mariadb';

export interface ServerInfo {
  readonly flavour: Flavour;
  /** `10.11.19-MariaDB`, `9.7.4`. */
  readonly version: string;
  /** The numeric version, so that 26.7 is newer than 9.7. */
  readonly versionParts: readonly [number, number, number];
  /** Distinguishes servers behind the same address. */
  readonly identity: string;
  /** True for MySQL with gtid_mode=ON, and always for MariaDB. */
  readonly hasGtids: boolean;
}

/** The variables that distinguish servers. A server may lack some. */
const IDENTITY: Readonly<Record<Flavour, readonly string[]>> = {
  mysql: ['server_uuid'],
  mariadb: ['server_uid', 'server_id', 'hostname', 'port', 'datadir'],
};
/** Asks for the variables of {@link identityOf}, over a connection that is not ours. */
export const IDENTITY_STATEMENT = `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${Object.values(IDENTITY)
  .flat()
  .map(name => `'${name}'`)
  .join(', ')})`;

/** @param variables of {@link IDENTITY_STATEMENT}, by name. Pure. */
export function identityOf(flavour: Flavour, variables: ReadonlyMap<string, string>): string {
  return IDENTITY[flavour].map(name => variables.get(name) ?? '').join('/');
}

export async function readServerInfo(side: Side, connection: Connection): Promise<ServerInfo> {
  const [[row], variables] = await settled([
    queryRows(side, connection, 'SELECT VERSION()'),
    readVariables(side, connection, [...Object.values(IDENTITY).flat(), 'gtid_mode']),
  ]);
  const version = String(row?.[0]);
  const flavour: Flavour = /mariadb/i.test(version) ? 'mariadb' : 'mysql';
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(part => Number.parseInt(part, 10) || 0);
  return {
    flavour,
    version,
    versionParts: [major, minor, patch],
    identity: identityOf(flavour, variables),
    hasGtids: flavour === 'mariadb' || variables.get('gtid_mode') === 'ON',
  };
}

/**
 * Returns a schema's name as the server, its log and information_schema write it: in lower case if the server
 * ignores case (lower_case_table_names).
 */
export async function settledName(side: Side, connection: Connection, name: string): Promise<string> {
  const [row] = await queryRows(side, connection, 'SELECT @@lower_case_table_names');
  return Number(row?.[0]) === 0 ? name : name.toLowerCase();
}

/** Reads global variables by name; variables that the server does not have are absent. */
export async function readVariables(
  side: Side,
  connection: Connection,
  names: readonly string[],
): Promise<Map<string, string>> {
  const rows = await queryRows(side, connection, 'SHOW GLOBAL VARIABLES WHERE Variable_name IN (?)', [names]);
  return new Map(textRows(rows).map(([name = '', value = '']) => [name, value]));
}

/**
 * Returns the end of the source's log. Needs REPLICATION CLIENT (MariaDB: BINLOG MONITOR).
 *
 * @returns null if the server writes no log
 */
export async function readLogEnd(connection: Connection, info: ServerInfo): Promise<LogOffset | null> {
  return logOffset(await queryRows('source', connection, logEndStatement(info)));
}

const LOG_END = 'SHOW BINARY LOG STATUS';
const LOG_END_BEFORE = 'SHOW MASTER STATUS';
/** The first MySQL that knows {@link LOG_END}. */
const LOG_END_SINCE = [8, 2] as const;

/** The statement of {@link readLogEnd} on this server. Pure. */
export function logEndStatement({flavour, versionParts: [major, minor]}: ServerInfo): string {
  const [sinceMajor, sinceMinor] = LOG_END_SINCE;
  const isKnown = major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
  return flavour === 'mysql' && isKnown ? LOG_END : LOG_END_BEFORE;
}

/** @param rows the answer to {@link logEndStatement}; none if the server writes no log */
export function logOffset([row]: readonly unknown[][]): LogOffset | null {
  return row === undefined ? null : {file: String(row[0]), offset: Number(row[1])};
}

/** Returns the log files that the source still has, oldest first, with their sizes in bytes. */
export async function readLogFiles(connection: Connection): Promise<LogOffset[]> {
  const rows = await queryRows('source', connection, 'SHOW BINARY LOGS');
  return rows.map(row => ({file: String(row[0]), offset: Number(row[1])}));
}

export function textRows(rows: readonly unknown[][]): string[][] {
  return rows.map(row => row.map(cell => (cell === null || cell === undefined ? '' : String(cell))));
}
