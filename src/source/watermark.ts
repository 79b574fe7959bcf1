/**
 * Reads of the source at a known place of its log (design.md §6, Watermarks): a snapshot that shows every
 * transaction up to `low` and none after `high`.
 */
import {queryRows, type Connection} from '../db/connection.ts';
import {readLogEnd, type ServerInfo} from '../db/server.ts';
import {SyncError} from '../errors.ts';
import {canonicalSet, compareOffsets, setCovers, type LogOffset, type Position} from '../position/position.ts';
import {pause} from '../lifecycle/backoff.ts';

export interface Mark {
  /** Everything up to here is seen. */
  readonly low: Position;
  /** Nothing after here is seen; also the place of `low` where that is exact. */
  readonly high: LogOffset | null;
  /** `high` is the place of `low`. */
  readonly exact: boolean;
}

/**
 * Without GTIDs, MySQL tells only where its log ends, which runs ahead of what a SELECT sees by the time
 * that a commit takes to reach the engine. Waiting this long between the two bridges it.
 */
const SETTLE_MS = 1000;

/**
 * Starts a read-only transaction with a snapshot and says where in the log it stands. End it with
 * {@link endSnapshot}.
 */
export async function openSnapshot(connection: Connection, info: ServerInfo, signal: AbortSignal): Promise<Mark> {
  const query = (sql: string) => queryRows('source', connection, sql);
  if (info.flavour === 'mariadb') {
    await query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    const status = new Map((await query("SHOW STATUS LIKE 'binlog_snapshot_%'")).map(([name, value]) => [String(name).toLowerCase(), String(value)]));
    const file = status.get('binlog_snapshot_file') ?? '';
    const offset = Number(status.get('binlog_snapshot_position') ?? 0);
    if (file === '') throw new SyncError('preflight-failed', 'the source writes no binary log: set log_bin and restart it');
    const [row] = await query(`SELECT BINLOG_GTID_POS('${file.replaceAll("'", '')}', ${offset})`);
    return {low: {tag: 'mariadb-gtid', gtids: String(row?.[0] ?? '')}, high: {file, offset}, exact: true};
  }
  if (info.hasGtids) {
    // Set after the engine's commit, so that what it names is seen by a snapshot taken later.
    const [row] = await query('SELECT @@GLOBAL.gtid_executed');
    const low: Position = {tag: 'mysql-gtid', set: canonicalSet(String(row?.[0]))};
    await query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    return {low, high: await readLogEnd(connection), exact: false};
  }
  const end = await readLogEnd(connection);
  if (end === null) throw new SyncError('preflight-failed', 'the source writes no binary log: set log_bin and restart it');
  await pause(SETTLE_MS, signal);
  await query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
  return {low: {tag: 'file', ...end}, high: await readLogEnd(connection), exact: false};
}

export async function endSnapshot(connection: Connection): Promise<void> {
  await queryRows('source', connection, 'ROLLBACK');
}

/** Whether a snapshot shows everything that the stream has applied. */
export function sees(mark: Mark, stream: {position: Position; offset: LogOffset | null}): boolean {
  if (mark.low.tag === 'mysql-gtid') {
    return stream.position.tag !== 'mysql-gtid' || setCovers(mark.low.set, stream.position.set);
  }
  const low = mark.low.tag === 'file' ? mark.low : mark.high;
  return low === null || stream.offset === null || compareOffsets(low, stream.offset) >= 0;
}
