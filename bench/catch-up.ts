/** Measures how fast a backlog is caught up: by laas-sync, and by the server's own replica. */
import {connect} from '../test/servers/databases.ts';
import {endOfLog, measureReplica} from './replica.ts';
import {BenchDaemon, fillUsers, openStand, scalar, type Stand, type StandOptions} from './stand.ts';

const BULK_ROWS = 200_000;
const BULK_ROWS_A_TRANSACTION = 10_000;
const SINGLE_TRANSACTIONS = 50_000;

export interface CatchUp {
  readonly oursMs: number;
  readonly peakBytes: number;
  /** By the number of workers. */
  readonly replicaMs: Readonly<Record<number, number>>;
}

/** @param workers measures the server's own replica with each of these numbers of workers; 0 is a serial one */
export async function measureCatchUp(
  workers: readonly number[],
  options: StandOptions = {edition: 'mariadb'},
): Promise<CatchUp> {
  const stand = await openStand(options);
  try {
    const start = await endOfLog(stand);
    const daemon = await BenchDaemon.start(stand.env);
    await untilAtEnd(stand);
    await daemon.post('/replication/pause');
    await backlog(stand);
    const began = performance.now();
    await daemon.post('/replication/resume');
    await untilApplied(stand, BULK_ROWS / BULK_ROWS_A_TRANSACTION + SINGLE_TRANSACTIONS);
    const oursMs = performance.now() - began;
    const peakBytes = daemon.memory().peak;
    await assertEqual(stand);
    await daemon.stop();
    const replicaMs: Record<number, number> = {};
    for (const count of workers) replicaMs[count] = await measureReplica(stand, start, {workers: count});
    return {oursMs, peakBytes, replicaMs};
  } finally {
    await stand.close();
  }
}

/**
 * Waits until the stream knows where it is in the log, as every stream does that has run for a second. Until then it
 * looks for older children of each new row.
 */
async function untilAtEnd({t}: Pick<Stand, 't'>): Promise<void> {
  while ((await scalar(t, 'SELECT log_offset IS NOT NULL FROM sync_checkpoint')) !== '1')
    await new Promise(resolve => setTimeout(resolve, 20));
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
