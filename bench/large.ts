/** What must not grow with the data: tables, one transaction and a backlog of millions. */
import {changeOneByOne, untilApplied} from './catch-up.ts';
import {measureFirstLoad, type FirstLoad} from './first-load.ts';
import {scalar, type BenchDaemon, type Stand} from './stand.ts';

export const LARGE_USERS = 5_000_000;
/** A day at a dozen transactions a second. */
export const LARGE_BACKLOG = 1_000_000;

export interface Timed {
  readonly ms: number;
  readonly peakBytes: number;
}

export interface Large {
  readonly load: FirstLoad;
  /** One UPDATE of every user. */
  readonly transaction: Timed;
  /** Single-row transactions. */
  readonly backlog: Timed;
}

export async function measureLarge(): Promise<Large> {
  let transaction: Timed = {ms: Number.NaN, peakBytes: Number.NaN};
  let backlog = transaction;
  const load = await measureFirstLoad(LARGE_USERS, async (stand, daemon) => {
    transaction = await caughtUp(stand, daemon, 1, () =>
      stand.s.query("UPDATE users SET last_name = 'Anew', updated_at = '2024-08-01 00:00:00'"),
    );
    backlog = await caughtUp(stand, daemon, LARGE_BACKLOG, () =>
      changeOneByOne(stand, LARGE_USERS, LARGE_BACKLOG),
    );
  });
  return {load, transaction, backlog};
}

/** How long a paused stream takes for what was written meanwhile. */
async function caughtUp(
  stand: Stand,
  daemon: BenchDaemon,
  transactions: number,
  write: () => Promise<unknown>,
): Promise<Timed> {
  await daemon.post('/replication/pause');
  await write();
  const before = Number(await scalar(stand.t, 'SELECT transactions_applied FROM sync_checkpoint'));
  daemon.resetPeak();
  const began = performance.now();
  await daemon.post('/replication/resume');
  await untilApplied(stand, before + transactions);
  return {ms: performance.now() - began, peakBytes: daemon.memory().peak};
}
