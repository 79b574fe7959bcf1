/**
 * Connections to the two servers: TLS, time-outs and the form of values. session-settings.ts has the settings of
 * the sessions. This file is the only importer of mysql2.
 */
import type {Socket} from 'node:net';
import mysql from 'mysql2';
import type {ConnectionOptions} from 'mysql2';
import type {Connection as PromiseConnection, RowDataPacket} from 'mysql2/promise';
import type {DatabaseConfig} from '../config.ts';
import {StoppedError} from '../errors.ts';
import {askForBulk, canBulk, prepare, type BulkRows} from './bulk.ts';
import {classify, refusesTls, type Side} from './faults.ts';
import {pipeline, statementPacket, type DriverConnection} from './pipeline.ts';
import {pinSession} from './session-settings.ts';
import {onceStopped} from './stopping.ts';
import {tlsOptions} from './tls.ts';

export type Connection = PromiseConnection;
export type {ConnectionOptions, Side};

const CONNECT_TIMEOUT_MS = 10_000;
/** No statement of ours takes that long: a server that answers later counts as not answering. */
const STATEMENT_TIMEOUT_MS = 120_000;
/** Connections whose statements have a shorter limit. */
const limitsMs = new WeakMap<Connection, number>();

/**
 * Returns mysql2's options for one server. Every value is returned as text: 64-bit ids and dates are exact, and
 * no value depends on the process's time zone.
 */
function connectionOptions(config: DatabaseConfig): ConnectionOptions {
  return {
    host: config.host,
    port: config.port,
    user: config.user,
    password: config.password,
    database: config.database,
    charset: 'utf8mb4_general_ci',
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    // As the server prints it: also of MariaDB, whose JSON columns are text otherwise.
    jsonStrings: true,
    bigNumberStrings: true,
    // Statements without placeholders are not searched for them, because ours hold thousands of rows.
    queryFormat: (sql: string, values: unknown) =>
      Array.isArray(values) && values.length > 0 ? mysql.format(sql, values) : sql,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // The default would allocate room for 16,000 statements on each connection.
    maxPreparedStatements: 32,
    enableKeepAlive: true,
    keepAliveInitialDelay: 10_000,
    ...tlsOptions(config),
  };
}

/** What a library needs that opens its own connections. */
export interface Dialling {
  /** The options that work for this server: for `preferred`, without TLS if the server has none. */
  readonly options: ConnectionOptions;
  /** Statements to be sent over each connection before any that depends on a setting. */
  readonly statements: readonly string[];
}

/**
 * Opens a connection once, to find out how a library must open its own.
 *
 * @param idleSeconds after which the server ends a silent session
 * @throws SyncError `source-unreachable`, `target-unreachable` or `access-denied`
 */
export async function settledOptions(
  side: Side,
  config: DatabaseConfig,
  idleSeconds?: number,
): Promise<Dialling> {
  const {connection, used} = await open(side, config, {});
  try {
    return {options: used, statements: await pinned(side, connection, config, idleSeconds)};
  } catch (error) {
    throw classify(side, error);
  } finally {
    connection.destroy();
  }
}

/**
 * Opens a connection with the common session settings.
 *
 * On the source, the session is read-only. On the target, strict mode refuses truncation, id 0 stays 0, and the
 * server ends a session that is idle for `idleSeconds`, so that a frozen process holds neither locks nor the
 * lease. A statement may take `statementMs`. Soon after `until` is set, the connection is closed, whatever it
 * waits for: this is for reads, whose results are then not needed.
 *
 * @throws SyncError `source-unreachable`, `target-unreachable` or `access-denied`; StoppedError
 */
export async function connect(
  side: Side,
  config: DatabaseConfig,
  extra: ConnectionOptions & {idleSeconds?: number; until?: AbortSignal; statementMs?: number} = {},
): Promise<Connection> {
  const {idleSeconds, until, statementMs, ...options} = extra;
  // Statements that need no answer in between are sent in one round trip.
  const extras = {multipleStatements: true, ...options};
  const {connection} = await unlessStopped(open(side, config, extras), until);
  if (statementMs !== undefined) limitsMs.set(connection, statementMs);
  if (until !== undefined) severWhenStopped(connection, until);
  try {
    await pinned(side, connection, config, idleSeconds);
    return connection;
  } catch (error) {
    connection.destroy();
    throw classify(side, error);
  }
}

async function open(
  side: Side,
  config: DatabaseConfig,
  extra: ConnectionOptions,
): Promise<{connection: Connection; used: ConnectionOptions}> {
  const attempt = async (options: ConnectionOptions) => {
    const connection = await opened(mysql.createConnection({...options, ...extra}));
    // An error outside of any query must not end the process: the next query reports it.
    connection.on('error', () => undefined);
    return {connection, used: options};
  };
  const options = connectionOptions(config);
  try {
    return await attempt(options);
  } catch (error) {
    if (config.tls !== 'preferred' || !refusesTls(error)) throw classify(side, error);
  }
  const {ssl: _, ...plain} = options;
  try {
    return await attempt(plain);
  } catch (error) {
    throw classify(side, error);
  }
}

function opened(core: mysql.Connection): Promise<Connection> {
  askForBulk(core as unknown as DriverConnection);
  return new Promise((resolve, reject) => {
    core.once('connect', () => {
      core.off('error', reject);
      resolve(core.promise());
    });
    core.once('error', reject);
  });
}

/** @returns the statements that set another session of this server in the same way */
function pinned(
  side: Side,
  connection: Connection,
  {host, port, user}: DatabaseConfig,
  idleSeconds: number | undefined,
): Promise<string[]> {
  const ask = async (sql: string) => {
    const [rows] = await connection.query<RowDataPacket[][]>({
      sql,
      rowsAsArray: true,
      timeout: CONNECT_TIMEOUT_MS,
    });
    return rows;
  };
  const version = coreOf(connection)._handshakePacket?.serverVersion ?? '';
  return pinSession(ask, JSON.stringify([host, port, user, version]), {side, idleSeconds});
}

/**
 * Requests rows as arrays. A statement that takes longer than `timeoutMs` (by default that of its connection)
 * ends the connection, because a slow server cannot be distinguished from one that has died.
 *
 * @throws SyncError, classified
 */
export async function queryRows(
  side: Side,
  connection: Connection,
  sql: string,
  values: readonly unknown[] = [],
  timeoutMs = limitsMs.get(connection) ?? STATEMENT_TIMEOUT_MS,
): Promise<unknown[][]> {
  try {
    const timeout = timeoutMs > 0 ? {timeout: timeoutMs} : {};
    const [rows] = await connection.query<RowDataPacket[][]>({
      sql,
      ...(values.length === 0 ? {} : {values: [...values]}),
      rowsAsArray: true,
      ...timeout,
    });
    return rows;
  } catch (error) {
    // Those that wait behind it fail, too.
    if (error instanceof Error && 'code' in error && error.code === 'PROTOCOL_SEQUENCE_TIMEOUT')
      sever(connection);
    throw classify(side, error);
  }
}

/**
 * Prepares a statement for {@link sendRows}. If the server does not answer within `timeoutMs`, because the table
 * is being altered or the server is silent, the connection is closed.
 *
 * @returns its id on the server; null if the server does not accept such rows, or not this statement: send it as
 *   text
 * @throws SyncError if no answer comes in time
 */
export async function prepareRows(
  connection: Connection,
  sql: string,
  timeoutMs: number,
): Promise<number | null> {
  const core = coreOf(connection);
  if (!canBulk(core)) return null;
  try {
    return await inTime(core, timeoutMs, prepare(core, sql));
  } catch (error) {
    const fault = classify('target', error);
    if (fault.code === 'target-unreachable') throw fault;
    // Sent as text, the statement reports its error or succeeds: a server may allow no prepared statements.
    return null;
  }
}

/**
 * Executes a prepared statement for all rows, all or nothing, or statements without result rows. Calls in one
 * turn of the event loop are sent together: the server does not wait for the client between them, and executes
 * the later ones even if the first fails.
 *
 * @throws SyncError, classified
 */
export async function sendRows(
  connection: Connection,
  rows: BulkRows | string,
  timeoutMs: number,
): Promise<void> {
  const core = coreOf(connection);
  const packet = typeof rows === 'string' ? statementPacket(core, rows) : rows.packet();
  try {
    await inTime(core, timeoutMs, pipeline(core, packet));
  } catch (error) {
    throw classify('target', error);
  }
}

/** The driver has time-outs only for its own queries. */
function inTime<T>(core: DriverConnection, timeoutMs: number, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      core.destroy();
      reject(Object.assign(new Error('no answer in time'), {code: 'PROTOCOL_SEQUENCE_TIMEOUT', fatal: true}));
    }, timeoutMs);
    answer.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}

/** When the process stops, it does not wait for a server that does not even accept the connection. */
async function unlessStopped<T extends {connection: Connection}>(
  opening: Promise<T>,
  until: AbortSignal | undefined,
): Promise<T> {
  if (until === undefined) return opening;
  let takeBack = () => undefined as unknown;
  const stopped = new Promise<never>((_, reject) => {
    takeBack = onceStopped(until, () => {
      reject(new StoppedError());
      opening.then(
        ({connection}) => connection.destroy(),
        () => undefined,
      );
    });
  });
  try {
    return await Promise.race([opening, stopped]);
  } finally {
    takeBack();
  }
}

function severWhenStopped(connection: Connection, until: AbortSignal): void {
  const takeBack = onceStopped(until, () => sever(connection));
  socketOf(connection).once('close', takeBack);
}

/** Closes a connection at once, so that pending queries fail now and not when the network gives up. */
export function sever(connection: Connection): void {
  // The driver's own destroy() waits for the other side, and does not reject pending queries.
  socketOf(connection).destroy();
}

function socketOf(connection: Connection): Socket {
  return coreOf(connection).stream;
}

/** The driver's connection behind its promises. */
function coreOf(connection: Connection): DriverConnection & {readonly stream: Socket} {
  return (connection as unknown as {connection: DriverConnection & {stream: Socket}}).connection;
}
