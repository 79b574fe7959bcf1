/**
 * One writer for each stream (design.md §3.5): a lock of the target's server, held by a connection that
 * the server ends when it hears nothing for {@link LEASE_SECONDS}, so that a frozen leader loses it too;
 * and a fencing number that grows with each leader and is checked in every writing transaction.
 */
import {createHash} from 'node:crypto';
import {setTimeout as delay} from 'node:timers/promises';
import type {DatabaseConfig} from '../config.ts';
import {SyncError, throwIfStopped} from '../errors.ts';
import type {Fence} from '../apply/checkpoint.ts';
import {connect, queryRows, type Connection} from './connection.ts';

/** Seconds without a sign of life after which the server takes the lock away. */
export const LEASE_SECONDS = 5;
const RENEW_MS = 1500;
const RENEW_TIMEOUT_MS = 3000;
const STANDBY_POLL_SECONDS = 3;

export interface Lease {
  readonly fence: Fence;
  /** Set when the lease is lost, for whatever reason. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

export interface LeaseOptions {
  readonly config: DatabaseConfig;
  readonly stream: string;
  /** Shown to those who wait: host and process. */
  readonly holder: string;
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
  {config, stream, holder}: LeaseOptions,
  waitSeconds: number,
): Promise<Lease | null> {
  try {
    const name = lockName(config.database, stream);
    const [row] = await queryRows('target', connection, 'SELECT GET_LOCK(?, ?)', [name, waitSeconds]);
    if (Number(row?.[0]) !== 1) {
      connection.destroy();
      return null;
    }
    // Waits for a transaction of the former leader that is under way, and makes its next one fail.
    await queryRows(
      'target',
      connection,
      'INSERT INTO sync_checkpoint (stream, fencing_token, leader) VALUES (?, 1, ?) ON DUPLICATE KEY UPDATE fencing_token = fencing_token + 1, leader = VALUES(leader)',
      [stream, holder],
    );
    const [fenced] = await queryRows(
      'target',
      connection,
      'SELECT fencing_token FROM sync_checkpoint WHERE stream = ?',
      [stream],
    );
    return hold(connection, name, {stream, token: String(fenced?.[0])});
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

function hold(connection: Connection, name: string, fence: Fence): Lease {
  const lost = new AbortController();
  const stopped = new AbortController();
  const renew = async () => {
    while (!stopped.signal.aborted) {
      await delay(RENEW_MS, undefined, {signal: stopped.signal});
      const answer = queryRows('target', connection, 'SELECT IS_USED_LOCK(?) = CONNECTION_ID()', [name]);
      const [row] = await Promise.race([
        answer,
        delay(RENEW_TIMEOUT_MS, undefined, {signal: stopped.signal}).then(() => {
          throw new SyncError(
            'lease-lost',
            `the target did not answer the lease's renewal in ${RENEW_TIMEOUT_MS / 1000} s`,
          );
        }),
      ]);
      if (Number(row?.[0]) !== 1) throw new SyncError('lease-lost', 'another instance holds the lease');
    }
  };
  renew().catch(error => {
    if (!stopped.signal.aborted) lost.abort(error);
    connection.destroy();
  });
  return {
    fence,
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
