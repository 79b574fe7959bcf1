/**
 * Keeps a run from reading a server that is behind what was applied (docs/invariants.md, 4). While the stream runs,
 * it is compared with the run all the time. While it does not, the source's address may meanwhile lead to a replica
 * or another node: its older rows would replace newer ones, and the stream would not send those again.
 */
import {pause} from '../lifecycle/backoff.ts';
import {queryRows} from '../db/connection.ts';
import {SyncError} from '../errors.ts';
import type {LogOffset, Position} from '../position/position.ts';
import {readGaleraGtids} from './galera.ts';
import type {Opened} from './one-server.ts';
import {whyTransactionsAreMissing} from './position-check.ts';
import {waitUntilVisible} from './watermark.ts';

/** A replica that is usable as a source is not further behind than this. */
const MAX_WAIT_MS = 10_000;
const LOOK_MS = 100;

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
    await queryRows('source', connection, 'SET STATEMENT wsrep_sync_wait = 1 FOR SELECT 1');
    return;
  }
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    const why = await whyTransactionsAreMissing(connection, info, {position, identity});
    if (why === null || signal.aborted) return;
    if (waitedMs >= MAX_WAIT_MS)
      throw new SyncError(
        'source-unreachable',
        `${why}. A reconcile would replace newer rows by older ones: it can run when the source has caught up, or when the stream runs and has found a new position`,
      );
    await pause(LOOK_MS, signal);
  }
}
