/** The bookkeeping tables that are listed and searched, as objection models over one small knex pool. */
import knexModule, {type Knex} from 'knex';
import {DBError, Model} from 'objection';
import type {DatabaseConfig} from '../config.ts';
import type {Logger} from '../logger.ts';
import {settledOptions} from './connection.ts';
import {SyncError} from '../errors.ts';
import {classify, stateOf} from './faults.ts';

/** If the target is silent for that long, the lease is lost by then, too. */
const STATEMENT_TIMEOUT_MS = 6000;

type Done = (error: unknown, ...results: unknown[]) => void;

interface PooledConnection {
  query(options: string | {sql: string; timeout?: number}, ...rest: unknown[]): unknown;
  destroy(): void;
}

/** Makes a pool open new connections from now on. */
const renewals = new WeakMap<Knex, () => void>();

/**
 * Creates a pool for bookkeeping and migrations; rows never pass through it.
 *
 * @param statementMs the maximum time of a statement; a connection that has not answered by then is abandoned
 */
export async function openKnex(
  config: DatabaseConfig,
  logger: Pick<Logger, 'warn'>,
  statementMs = STATEMENT_TIMEOUT_MS,
): Promise<Knex> {
  // knex would write to standard output. Its text is not logged, because it contains the driver's message.
  const warn = () =>
    logger.warn({event: 'bookkeeping.connection'}, 'a connection for the bookkeeping was lost');
  const {options, statements} = await settledOptions('target', config);
  const {database, user, password, host, port, ssl} = options;
  let fresh = new WeakSet<object>();
  const renew = () => {
    fresh = new WeakSet();
  };
  const knex = knexModule.knex({
    client: 'mysql2',
    connection: {
      host,
      port,
      user,
      password,
      database,
      charset: 'utf8mb4',
      timezone: 'Z',
      ...(ssl === undefined || typeof ssl === 'string' ? {} : {ssl}),
    } as Knex.MySql2ConnectionConfig,
    pool: {
      min: 0,
      max: 4,
      validate: (connection: object) => fresh.has(connection),
      afterCreate: (connection: PooledConnection, done: Done) => {
        fresh.add(connection);
        watchStatements(connection, statementMs, renew);
        sendInTurn(connection, statements, error => done(error, connection));
      },
    },
    acquireConnectionTimeout: 10_000,
    log: {warn, error: warn, deprecate: () => undefined, debug: () => undefined},
  });
  renewals.set(knex, renew);
  return knex;
}

/**
 * Makes the pool close its idle connections and open new ones. A primary that was demoted keeps its connections
 * and refuses writes, and a new connection to the same address reaches the new primary.
 */
export function renewConnections(knex: Knex): void {
  renewals.get(knex)?.();
}

/** @throws SyncError, classified, if the bookkeeping cannot be read; other errors are those of the program */
export async function readBookkeeping<T>(read: () => PromiseLike<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw asFault(error);
  }
}

/**
 * Runs a statement that writes. If the server answers that it takes no writes, the statement runs once more, on a
 * new connection: the address may lead to another server now.
 *
 * @throws SyncError, classified
 */
export async function writeBookkeeping<T>(write: () => PromiseLike<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const fault = asFault(error);
    if (!(fault instanceof SyncError)) throw error;
    if (stateOf(fault.cause) === '' || fault.code !== 'target-unreachable') throw fault;
    return readBookkeeping(write);
  }
}

function asFault(error: unknown): unknown {
  if (error instanceof knexModule.KnexTimeoutError)
    return new SyncError('target-unreachable', 'the target gave no connection for the bookkeeping in time', {
      cause: error,
    });
  const native = error instanceof DBError ? error.nativeError : error;
  return native instanceof Error && 'code' in native ? classify('target', native) : error;
}

/** Runs the tasks in order, and ends with the first error. */
function sendInTurn(
  connection: PooledConnection,
  [sql, ...rest]: readonly string[],
  done: (error: unknown) => void,
): void {
  if (sql === undefined) return done(null);
  connection.query(sql, (error: unknown) => {
    if (error === null) sendInTurn(connection, rest, done);
    else done(error);
  });
}

/**
 * Limits the time of each statement, and renews the pool if the server cannot be used for writes. knex has no time
 * limit of its own that closes the connection: it would wait for a silent one without end.
 */
function watchStatements(connection: PooledConnection, timeout: number, renew: () => void): void {
  const query = connection.query.bind(connection);
  connection.query = (options, ...rest) => {
    const whenDone = rest.pop() as Done;
    return query(
      {...(typeof options === 'string' ? {sql: options} : options), timeout},
      ...rest,
      (error: unknown, ...results: unknown[]) => {
        if (error instanceof Error && 'code' in error && error.code === 'PROTOCOL_SEQUENCE_TIMEOUT')
          connection.destroy();
        if (error instanceof Error && classify('target', error).code === 'target-unreachable') renew();
        whenDone(error, ...results);
      },
    );
  };
}

export class SyncRun extends Model {
  static override tableName = 'sync_run';
  static override idColumn = 'run_id';
  declare run_id: string;
  declare stream: string;
  declare trigger_kind: string;
  declare mode: string;
  declare state: string;
  declare started_at: Date;
  declare ended_at: Date | null;
  declare tables: string;
  declare error: string | null;
}

export class SyncDeadLetter extends Model {
  static override tableName = 'sync_dead_letter';
  static override idColumn = ['stream', 'target_table', 'row_key'];
  declare stream: string;
  declare target_table: string;
  declare row_key: string;
  declare code: string;
  declare detail: string | null;
  declare position: string | null;
  declare first_seen_at: Date;
  declare last_seen_at: Date;
  declare attempts: number;
}
