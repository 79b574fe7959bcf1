/** Measures how fast a backlog is caught up: by laas-sync, and by the server's own replica, serial and with two threads. */
import {connect} from '../test/servers/databases.ts';
import {startServer} from '../test/servers/server.ts';
import {BenchDaemon, fillUsers, openStand, scalar, SERVER_OPTIONS, type Stand} from './stand.ts';

const BULK_ROWS = 200_000;
const BULK_ROWS_A_TRANSACTION = 10_000;
const SINGLE_TRANSACTIONS = 50_000;

export interface CatchUp {
  readonly oursMs: number;
  readonly peakBytes: number;
  readonly replicaMs: Readonly<Record<string, number>>;
}

export async function measureCatchUp(
  withReplica: boolean,
  nodeOptions: readonly string[] = [],
): Promise<CatchUp> {
  const stand = await openStand('mariadb');
  try {
    await stand.s.query('SET SESSION max_recursive_iterations = 1000000');
    const start = await scalar(stand.s, 'SELECT @@gtid_current_pos');
    const daemon = await BenchDaemon.start(stand.env, nodeOptions);
    await daemon.post('/replication/pause');
    await backlog(stand);
    const began = performance.now();
    await daemon.post('/replication/resume');
    await untilApplied(stand, BULK_ROWS / BULK_ROWS_A_TRANSACTION + SINGLE_TRANSACTIONS);
    const oursMs = performance.now() - began;
    const peakBytes = daemon.memory().peak;
    await assertEqual(stand);
    await daemon.stop();
    const replicaMs: Record<string, number> = {};
    if (withReplica)
      for (const threads of [0, 2]) replicaMs[`${threads} threads`] = await replica(stand, start, threads);
    return {oursMs, peakBytes, replicaMs};
  } finally {
    await stand.close();
  }
}

async function backlog({s, source}: Stand): Promise<void> {
  await fillUsers(s, 1, BULK_ROWS, BULK_ROWS_A_TRANSACTION);
  await changeOneByOne({s, source}, BULK_ROWS, SINGLE_TRANSACTIONS);
}

/** Commits single-row transactions, many at a time and without syncing the disk, so that this takes little time. */
export async function changeOneByOne(
  {s, source}: Pick<Stand, 's' | 'source'>,
  users: number,
  transactions: number,
  /** The beginning of the new names; nothing is logged for a name that does not change. */
  names = 'Changed',
): Promise<void> {
  await s.query('SET GLOBAL sync_binlog = 0, GLOBAL innodb_flush_log_at_trx_commit = 0');
  const writers = await Promise.all(Array.from({length: 8}, () => connect(source, 'laas')));
  await Promise.all(
    writers.map(async (writer, w) => {
      for (let i = w; i < transactions; i += writers.length) {
        await writer.query(
          `UPDATE users SET first_name = '${names}${i}', updated_at = '2024-07-01 00:00:00' WHERE id = ${1 + ((i * 7919) % users)}`,
        );
      }
      await writer.end();
    }),
  );
}

/**
 * Polls one row of bookkeeping, because repeated counts of rows would load the target. The rows are checked after
 * the clock has stopped.
 */
export async function untilApplied({t}: Pick<Stand, 't'>, transactions: number): Promise<void> {
  for (;;) {
    if (Number(await scalar(t, 'SELECT transactions_applied FROM sync_checkpoint')) >= transactions) return;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

export interface CaughtUp {
  readonly ms: number;
  readonly peakBytes: number;
}

/** Measures how long a paused stream takes to apply what was written meanwhile. */
export async function catchUpWith(
  stand: Stand,
  daemon: BenchDaemon,
  transactions: number,
  write: () => Promise<unknown>,
): Promise<CaughtUp> {
  await daemon.post('/replication/pause');
  await write();
  const before = Number(await scalar(stand.t, 'SELECT transactions_applied FROM sync_checkpoint'));
  daemon.resetPeak();
  const began = performance.now();
  await daemon.post('/replication/resume');
  await untilApplied(stand, before + transactions);
  return {ms: performance.now() - began, peakBytes: daemon.memory().peak};
}

async function assertEqual({s, t}: Stand): Promise<void> {
  const changed = await scalar(s, "SELECT COUNT(*) FROM users WHERE first_name LIKE 'Changed%'");
  const users = await scalar(t, "SELECT COUNT(*) FROM user WHERE name LIKE 'Changed%'");
  const auth = await scalar(t, 'SELECT COUNT(*) FROM user_auth');
  if (users !== changed || auth !== String(BULK_ROWS)) throw new Error('the target has not caught up');
}

async function replica({source, s}: Stand, start: string, threads: number): Promise<number> {
  const server = await startServer({
    edition: 'mariadb',
    durable: true,
    options: [...SERVER_OPTIONS, `--slave-parallel-threads=${threads}`, '--slave-parallel-mode=optimistic'],
  });
  try {
    const r = await connect(server);
    await r.query(`SET GLOBAL gtid_slave_pos = '${start}'`);
    await r.query(
      `CHANGE MASTER TO MASTER_HOST='${source.host}', MASTER_PORT=${source.port}, MASTER_USER='${source.user}', MASTER_PASSWORD='${source.password}', MASTER_USE_GTID=slave_pos`,
    );
    await r.query('CREATE DATABASE laas CHARACTER SET utf8mb4; USE laas');
    const end = await scalar(s, 'SELECT @@gtid_current_pos');
    const tables = await scalarRow(s);
    for (const sql of tables) await r.query(sql);
    const began = performance.now();
    await r.query('START SLAVE');
    await r.query(`SELECT MASTER_GTID_WAIT('${end}')`);
    const ms = performance.now() - began;
    await r.end();
    return ms;
  } finally {
    await server.dispose();
  }
}

async function scalarRow(s: Stand['s']): Promise<string[]> {
  const tables: string[] = [];
  for (const table of ['users', 'institutes', 'institute_user']) {
    const [rows] = await s.query({sql: `SHOW CREATE TABLE ${table}`, rowsAsArray: true});
    tables.push(String((rows as unknown[][])[0]?.[1]));
  }
  return tables;
}
