/** One connection to the target that writes: transactions, and the statements that open and end them. */
import type {BulkRows} from '../db/bulk.ts';
import {connect, queryRows, type Connection} from '../db/connection.ts';
import type {DatabaseConfig} from '../config.ts';
import {settled} from '../lifecycle/settled.ts';
import type {Query} from '../db/counted.ts';
import {prepareRows, sendRows} from '../db/send-rows.ts';
import {SyncError} from '../errors.ts';

/** The server ends a session that is idle for this long, so that a frozen leader holds no locks. */
export const IDLE_SECONDS = 5;
/**
 * Shorter than the server's 50 s, so that a lock held by others is noticed early; the batch is retried. The same
 * limit holds for the lock of a table's definition: an ALTER TABLE that copies a table may wait for a row of its
 * parent that we hold, while we wait for the table. No server detects that deadlock, so we give way.
 */
export const LOCK_WAIT_SECONDS = 10;
/** Far longer than the lock wait: a server that takes longer counts as unreachable. */
const STATEMENT_TIMEOUT_MS = 30_000;
const MAX_STATEMENT_BYTES = 1024 * 1024;

/** Commits a transaction that {@link Session.beginRows} opened. */
export const END_ROWS = 'COMMIT; SET autocommit = 1';
const UNDO = 'ROLLBACK; SET autocommit = 1';

export interface Session {
  readonly connection: Connection;
  /** Statements longer than this are split. */
  readonly maxStatementBytes: number;
  /** The server accepts nothing longer, and closes a connection that sends it. */
  readonly maxPacketBytes: number;
  /** The time that a statement without work took when the session was opened, in milliseconds. */
  readonly roundTripMs: number;
  readonly query: Query;
  /** Returns the id of a prepared statement for {@link writeRows}; null if its rows must be sent as text. */
  prepareRows(sql: string): Promise<number | null>;
  /** Sends statements without result rows. They are sent at once if those before them were. */
  send(sql: string): Promise<void>;
  /**
   * Opens a transaction that ends with {@link END_ROWS}, with autocommit off: if a statement fails, those already
   * sent behind it must not commit one by one.
   *
   * @throws SyncError the server's refusal, classified
   */
  beginRows(): Promise<void>;
  /** Executes a prepared statement for each row; a failure does not stop the rows behind it. */
  writeRows(rows: BulkRows): Promise<void>;
  close(): void;
}

/** @throws SyncError, classified */
export async function openSession(
  config: DatabaseConfig,
  statementMs = STATEMENT_TIMEOUT_MS,
): Promise<Session> {
  const connection = await connect('target', config, {idleSeconds: IDLE_SECONDS});
  let running = 0;
  const busy = async <T>(statement: Promise<T>): Promise<T> => {
    running++;
    try {
      return await statement;
    } finally {
      running--;
    }
  };
  const query: Query = (sql, values = []) => busy(queryRows('target', connection, sql, values, statementMs));
  const send = (sql: string) => busy(sendRows(connection, sql, statementMs));
  const keepAlive = setInterval(
    () => {
      // A failure shows at the next statement.
      if (running === 0) query('DO 1').catch(() => undefined);
    },
    (IDLE_SECONDS * 1000) / 4,
  );
  const {maxPacketBytes, logsStatements, roundTripMs} = await setLimits(query);
  const prepared = new Map<string, Promise<number | null>>();
  return {
    connection,
    maxStatementBytes: Math.min(MAX_STATEMENT_BYTES, maxPacketBytes >> 1),
    maxPacketBytes,
    roundTripMs,
    query,
    prepareRows(sql) {
      // A statement in the log cannot include rows that were sent separately.
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

/** Sets how long the session waits for locks, and its isolation level. Returns what the server reports of it. */
async function setLimits(
  query: Query,
): Promise<{maxPacketBytes: number; logsStatements: boolean; roundTripMs: number}> {
  const sentMs = performance.now();
  let roundTripMs = 0;
  const setIsolation = (level: string) => query(`SET SESSION TRANSACTION ISOLATION LEVEL ${level}`);
  const [[row]] = await settled([
    query('SELECT @@max_allowed_packet, @@binlog_format, @@log_bin').finally(
      () => (roundTripMs = performance.now() - sentMs),
    ),
    query(`SET innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}, lock_wait_timeout = ${LOCK_WAIT_SECONDS}`),
    setIsolation('READ COMMITTED'),
  ]);
  const logsStatements = row?.[1] === 'STATEMENT';
  // READ COMMITTED takes fewer gap locks and causes fewer deadlocks, but a server that logs statements does not
  // support it.
  if (logsStatements) await setIsolation('REPEATABLE READ');
  return {maxPacketBytes: Number(row?.[0]), logsStatements, roundTripMs};
}

/**
 * Rolls back the open transaction; a connection that cannot do that is closed.
 *
 * @returns whether the session can still be used
 */
export async function rollBack(session: Session): Promise<boolean> {
  try {
    await session.query(UNDO);
    return true;
  } catch {
    // The server rolls back when the connection ends. The caller reports the earlier fault.
    session.connection.destroy();
    return false;
  }
}

/** The fence's own errors: another instance leads or the row was restored (1048), or the row is missing (1242). */
const FENCE_ERRNOS = new Set([1048, 1242]);

/**
 * Runs a statement that checks the fence and changes nothing else.
 *
 * @throws SyncError `lease-lost` if another instance leads by now, or if the target was restored from a backup
 */
export async function runFenced(session: Pick<Session, 'query'>, statement: string): Promise<void> {
  try {
    await session.query(statement);
  } catch (error) {
    if (error instanceof SyncError && error.errno !== undefined && FENCE_ERRNOS.has(error.errno)) {
      throw new SyncError(
        'lease-lost',
        'the checkpoint is not as this instance left it: another instance leads, or the target was restored',
        {cause: error},
      );
    }
    throw error;
  }
}
