/**
 * Waits for a server that is behind what was applied (docs/invariants.md, 4), after the source's address has moved
 * to a replica or another node. Its older rows would replace newer ones, and the stream would not send those again.
 * While the stream runs, a run reads from the same server, and waits for nothing here.
 */
import {pause} from '../lifecycle/backoff.ts';
import {queryRows, type Connection} from '../db/connection.ts';
import {readVariables, type ServerInfo} from '../db/server.ts';
import {SyncError, type ErrorCode} from '../errors.ts';
import type {LogOffset, Position} from '../position/position.ts';
import {readGaleraGtids} from './galera.ts';
import type {Opened} from './one-server.ts';
import {whyTransactionsAreMissing} from './position-check.ts';
import {waitUntilVisible} from './watermark.ts';

/** A replica that is usable as a source is not further behind than this. */
const MAX_WAIT_MS = 10_000;
const CHECK_MS = 100;
const GALERA_BARRIER = 'SET STATEMENT wsrep_sync_wait = 1 FOR SELECT 1';
const GROUP_BARRIER = [
  "SET SESSION group_replication_consistency = 'BEFORE'",
  'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY',
  'ROLLBACK',
  'SET SESSION group_replication_consistency = DEFAULT',
];

/** The saved position, and the server from which it was read. */
export interface Saved {
  readonly position: Position | null;
  readonly offset: LogOffset | null;
  readonly sourceIdentity: string | null;
}

/**
 * Waits until a SELECT on this server sees every transaction of a saved position. Returns at once if the position
 * says nothing about this server: an offset of another one, or another kind of GTIDs.
 *
 * @throws SyncError `source-unreachable` if the server still lacks some after {@link MAX_WAIT_MS}
 */
export async function waitUntilNotBehind(
  {connection, info}: Opened,
  {position, offset, sourceIdentity: identity}: Saved,
  signal: AbortSignal,
): Promise<void> {
  if (position === null) return;
  if (identity === info.identity)
    return waitUntilVisible(connection, info, {position, offset, openGtid: null}, signal);
  if (position.tag !== (info.flavour === 'mariadb' ? 'mariadb-gtid' : 'mysql-gtid')) return;
  if ((await readGaleraGtids(connection)) !== null) {
    // The node answers when it has applied everything that the cluster had committed, whatever the GTIDs are.
    await queryRows('source', connection, GALERA_BARRIER);
    return;
  }
  for (let waitedMs = 0; ; waitedMs += CHECK_MS) {
    const why = await whyTransactionsAreMissing(connection, info, {position, identity});
    if (why === null || signal.aborted) return;
    if (waitedMs >= MAX_WAIT_MS)
      throw new SyncError(
        'source-unreachable',
        `${why}. A reconcile would replace newer rows by older ones: it can run when the source has caught up, or when the stream runs and has found a new position`,
      );
    await pause(CHECK_MS, signal);
  }
}

/**
 * Waits for a server to which the stream has moved, if it may still receive what it lacks of the saved position: a
 * replica, or a member of a cluster that has not applied everything yet. Without the wait, the position would count
 * as lost. Returns at once on the server from which the position was read: if that lacks something, it was reset.
 *
 * @returns when the server has caught up, or when it is certain that it does not; a replica gets
 *   {@link MAX_WAIT_MS}
 * @throws SyncError `source-unreachable` if a member of a cluster is still behind after {@link MAX_WAIT_MS}
 */
export async function letCatchUp(
  {connection, info}: Opened,
  {position, sourceIdentity: identity}: Saved,
  signal: AbortSignal,
): Promise<void> {
  if (position === null || identity === info.identity) return;
  if (position.tag !== (info.flavour === 'mariadb' ? 'mariadb-gtid' : 'mysql-gtid')) return;
  const isBehind = async () =>
    (await whyTransactionsAreMissing(connection, info, {position, identity})) !== null;
  if (!(await isBehind())) return;
  const barrier = await clusterBarrier(connection, info);
  if (barrier !== null) return passBarrier(connection, barrier);
  if (!(await isReplica(connection, info))) return;
  for (let waitedMs = 0; waitedMs < MAX_WAIT_MS && !signal.aborted; waitedMs += CHECK_MS) {
    await pause(CHECK_MS, signal);
    if (!(await isBehind())) return;
  }
}

/**
 * Returns statements that a member of a cluster answers when it has applied everything that the cluster had
 * committed before; null if the server is not a member, or if its GTIDs are its own.
 */
async function clusterBarrier(
  connection: Connection,
  {flavour}: ServerInfo,
): Promise<readonly string[] | null> {
  if (flavour === 'mariadb')
    return (await readGaleraGtids(connection))?.areShared === true ? [GALERA_BARRIER] : null;
  const found = await readVariables('source', connection, [
    'group_replication_group_name',
    'group_replication_consistency',
  ]);
  return (found.get('group_replication_group_name') ?? '') !== '' &&
    found.has('group_replication_consistency')
    ? GROUP_BARRIER
    : null;
}

const BEHIND_CODES: ReadonlySet<ErrorCode> = new Set(['source-unreachable', 'source-rejected-read']);

/** @throws SyncError `source-unreachable` if the server does not answer in time, or if it is recovering */
async function passBarrier(connection: Connection, statements: readonly string[]): Promise<void> {
  try {
    for (const sql of statements) await queryRows('source', connection, sql, [], MAX_WAIT_MS);
  } catch (error) {
    // The servers report a member that is still behind with different errors, such as that of a lock wait.
    if (!(error instanceof SyncError) || !BEHIND_CODES.has(error.code)) throw error;
    throw new SyncError(
      'source-unreachable',
      'the source is a member of its cluster that has not applied yet what was applied here: the stream waits for it, or connect to a member that is not behind',
      {cause: error, errno: error.errno, answersAtOnce: true},
    );
  }
}

/** Whether the server applies the log of another one. MariaDB shows that to every account. */
async function isReplica(connection: Connection, {flavour}: ServerInfo): Promise<boolean> {
  if (flavour === 'mariadb') {
    const [row] = await queryRows('source', connection, "SHOW GLOBAL STATUS LIKE 'Slaves_running'");
    return Number(row?.[1] ?? 0) > 0;
  }
  for (const sql of ['SHOW REPLICA STATUS', 'SHOW SLAVE STATUS']) {
    try {
      return (await queryRows('source', connection, sql)).length > 0;
    } catch (error) {
      // An older server, or an account that may not see it. In doubt the server may be a replica.
      if (!(error instanceof SyncError) || error.errno === undefined) throw error;
    }
  }
  return true;
}
