/** One connection to the target that writes: transactions, and what the server's refusals mean. */
import type {BulkRows} from '../db/bulk.ts';
import {connect, prepareRows, queryRows, sendRows, takesBulk, type Connection} from '../db/connection.ts';
import {errnoOf} from '../db/faults.ts';
import type {DatabaseConfig} from '../config.ts';
import {SyncError, type DeadLetterCode} from '../errors.ts';

/** A session idle for this long is ended by the server, so that a frozen leader holds no locks. */
export const IDLE_SECONDS = 5;
/** Shorter than the server's 50 s, so that a lock held by others shows early; the batch is retried. */
const LOCK_WAIT_SECONDS = 10;
/** Past the lock wait by far: a server that takes longer is taken for gone. */
const STATEMENT_TIMEOUT_MS = 30_000;
const MAX_STATEMENT_BYTES = 1024 * 1024;

/** Commits a transaction that {@link Session.beginRows} opened. */
export const END_ROWS = 'COMMIT; SET autocommit = 1';
const UNDO = 'ROLLBACK; SET autocommit = 1';

export interface Session {
  readonly connection: Connection;
  /** Statements longer than this are split. */
  readonly maxStatementBytes: number;
  query(sql: string): Promise<unknown[][]>;
  /** The id of a prepared statement for {@link writeRows}; null where its rows must be sent as text. */
  prepareRows(sql: string): Promise<number | null>;
  /** Statements that answer without rows. They leave at once where those before them were sent so, too. */
  send(sql: string): Promise<void>;
  /**
   * Opens a transaction that ends with {@link END_ROWS}, whatever becomes of what is sent in it: were it to
   * end with an error, what was sent after that would be committed at once, each statement by itself.
   *
   * @throws SyncError what the server refused, classified
   */
  beginRows(): Promise<void>;
  /** Executes a prepared statement for each row; later ones are executed whatever becomes of this. */
  writeRows(rows: BulkRows): Promise<void>;
  close(): void;
}

/** @throws SyncError, classified */
export async function openSession(
  config: DatabaseConfig,
  statementMs = STATEMENT_TIMEOUT_MS,
): Promise<Session> {
  const connection = await connect('target', config, {multipleStatements: true, idleSeconds: IDLE_SECONDS});
  let underWay = 0;
  const busy = async <T>(statement: Promise<T>): Promise<T> => {
    underWay++;
    try {
      return await statement;
    } finally {
      underWay--;
    }
  };
  const query = (sql: string) => busy(queryRows('target', connection, sql, [], statementMs));
  // Only rows in bulk are sent behind something, and MySQL, which does not take them, wants texts in another form.
  const send = async (sql: string): Promise<void> => {
    if (takesBulk(connection)) await busy(sendRows(connection, sql, statementMs));
    else await query(sql);
  };
  const keepAlive = setInterval(
    () => {
      // A failure shows at the next statement.
      if (underWay === 0) query('DO 1').catch(() => undefined);
    },
    (IDLE_SECONDS * 1000) / 4,
  );
  const [row] = await query('SELECT @@max_allowed_packet, @@binlog_format, @@log_bin');
  await query(`SET innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}`);
  // Fewer gap locks, fewer deadlocks; a server that logs statements cannot do without them.
  const logsStatements = row?.[1] === 'STATEMENT';
  if (!logsStatements) await query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
  const prepared = new Map<string, Promise<number | null>>();
  return {
    connection,
    maxStatementBytes: Math.min(MAX_STATEMENT_BYTES, Number(row?.[0]) >> 1),
    query,
    prepareRows(sql) {
      // One statement in the log cannot stand for rows that were sent beside it.
      if (logsStatements) return Promise.resolve(null);
      let id = prepared.get(sql);
      if (id === undefined) prepared.set(sql, (id = busy(prepareRows(connection, sql, statementMs))));
      return id;
    },
    send,
    beginRows: () => send('SET autocommit = 0'),
    writeRows: rows => busy(sendRows(connection, rows, statementMs)),
    close() {
      clearInterval(keepAlive);
      connection.destroy();
    },
  };
}

/** Rolls back whatever is open; a connection that cannot even do that is closed. */
export async function rollBack(session: Session): Promise<void> {
  try {
    await session.query(UNDO);
  } catch {
    // The server rolls back when the connection ends; the fault that led here is already on its way.
    session.connection.destroy();
  }
}

const DEADLOCK_ERRNOS = new Set([1205, 1213, 1020]);
const INCOMPATIBLE_ERRNOS = new Set([1054, 1136, 1146, 1364]);
const UNIQUE_CLASH_ERRNOS = new Set([1062, 1242, 1586]);
const REFERRED_ERRNOS = new Set([1451, 1217]);

/** Whether the same transaction may well succeed when tried again at once. */
export function isDeadlock(error: unknown): boolean {
  return error instanceof SyncError && error.errno !== undefined && DEADLOCK_ERRNOS.has(error.errno);
}

/**
 * Whether a refusal is about a row and not about the server: by SQLSTATE class (22 data, 23 integrity,
 * 45 signalled by a trigger) and the few numbers that MySQL files elsewhere. 1242 comes from the assertions
 * of a batch: that of the upsert, and assertUnreferred.
 */
export function isAboutRow(error: unknown): boolean {
  if (!(error instanceof SyncError) || error.errno === undefined) return false;
  if (INCOMPATIBLE_ERRNOS.has(error.errno)) return false;
  const cause = error.cause;
  const state = cause instanceof Error && 'sqlState' in cause ? String(cause.sqlState) : '';
  return /^(22|23|45)/.test(state) || [1242, 1265, 1366, 1525, 3819, 4025].includes(error.errno);
}

export function isReferred(error: unknown): boolean {
  return error instanceof SyncError && error.errno !== undefined && REFERRED_ERRNOS.has(error.errno);
}

/** A clash of unique keys: reported as one, or as 1242 by the assertion of the upsert. */
export function isUniqueClash(error: unknown): boolean {
  return error instanceof SyncError && error.errno !== undefined && UNIQUE_CLASH_ERRNOS.has(error.errno);
}

/** Faults that no retry mends until somebody changes the target's tables. */
export function asIncompatible(error: unknown): unknown {
  const errno = errnoOf(error instanceof SyncError ? error.cause : error);
  if (errno === undefined || !INCOMPATIBLE_ERRNOS.has(errno)) return error;
  return new SyncError(
    'target-incompatible',
    `a table of the target does not fit the mapping (error ${errno}): run laas-sync doctor`,
    {cause: error, errno},
  );
}

/** Under which code a refused row waits. */
export function refusalCode(error: unknown): {code: DeadLetterCode; detail: string | null} {
  const errno = error instanceof SyncError ? error.errno : undefined;
  if (errno === 1406) return {code: 'value-too-long', detail: null};
  if (errno === 1264 || errno === 1292) return {code: 'out-of-range', detail: `error ${errno}`};
  return {code: 'rejected', detail: errno === undefined ? null : `error ${errno}`};
}

/**
 * Runs a statement that checks the fence and touches nothing else.
 *
 * @throws SyncError `lease-lost` where another leads by now
 */
export async function runFenced(session: Session, statement: string): Promise<void> {
  try {
    await session.query(statement);
  } catch (error) {
    if (error instanceof SyncError && error.errno === 1048) {
      throw new SyncError('lease-lost', 'another instance leads: the fencing number has moved on', {
        cause: error,
      });
    }
    throw error;
  }
}
