/**
 * The lease as a row of the target: its holder, the fencing number, and the time of expiry by the server's clock.
 * A row is the same on every node of a cluster, which a named lock is not.
 */
import {SyncError} from '../errors.ts';
import {queryRows, type Connection} from './connection.ts';
import {readServerInfo, readVariables} from './server.ts';

/** The seconds without a renewal after which the lease is free. */
export const LEASE_SECONDS = 5;
/** The interval at which a holder renews. */
export const RENEW_MS = 1500;

export interface LeaseRow {
  readonly holder: string;
  readonly token: string;
  /** Grows with every renewal. */
  readonly beat: string;
  readonly isReleased: boolean;
  /** By the clock of the server that was queried; on a cluster, another server may have written the time. */
  readonly isExpired: boolean;
  /** The server on which the holder has the named lock; empty if the lock proves nothing. */
  readonly lockedOn: string;
}

const UNTIL = `TIMESTAMPADD(SECOND, ${LEASE_SECONDS}, UTC_TIMESTAMP(3))`;

/** @returns null if nobody has ever held it */
export async function readLease(connection: Connection, stream: string): Promise<LeaseRow | null> {
  const [row] = await queryRows(
    'target',
    connection,
    `SELECT holder, token, beat, expires_at IS NULL, COALESCE(expires_at < UTC_TIMESTAMP(3), 1), locked_on
       FROM sync_lease WHERE stream = ?`,
    [stream],
  );
  if (row === undefined) return null;
  const [holder, token, beat, released, expired, lockedOn] = row.map(String);
  return {
    holder: holder ?? '',
    token: token ?? '',
    beat: beat ?? '',
    isReleased: released === '1',
    isExpired: expired === '1',
    lockedOn: lockedOn ?? '',
  };
}

/** Inserts a row without a holder, so that there is one to compare with. */
export async function addLease(connection: Connection, stream: string): Promise<void> {
  await queryRows('target', connection, 'INSERT IGNORE INTO sync_lease (stream) VALUES (?)', [stream]);
}

/**
 * Takes the lease from the holder in the row, in the open transaction, if the row is unchanged.
 *
 * @returns whether it was unchanged
 */
export function takeLease(
  connection: Connection,
  stream: string,
  seen: LeaseRow,
  by: {holder: string; lockedOn: string},
): Promise<boolean> {
  return changesRow(
    connection,
    `UPDATE sync_lease SET holder = ?, locked_on = ?, beat = beat + 1, expires_at = ${UNTIL}
       WHERE stream = ? AND token = ? AND beat = ?`,
    [by.holder, by.lockedOn, stream, seen.token, seen.beat],
  );
}

/** Writes the fencing number into a row that was just taken. */
export async function numberLease(connection: Connection, stream: string, token: string): Promise<void> {
  await queryRows('target', connection, 'UPDATE sync_lease SET token = ? WHERE stream = ?', [token, stream]);
}

/** @throws SyncError `lease-lost` if another instance has taken it, or if the row comes from a backup */
export async function renewLease(
  connection: Connection,
  by: {stream: string; holder: string; token: string},
): Promise<void> {
  const renewed = await changesRow(
    connection,
    `UPDATE sync_lease SET beat = beat + 1, expires_at = ${UNTIL}
       WHERE stream = ? AND token = ? AND holder = ? AND expires_at IS NOT NULL`,
    [by.stream, by.token, by.holder],
  );
  if (!renewed) throw new SyncError('lease-lost', 'another instance holds the lease');
}

/** Releases the lease at once, so that nobody has to wait until it expires. */
export async function releaseLease(
  connection: Connection,
  by: {stream: string; holder: string; token: string},
): Promise<void> {
  await changesRow(
    connection,
    'UPDATE sync_lease SET beat = beat + 1, expires_at = NULL WHERE stream = ? AND token = ? AND holder = ?',
    [by.stream, by.token, by.holder],
  );
}

/**
 * Returns a name for the server whose named locks this connection shares. It is empty on a node of Galera, where
 * two nodes that look alike (in containers, for example) would mistake each other's locks for their own.
 */
export async function lockingServer(connection: Connection): Promise<string> {
  const wsrep = await readVariables('target', connection, ['wsrep_on']);
  return wsrep.get('wsrep_on') === 'ON' ? '' : (await readServerInfo('target', connection)).identity;
}

async function changesRow(connection: Connection, sql: string, values: readonly unknown[]): Promise<boolean> {
  await queryRows('target', connection, sql, values);
  const [row] = await queryRows('target', connection, 'SELECT ROW_COUNT()');
  return Number(row?.[0]) === 1;
}
