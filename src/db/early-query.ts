/**
 * Sends a query before those ahead of it were answered, where mysql2 would wait for each answer: queries that are
 * asked together take one round trip. The server still executes them in their order, one after the other, and
 * each has its own rows or its own error.
 */
import {MAX_PACKET_BYTES, statementPacket, type DriverConnection, type DriverQuery} from './pipeline.ts';

export interface EarlyQuery {
  readonly sql: string;
  readonly values?: readonly unknown[] | undefined;
  /** The maximum time until the answer, in milliseconds; 0 is without a limit. It begins with the query's turn. */
  readonly timeoutMs: number;
}

/** Queries that have left, or are the first of the driver's queue. */
const sent = new WeakSet<object>();

/**
 * Requests rows as arrays. The query leaves at once if only queries of this function wait for their answers.
 *
 * @returns the rows; for several statements in one text, the rows of each
 * @throws the driver's error
 */
export function queryEarly(
  connection: DriverConnection,
  {sql, values = [], timeoutMs}: EarlyQuery,
): Promise<unknown[][]> {
  const {_commands: queued} = connection;
  const ahead = queued.length === 0 ? connection._command : queued.peekAt(queued.length - 1);
  return new Promise((resolve, reject) => {
    const query = connection.query(
      {
        sql,
        rowsAsArray: true,
        ...(values.length === 0 ? {} : {values: [...values]}),
        ...(timeoutMs > 0 ? {timeout: timeoutMs} : {}),
      },
      (error, rows) => {
        if (error === null) resolve(rows);
        else reject(error);
      },
    );
    if (ahead === undefined || (sent.has(ahead) && leaves(connection, query))) sent.add(query);
  });
}

/** @returns false if only the driver can send it, in several packets */
function leaves(connection: DriverConnection, query: DriverQuery): boolean {
  const packet = statementPacket(connection, query.sql);
  if (packet.length() >= MAX_PACKET_BYTES) return false;
  packet.writeHeader(0);
  connection.write(packet.buffer);
  // When its turn comes, the driver does what it does for every query, except that nothing is written.
  const start = query.start.bind(query);
  query.start = (answer, on) => {
    on.writePacket = () => on._bumpSequenceId(1);
    try {
      return start(answer, on);
    } finally {
      Reflect.deleteProperty(on, 'writePacket');
    }
  };
  return true;
}
