/** Connections and throwaway databases for tests. */
import {randomBytes} from 'node:crypto';
import mysql from 'mysql2/promise';
import {isHostile, plainSession} from './profile.ts';
import type {Flavour} from './provision.ts';
import type {ServerAddress} from './server.ts';

export type Row = Readonly<Record<string, unknown>>;

/** The address and account of a server, or of a proxy in front of one. */
export type Reachable = Pick<ServerAddress, 'host' | 'port' | 'user' | 'password'>;

/**
 * A connection that shows values exactly: dates as strings, numbers past 2^53 as strings too, times in UTC. It
 * accepts several statements at once.
 */
export async function connect(server: Reachable, database?: string): Promise<mysql.Connection> {
  const connection = await mysql.createConnection({
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    ...(database === undefined ? {} : {database}),
    charset: 'utf8mb4',
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    multipleStatements: true,
  });
  const plain = isHostile ? plainSession(await flavourOf(connection)) : null;
  if (plain !== null) await connection.query(plain);
  return connection;
}

async function flavourOf(connection: mysql.Connection): Promise<Flavour> {
  const [rows] = await connection.query<mysql.RowDataPacket[]>('SELECT VERSION() AS version');
  return /mariadb/i.test(String(rows[0]?.['version'])) ? 'mariadb' : 'mysql';
}

/** Returns the rows of one SELECT. */
export async function query(
  connection: mysql.Connection,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const [rows] = await connection.query<mysql.RowDataPacket[]>(sql, [...values]);
  return rows.map(row => ({...row}));
}

/** Runs work over a connection of its own. */
export async function withConnection<T>(
  server: Reachable,
  database: string | undefined,
  work: (connection: mysql.Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect(server, database);
  try {
    return await work(connection);
  } finally {
    await connection.end();
  }
}

export interface Databases {
  /** The schema in the role of LAAS. */
  readonly source: string;
  /** The schema in the role of the Organization Service. */
  readonly target: string;
  drop(): Promise<void>;
}

/** Returns names that no other test uses. */
export function uniqueNames(prefix: string): {source: string; target: string} {
  const id = `${prefix}_${randomBytes(4).toString('hex')}`;
  return {source: `${id}_laas`, target: `${id}_org`};
}

/** Creates these schemas again, empty. */
export function emptyDatabases(server: Reachable, ...names: readonly string[]): Promise<void> {
  return withConnection(server, undefined, async connection => {
    for (const name of names.map(text => mysql.escapeId(text)))
      await connection.query(
        `DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name} CHARACTER SET utf8mb4`,
      );
  });
}

/** Creates a source schema and a target schema on a server. */
export async function createDatabases(
  server: Reachable,
  prefix: string,
  names = uniqueNames(prefix),
): Promise<Databases> {
  const {source, target} = names;
  await withConnection(server, undefined, async connection => {
    for (const name of [source, target]) {
      await connection.query(`CREATE DATABASE ${mysql.escapeId(name)} CHARACTER SET utf8mb4`);
    }
  });
  const drop = (): Promise<void> =>
    withConnection(server, undefined, async connection => {
      for (const name of [source, target])
        await connection.query(`DROP DATABASE IF EXISTS ${mysql.escapeId(name)}`);
    });
  return {source, target, drop};
}
