/** Measures how fast the server's own replica catches up with the log of a source. */
import type mysql from 'mysql2/promise';
import {connect} from '../test/servers/databases.ts';
import {startServer, type TestServer} from '../test/servers/server.ts';
import {roomFor, scalar, type Stand} from './stand.ts';

/** Returns the GTIDs of the source's transactions so far. */
export function endOfLog({edition, s}: Pick<Stand, 'edition' | 's'>): Promise<string> {
  return scalar(s, edition === 'mysql' ? 'SELECT @@gtid_executed' : 'SELECT @@gtid_current_pos');
}

/**
 * @param start where the replica begins, with the tables as they were there
 * @param workers the number of threads that apply transactions; 0 is a serial replica
 * @param pool the size of the replica's buffer pool
 * @returns milliseconds
 */
export async function measureReplica(
  stand: Pick<Stand, 'edition' | 's' | 'source'>,
  start: string,
  workers: number,
  pool?: string,
): Promise<number> {
  const {edition, s, source} = stand;
  const threads =
    edition === 'mysql'
      ? [`--replica-parallel-workers=${Math.max(1, workers)}`]
      : [`--slave-parallel-threads=${workers}`, '--slave-parallel-mode=optimistic'];
  const server = await startServer({
    edition,
    durable: true,
    options: [...roomFor(edition, pool), ...threads],
  });
  try {
    const r = await connect(server);
    const tables = await definitions(s);
    await r.query('CREATE DATABASE laas CHARACTER SET utf8mb4; USE laas');
    for (const sql of tables) await r.query(sql);
    await follow(r, source, edition, start);
    const end = await endOfLog(stand);
    const [startStatement, wait] =
      edition === 'mysql'
        ? ['START REPLICA', 'WAIT_FOR_EXECUTED_GTID_SET']
        : ['START SLAVE', 'MASTER_GTID_WAIT'];
    const began = performance.now();
    await r.query(startStatement);
    await r.query(`SELECT ${wait}('${end}')`);
    const ms = performance.now() - began;
    await r.end();
    return ms;
  } finally {
    await server.dispose();
  }
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
