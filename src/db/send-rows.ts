/** Sends rows to the target through a prepared statement, and statements without result rows. */
import {canBulk, prepare, type BulkRows} from './bulk.ts';
import {coreOf, type Connection} from './connection.ts';
import {classify} from './faults.ts';
import {pipeline, statementPacket, type DriverConnection} from './pipeline.ts';

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
