/** One connection to the target that writes: transactions, and the statements that open and end them. */
import type {BulkRows} from '../db/bulk.ts';
import {connect, prepareRows, queryRows, sendRows, takesBulk, type Connection} from '../db/connection.ts';
import type {DatabaseConfig} from '../config.ts';
import {SyncError} from '../errors.ts';

/** A session idle for this long is ended by the server, so that a frozen leader holds no locks. */
export const IDLE_SECONDS = 5;
/** Shorter than the server's 50 s, so that a lock held by others shows early; the batch is retried. */
export const LOCK_WAIT_SECONDS = 10;
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
  /** The server takes nothing longer, and ends a connection over which it comes. */
  readonly maxPacketBytes: number;
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
    maxPacketBytes: Number(row?.[0]),
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

/**
 * Rolls back whatever is open; a connection that cannot even do that is closed.
 *
 * @returns whether the session can be used further
 */
export async function rollBack(session: Session): Promise<boolean> {
  try {
    await session.query(UNDO);
    return true;
  } catch {
    // The server rolls back when the connection ends. The caller reports the fault that came before.
    session.connection.destroy();
    return false;
  }
}

/** The fence's own errors: another leads or the row was restored (1048), or the row is gone (1242). */
const FENCE_ERRNOS = new Set([1048, 1242]);

/**
 * Runs a statement that checks the fence and touches nothing else.
 *
 * @throws SyncError `lease-lost` where another leads by now, or where the target was restored from a backup
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
