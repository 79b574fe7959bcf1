/** The server's own replica beside us: how fast it catches up with the log of a source, and how far it is behind. */
import type mysql from 'mysql2/promise';
import {connect} from '../test/servers/databases.ts';
import {startServer, type TestServer} from '../test/servers/server.ts';
import {roomFor, scalar, type Stand} from './stand.ts';

const LONGEST_S = 900;

/** Returns the GTIDs of the source's transactions so far. */
export function endOfLog({edition, s}: Pick<Stand, 'edition' | 's'>): Promise<string> {
  return scalar(s, edition === 'mysql' ? 'SELECT @@gtid_executed' : 'SELECT @@gtid_current_pos');
}

interface Replica {
  readonly connection: mysql.Connection;
  /** Starts it, and waits until it has applied these transactions. */
  readonly catchUp: (end: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface ReplicaOptions {
  /** The number of threads that apply transactions; 0 is a serial replica. */
  readonly workers: number;
  /** The size of the buffer pool. */
  readonly pool?: string;
  /** Whether a MariaDB replica logs what it applies, as a target with a binary log does; MySQL's replica always does. */
  readonly logs?: boolean;
}

/** @returns milliseconds that a replica needs from `start` to the end of the log */
export async function measureReplica(
  stand: Pick<Stand, 'edition' | 's' | 'source'>,
  start: string,
  options: ReplicaOptions,
): Promise<number> {
  const replica = await openReplica(stand, start, options);
  try {
    const end = await endOfLog(stand);
    const began = performance.now();
    await replica.catchUp(end);
    return performance.now() - began;
  } finally {
    await replica.close();
  }
}

/** Lets a replica follow the source's log from `start`, and calls `measure` once it has caught up. */
export async function withReplica<T>(
  stand: Pick<Stand, 'edition' | 's' | 'source'>,
  start: string,
  options: ReplicaOptions,
  measure: (replica: mysql.Connection) => Promise<T>,
): Promise<T> {
  const replica = await openReplica(stand, start, options);
  try {
    await replica.catchUp(await endOfLog(stand));
    return await measure(replica.connection);
  } finally {
    await replica.close();
  }
}

/** @param start where the replica begins, with the tables as they were there */
async function openReplica(
  {edition, s, source}: Pick<Stand, 'edition' | 's' | 'source'>,
  start: string,
  {workers, pool, logs = false}: ReplicaOptions,
): Promise<Replica> {
  const settings =
    edition === 'mysql'
      ? [`--replica-parallel-workers=${Math.max(1, workers)}`]
      : [
          `--slave-parallel-threads=${workers}`,
          '--slave-parallel-mode=optimistic',
          `--log-slave-updates=${logs ? 'ON' : 'OFF'}`,
        ];
  // One server may be source and target: the replica has no tables of the target.
  const options = [...roomFor(edition, pool), ...settings, '--replicate-do-db=laas'];
  const server = await startServer({edition, durable: true, options});
  const connection = await connect(server);
  try {
    const tables = await definitions(s);
    await connection.query('CREATE DATABASE laas CHARACTER SET utf8mb4; USE laas');
    for (const sql of tables) await connection.query(sql);
    await follow(connection, source, edition, start);
  } catch (error) {
    await server.dispose();
    throw error;
  }
  return {
    connection,
    async catchUp(end) {
      const [begin, wait] =
        edition === 'mysql'
          ? ['START REPLICA', 'WAIT_FOR_EXECUTED_GTID_SET']
          : ['START SLAVE', 'MASTER_GTID_WAIT'];
      await connection.query(begin);
      const reached = await scalar(connection, `SELECT ${wait}('${end}', ${LONGEST_S})`);
      if (reached !== '0') throw new Error('the replica does not reach the end of the log');
    },
    async close() {
      await connection.end();
      await server.dispose();
    },
  };
}

async function follow(
  r: mysql.Connection,
  {host, port, user, password}: TestServer,
  edition: Stand['edition'],
  start: string,
): Promise<void> {
  if (edition === 'mysql') {
    // The replica has GTIDs of its own for the tables that were created above.
    await r.query('RESET BINARY LOGS AND GTIDS');
    await r.query(`SET GLOBAL gtid_purged = '${start}'`);
    await r.query(
      `CHANGE REPLICATION SOURCE TO SOURCE_HOST='${host}', SOURCE_PORT=${port}, SOURCE_USER='${user}', SOURCE_PASSWORD='${password}', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1`,
    );
    return;
  }
  await r.query(`SET GLOBAL gtid_slave_pos = '${start}'`);
  await r.query(
    `CHANGE MASTER TO MASTER_HOST='${host}', MASTER_PORT=${port}, MASTER_USER='${user}', MASTER_PASSWORD='${password}', MASTER_USE_GTID=slave_pos`,
  );
}

async function definitions(s: mysql.Connection): Promise<string[]> {
  const tables: string[] = [];
  for (const table of ['users', 'institutes', 'institute_user']) {
    const [rows] = await s.query({sql: `SHOW CREATE TABLE ${table}`, rowsAsArray: true});
    tables.push(String((rows as unknown[][])[0]?.[1]));
  }
  return tables;
}
