/**
 * Connections to the two servers: TLS, time-outs and the form of values. session-settings.ts has the settings of
 * the sessions. This file is the only importer of mysql2.
 */
import type {Socket} from 'node:net';
import mysql from 'mysql2';
import type {ConnectionOptions} from 'mysql2';
import type {Connection as PromiseConnection} from 'mysql2/promise';
import type {DatabaseConfig} from '../config.ts';
import {StoppedError, SyncError} from '../errors.ts';
import {askForBulk} from './bulk.ts';
import {queryEarly} from './early-query.ts';
import {classify, refusesTls, type Side} from './faults.ts';
import {offersTls, type DriverConnection} from './pipeline.ts';
import {pinSession, type StatementsFor} from './session-settings.ts';
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

/** How each open connection was opened and set. */
const dialled = new WeakMap<
  Connection,
  {readonly side: Side; readonly options: ConnectionOptions; readonly statementsFor: StatementsFor}
>();

/**
 * Returns how a library must open its own connections to the server of this one.
 *
 * @param idleSeconds after which the server ends a silent session
 */
export function diallingOf(connection: Connection, idleSeconds?: number): Dialling {
  const known = dialled.get(connection);
  if (known === undefined) throw new RangeError('connect() has not opened this connection');
  return {options: known.options, statements: known.statementsFor({side: known.side, idleSeconds})};
}

/**
 * The same of a server without a connection: opens one, and closes it.
 *
 * @throws SyncError `source-unreachable`, `target-unreachable` or `access-denied`
 */
export async function settledOptions(side: Side, config: DatabaseConfig): Promise<Dialling> {
  const connection = await connect(side, config);
  try {
    return diallingOf(connection);
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
  const {connection, used} = await unlessStopped(open(side, config, extras), until);
  if (statementMs !== undefined) limitsMs.set(connection, statementMs);
  if (until !== undefined) severWhenStopped(connection, until);
  try {
    const statementsFor = await pinned(side, connection, config, idleSeconds);
    dialled.set(connection, {side, options: used, statementsFor});
    return connection;
  } catch (error) {
    connection.destroy();
    throw classify(side, error);
  }
}

interface Opened {
  readonly connection: Connection;
  readonly used: ConnectionOptions;
}

async function open(side: Side, config: DatabaseConfig, extra: ConnectionOptions): Promise<Opened> {
  const attempt = async (options: ConnectionOptions): Promise<Opened> => {
    try {
      const connection = await opened(mysql.createConnection({...options, ...extra}));
      // An error outside of any query must not end the process: the next query reports it.
      connection.on('error', () => undefined);
      return {connection, used: options};
    } catch (error) {
      throw classify(side, error);
    }
  };
  const options = connectionOptions(config);
  return config.tls === 'preferred' ? openPreferringTls(config, options, attempt) : attempt(options);
}

/** The addresses of servers that had no TLS when the last connection to them was opened. */
const withoutTls = new Set<string>();

/** Opens a connection with TLS if the server has it. A server that had none is not asked for it again. */
async function openPreferringTls(
  {host, port}: DatabaseConfig,
  options: ConnectionOptions,
  attempt: (options: ConnectionOptions) => Promise<Opened>,
): Promise<Opened> {
  const {ssl: _, ...plain} = options;
  const address = JSON.stringify([host, port]);
  if (withoutTls.has(address)) {
    const found = await attempt(plain).catch((error: unknown) => {
      withoutTls.delete(address);
      // A server that answers may require TLS by now.
      if (error instanceof SyncError && error.errno !== undefined) return null;
      throw error;
    });
    if (found !== null && !offersTls(coreOf(found.connection))) return found;
    withoutTls.delete(address);
    found?.connection.destroy();
  }
  try {
    return await attempt(options);
  } catch (error) {
    if (!(error instanceof SyncError) || !refusesTls(error.cause)) throw error;
  }
  const found = await attempt(plain);
  withoutTls.add(address);
  return found;
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

function pinned(
  side: Side,
  connection: Connection,
  {host, port, user}: DatabaseConfig,
  idleSeconds: number | undefined,
): Promise<StatementsFor> {
  const ask = (sql: string) => queryEarly(coreOf(connection), {sql, timeoutMs: CONNECT_TIMEOUT_MS});
  const version = coreOf(connection)._handshakePacket?.serverVersion ?? '';
  return pinSession(ask, JSON.stringify([host, port, user, version]), {side, idleSeconds});
}

/**
 * Requests rows as arrays. Statements that are asked together take one round trip (early-query.ts). One that takes longer than `timeoutMs` (by default that of its connection)
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
    return await queryEarly(coreOf(connection), {sql, values, timeoutMs});
  } catch (error) {
    // Those that wait behind it fail, too.
    if (error instanceof Error && 'code' in error && error.code === 'PROTOCOL_SEQUENCE_TIMEOUT')
      sever(connection);
    throw classify(side, error);
  }
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
export function coreOf(connection: Connection): DriverConnection & {readonly stream: Socket} {
  return (connection as unknown as {connection: DriverConnection & {stream: Socket}}).connection;
}
