/**
 * One writer for each stream: a lock of the target's server, held by a connection that the server ends
 * when it hears nothing for {@link LEASE_SECONDS}, so that a frozen leader loses it, too; and a fencing
 * number that grows with each leader and is checked in every writing transaction.
 *
 * Whoever leads also looks at the checkpoint's row as often as it renews the lock. A row that is gone, or
 * whose number of writes is smaller than the one known, is that of a target which was restored from a
 * backup. Then nothing that is in memory holds any more: the lease is given up, and taken again with what
 * the row says now.
 */
import {createHash} from 'node:crypto';
import {setTimeout as delay} from 'node:timers/promises';
import type {DatabaseConfig} from '../config.ts';
import {SyncError, throwIfStopped} from '../errors.ts';
import type {Fence, KnownWrites} from '../apply/checkpoint.ts';
import {connect, queryRows, type Connection} from './connection.ts';

/** Seconds without a sign of life after which the server takes the lock away. */
export const LEASE_SECONDS = 5;
const RENEW_MS = 1500;
const RENEW_TIMEOUT_MS = 3000;
const STANDBY_POLL_SECONDS = 3;

export interface Lease {
  readonly fence: Fence;
  /** The target was restored from a backup since this process led last: a full reconcile is saved as due. */
  readonly wasRestored: boolean;
  /** Set when the lease is lost, for whatever reason. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

export interface LeaseOptions {
  readonly config: DatabaseConfig;
  readonly stream: string;
  /** Shown to those who wait: host and process. */
  readonly holder: string;
  /** What the process knows of the stream, over all the times that it leads. */
  readonly writes: KnownWrites;
}

/**
 * The lock's name. Locks are the server's, not a database's, hold 64 characters and don't tell `A` from
 * `a`: so that two databases or two streams never share one, a part of it is worked out from both.
 * Every version must give the same, or an old and a new one would both believe to lead.
 */
export function lockName(database: string, stream: string): string {
  const pair = createHash('sha256').update(`${database}\0${stream}`).digest('hex').slice(0, 16);
  return `laas-sync:${stream}:${pair}`;
}

/** @returns the lease, or null where another holds it now */
export async function tryAcquireLease(options: LeaseOptions): Promise<Lease | null> {
  const connection = await connect('target', options.config, {idleSeconds: LEASE_SECONDS});
  return acquire(connection, options, 0);
}

/**
 * Waits for the lease.
 *
 * @param onWaiting called once where another holds it
 */
export async function waitForLease(
  options: LeaseOptions,
  signal: AbortSignal,
  onWaiting: () => void,
): Promise<Lease> {
  let told = false;
  for (;;) {
    throwIfStopped(signal);
    const connection = await connect('target', options.config, {idleSeconds: LEASE_SECONDS});
    const lease = await acquire(connection, options, told ? STANDBY_POLL_SECONDS : 0);
    if (lease !== null) return lease;
    if (!told) onWaiting();
    told = true;
  }
}

async function acquire(
  connection: Connection,
  {config, stream, holder, writes}: LeaseOptions,
  waitSeconds: number,
): Promise<Lease | null> {
  try {
    const name = lockName(config.database, stream);
    const [row] = await queryRows('target', connection, 'SELECT GET_LOCK(?, ?)', [name, waitSeconds]);
    if (Number(row?.[0]) !== 1) {
      connection.destroy();
      return null;
    }
    const before = await readNumbers(connection, stream);
    const wasRestored = isRestored(before, writes.count);
    // Waits for a transaction of the former leader that is under way, and makes its next one fail. Where the row
    // was lost or restored, the number begins at the time of the clock, so that none is given twice.
    await queryRows(
      'target',
      connection,
      `INSERT INTO sync_checkpoint (stream, fencing_token, leader, reconcile_owed) VALUES (?, UNIX_TIMESTAMP(), ?, ?)
         ON DUPLICATE KEY UPDATE fencing_token = ${wasRestored ? 'GREATEST(fencing_token + 1, VALUES(fencing_token))' : 'fencing_token + 1'}, leader = VALUES(leader),
           reconcile_owed = IF(VALUES(reconcile_owed) = '', reconcile_owed, VALUES(reconcile_owed)), writes = writes + 1`,
      [stream, holder, wasRestored ? 'load' : ''],
    );
    const now = await readNumbers(connection, stream);
    if (now === null) throw new SyncError('lease-lost', "the checkpoint's row is gone");
    if (wasRestored) writes.restored(now.writes);
    else writes.found(now.writes);
    return hold(connection, name, {stream, token: now.token, writes}, wasRestored);
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/** The numbers of the checkpoint's row. */
interface Numbers {
  readonly token: string;
  readonly writes: number;
}

async function readNumbers(connection: Connection, stream: string): Promise<Numbers | null> {
  const [row] = await queryRows(
    'target',
    connection,
    'SELECT fencing_token, writes FROM sync_checkpoint WHERE stream = ?',
    [stream],
  );
  return row === undefined ? null : {token: String(row[0]), writes: Number(row[1])};
}

function isRestored(numbers: Numbers | null, knownWrites: number): boolean {
  return (numbers?.writes ?? 0) < knownWrites;
}

/** @throws SyncError `lease-lost` where the row is not as this leader left it */
async function lookAtCheckpoint(connection: Connection, {stream, token, writes}: Fence): Promise<void> {
  // Writes that are committed while we look are not taken for lost.
  const known = writes.count;
  const numbers = await readNumbers(connection, stream);
  if (isRestored(numbers, known))
    throw new SyncError(
      'lease-lost',
      'the target was restored from a backup: its checkpoint is an older one',
    );
  if (numbers?.token !== token)
    throw new SyncError('lease-lost', 'another instance leads: the fencing number has moved on');
  writes.found(numbers.writes);
}

function hold(connection: Connection, name: string, fence: Fence, wasRestored: boolean): Lease {
  const lost = new AbortController();
  const stopped = new AbortController();
  const renew = async () => {
    while (!stopped.signal.aborted) {
      await delay(RENEW_MS, undefined, {signal: stopped.signal});
      const renewed = async () => {
        const sql = 'SELECT IS_USED_LOCK(?) = CONNECTION_ID()';
        const [row] = await queryRows('target', connection, sql, [name]);
        if (Number(row?.[0]) !== 1) throw new SyncError('lease-lost', 'another instance holds the lease');
        await lookAtCheckpoint(connection, fence);
      };
      const answer = renewed();
      answer.catch(() => undefined);
      await Promise.race([
        answer,
        delay(RENEW_TIMEOUT_MS, undefined, {signal: stopped.signal}).then(() => {
          throw new SyncError(
            'lease-lost',
            `the target did not answer the lease's renewal in ${RENEW_TIMEOUT_MS / 1000} s`,
          );
        }),
      ]);
    }
  };
  renew().catch(error => {
    if (!stopped.signal.aborted) lost.abort(error);
    connection.destroy();
  });
  return {
    fence,
    wasRestored,
    lost: lost.signal,
    async release() {
      if (stopped.signal.aborted) return;
      stopped.abort();
      if (!lost.signal.aborted) {
        await Promise.race([
          queryRows('target', connection, 'SELECT RELEASE_LOCK(?)', [name]),
          delay(1000, undefined, {ref: false}),
        ]).catch(() => undefined);
      }
      connection.destroy();
    },
  };
}
