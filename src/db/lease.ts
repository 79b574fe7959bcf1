/**
 * Ensures one writer for each stream. The lease is a row of the target (lease-row.ts) that its holder renews,
 * with a fencing number that grows with each leader and is checked in every writing transaction.
 *
 * A standby takes a lease that was released, or that its holder has not renewed for {@link LEASE_SECONDS}. The
 * standby measures that time itself, because the clocks of a cluster's nodes may differ. On a single server it
 * need not wait so long: the holder also has a named lock, on a connection that the server ends when the
 * process dies or is silent. An instance that gets this lock on the same server knows that the holder has
 * ended.
 *
 * The leader reads the checkpoint's row as often as it renews the lease. If the row is missing, or its number
 * of writes is smaller than the known one, the target was restored from a backup. The state in memory is then
 * invalid: the lease is released, and acquired again with the row's current state.
 */
import {setTimeout as delay} from 'node:timers/promises';
import type {Fence, KnownWrites} from '../apply/checkpoint.ts';
import {isDeadlock} from '../apply/refusal.ts';
import type {DatabaseConfig} from '../config.ts';
import {SyncError, throwIfStopped} from '../errors.ts';
import {pause} from '../lifecycle/backoff.ts';
import {connect, queryRows, type Connection} from './connection.ts';
import {classify} from './faults.ts';
import {
  addLease,
  LEASE_SECONDS,
  lockingServer,
  numberLease,
  readLease,
  releaseLease,
  RENEW_MS,
  renewLease,
  takeLease,
  type LeaseRow,
} from './lease-row.ts';
import {getLock, lockName} from './named-lock.ts';

const RENEW_TIMEOUT_MS = 3000;
const POLL_SECONDS = 1;
/** A live holder renews within this time, even if its server's clock is behind ours. */
const TWO_RENEWALS_MS = 2 * RENEW_MS;

export interface Lease {
  readonly fence: Fence;
  /** The target was restored from a backup since this process last led: a full reconcile is saved as due. */
  readonly wasRestored: boolean;
  /** Set when the lease is lost, for whatever reason. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

export interface LeaseOptions {
  readonly config: DatabaseConfig;
  readonly stream: string;
  /** The owner's name, shown to the waiting instances: host and process. */
  readonly holder: string;
  /** What the process knows of the stream, across all its terms as the leader. */
  readonly writes: KnownWrites;
}

/** @returns the lease, or null if another instance holds it now */
export async function tryAcquireLease(options: LeaseOptions): Promise<Lease | null> {
  const watch = new Watch();
  for (;;) {
    const lease = await acquire(options, watch, 0);
    // An expired lease is free as soon as its holder is seen not to renew it.
    if (lease !== null || !watch.isExpired) return lease;
    await delay(TWO_RENEWALS_MS / 3);
  }
}

/**
 * Waits for the lease.
 *
 * @param onWaiting called once if another instance holds it
 */
export async function waitForLease(
  options: LeaseOptions,
  signal: AbortSignal,
  onWaiting: () => void,
): Promise<Lease> {
  const watch = new Watch();
  let waits = false;
  for (;;) {
    throwIfStopped(signal);
    const startedMs = performance.now();
    const lease = await acquire(options, watch, waits ? POLL_SECONDS : 0);
    if (lease !== null) return lease;
    if (!waits) onWaiting();
    waits = true;
    // The wait for the named lock is the pause, unless that lock is free while the lease is not.
    await pause(Math.max(0, POLL_SECONDS * 1000 - (performance.now() - startedMs)), signal);
  }
}

/** What a waiting instance has seen of the lease. */
class Watch {
  #seen: {row: LeaseRow; atMs: number} | null = null;

  get isExpired(): boolean {
    return this.#seen?.row.isExpired === true;
  }

  /** How long the holder has not renewed the lease, in milliseconds, as observed here. */
  silentMs(row: LeaseRow): number {
    const nowMs = performance.now();
    if (this.#seen?.row.beat === row.beat && this.#seen.row.token === row.token) {
      this.#seen = {row, atMs: this.#seen.atMs};
      return nowMs - this.#seen.atMs;
    }
    this.#seen = {row, atMs: nowMs};
    return 0;
  }
}

/** @param waitSeconds for the named lock, which is free at once when the holder's connection ends */
async function acquire(options: LeaseOptions, watch: Watch, waitSeconds: number): Promise<Lease | null> {
  const {config, stream, holder, writes} = options;
  const connection = await connect('target', config, {idleSeconds: LEASE_SECONDS});
  try {
    const name = lockName(config.database, stream);
    const isLocked = await getLock(connection, name, waitSeconds);
    const lockedOn = isLocked ? await lockingServer(connection) : '';
    const row = await readLease(connection, stream);
    if (row === null) await addLease(connection, stream);
    const seen = row ?? (await readLease(connection, stream));
    const before = await readNumbers(connection, stream);
    const olderLeads = !isLocked && isOfOlderVersion(before, row);
    if (seen === null || olderLeads || !isFree(seen, watch, options, lockedOn)) {
      connection.destroy();
      return null;
    }
    const now = await take(connection, seen, {...options, lockedOn});
    if (now === null) {
      connection.destroy();
      return null;
    }
    const {wasRestored} = now;
    writes.begins(now.writes);
    writes.lease = {holder, token: now.token};
    return hold(connection, {name, holder}, {stream, token: now.token, writes}, wasRestored);
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

function isFree(row: LeaseRow, watch: Watch, {writes}: LeaseOptions, lockedOn: string): boolean {
  const silentMs = watch.silentMs(row);
  // The row is ours, from before the connection was lost or the cluster got another writer.
  const isOurs = writes.lease?.holder === row.holder && writes.lease.token === row.token;
  const isGone = lockedOn !== '' && lockedOn === row.lockedOn;
  return (
    row.isReleased ||
    isOurs ||
    isGone ||
    silentMs >= LEASE_SECONDS * 1000 ||
    (row.isExpired && silentMs >= TWO_RENEWALS_MS)
  );
}

/** A version before 0005-lease leads by the named lock alone, and leaves its name only in the checkpoint. */
function isOfOlderVersion(numbers: Numbers | null, row: LeaseRow | null): boolean {
  return numbers !== null && numbers.leader !== '' && numbers.leader !== row?.holder;
}

/** @returns the numbers to lead with; null if another instance was faster */
async function take(
  connection: Connection,
  seen: LeaseRow,
  options: LeaseOptions & {lockedOn: string},
): Promise<(Numbers & {wasRestored: boolean}) | null> {
  const {stream, holder, writes} = options;
  try {
    await queryRows('target', connection, 'START TRANSACTION');
    if (!(await takeLease(connection, stream, seen, options))) return null;
    // Under the row's lock: a member of a cluster may have been behind at the first read, and looked like a backup.
    const wasRestored = isRestored(await readNumbers(connection, stream, 'FOR UPDATE'), writes.count);
    // This waits for an open transaction of the former leader, and makes its next one fail. If the row was lost
    // or restored, the number starts at the current time, so that none is used twice.
    await queryRows(
      'target',
      connection,
      `INSERT INTO sync_checkpoint (stream, fencing_token, leader, reconcile_owed) VALUES (?, UNIX_TIMESTAMP(), ?, ?)
         ON DUPLICATE KEY UPDATE fencing_token = ${wasRestored ? 'GREATEST(fencing_token + 1, VALUES(fencing_token))' : 'fencing_token + 1'}, leader = VALUES(leader),
           reconcile_owed = IF(VALUES(reconcile_owed) = '', reconcile_owed, VALUES(reconcile_owed)), writes = writes + 1`,
      [stream, holder, wasRestored ? 'load' : ''],
    );
    const now = await readNumbers(connection, stream);
    if (now === null) throw new SyncError('lease-lost', "the checkpoint's row is missing");
    await numberLease(connection, stream, now.token);
    await queryRows('target', connection, 'COMMIT');
    return {...now, wasRestored};
  } catch (error) {
    // Two instances took it at once, on one server or on two nodes of a cluster; one of them is refused.
    if (isDeadlock(error)) return null;
    throw error;
  }
}

/** Returns the numbers in the checkpoint's row. */
interface Numbers {
  readonly token: string;
  readonly writes: number;
  /** The owner that led last. */
  readonly leader: string;
}

async function readNumbers(
  connection: Connection,
  stream: string,
  lock: '' | 'FOR UPDATE' = '',
): Promise<Numbers | null> {
  const [row] = await queryRows(
    'target',
    connection,
    `SELECT fencing_token, writes, leader FROM sync_checkpoint WHERE stream = ? ${lock}`,
    [stream],
  );
  return row === undefined ? null : {token: String(row[0]), writes: Number(row[1]), leader: String(row[2])};
}

function isRestored(numbers: Numbers | null, knownWrites: number): boolean {
  return (numbers?.writes ?? 0) < knownWrites;
}

/** @throws SyncError `lease-lost` if the row is not as this leader left it */
async function checkCheckpoint(connection: Connection, {stream, token, writes}: Fence): Promise<void> {
  // Writes that are committed during this read do not count as lost.
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

function hold(
  connection: Connection,
  {name, holder}: {name: string; holder: string},
  fence: Fence,
  wasRestored: boolean,
): Lease {
  const by = {stream: fence.stream, holder, token: fence.token};
  const lost = new AbortController();
  const stopped = new AbortController();
  const lose = (error: unknown) => {
    // The release, which ends the renewals, still needs the connection.
    if (stopped.signal.aborted) return;
    lost.abort(error);
    connection.destroy();
  };
  // The end of the connection is noticed at once, and not only at the next renewal.
  connection.on('error', error => lose(classify('target', error)));
  const renew = async () => {
    await checkCheckpoint(connection, fence);
    await renewLease(connection, by);
  };
  renewRepeatedly(renew, stopped.signal).catch(lose);
  return {
    fence,
    wasRestored,
    lost: lost.signal,
    async release() {
      if (stopped.signal.aborted) return;
      stopped.abort();
      if (!lost.signal.aborted) {
        await Promise.race([
          releaseLease(connection, by).then(() =>
            queryRows('target', connection, 'SELECT RELEASE_LOCK(?)', [name]),
          ),
          delay(1000, undefined, {ref: false}),
        ]).catch(() => undefined);
      }
      connection.destroy();
    },
  };
}

/**
 * Renews at intervals until the signal is set.
 *
 * @throws SyncError `lease-lost` if the target does not answer in time; what `renew` throws
 */
async function renewRepeatedly(renew: () => Promise<void>, stopped: AbortSignal): Promise<void> {
  while (!stopped.aborted) {
    await delay(RENEW_MS, undefined, {signal: stopped});
    const answer = renew();
    // A failure that comes after the time limit must not count as unhandled.
    answer.catch(() => undefined);
    await Promise.race([
      answer,
      delay(RENEW_TIMEOUT_MS, undefined, {signal: stopped}).then(() => {
        throw new SyncError(
          'lease-lost',
          `the target did not answer the lease's renewal in ${RENEW_TIMEOUT_MS / 1000} s`,
        );
      }),
    ]);
  }
}
