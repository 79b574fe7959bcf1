/**
 * Reads the source at a known position (docs/invariants.md, 4): a snapshot that shows every transaction up to
 * `low` and none after `high`.
 */
import {queryRows, type Connection} from '../db/connection.ts';
import {logEndStatement, logOffset, readLogEnd, type ServerInfo} from '../db/server.ts';
import {SyncError} from '../errors.ts';
import {
  canonicalSet,
  compareOffsets,
  setCovers,
  type LogOffset,
  type Position,
} from '../position/position.ts';
import {pause} from '../lifecycle/backoff.ts';

export interface SnapshotPosition {
  /** The snapshot shows everything up to here. */
  readonly low: Position;
  /** The snapshot shows nothing after here; also the position of `low` if `isExact`. */
  readonly high: LogOffset | null;
  /** `high` is the position of `low`. */
  readonly isExact: boolean;
}

/**
 * Without GTIDs, MySQL reports only the end of its log, which is ahead of what a SELECT sees by the time that a
 * commit takes to reach the engine. A wait of this length between the two covers it.
 */
const SETTLE_MS = 1000;

/** How a snapshot starts. */
export interface SnapshotOpening {
  /** Start it and show its position. {@link END_SNAPSHOT} ends it. */
  readonly statements: readonly string[];
  /**
   * Takes the answers to the statements, in their order.
   *
   * @throws SyncError `preflight-failed` if the server writes no log
   */
  readonly positionOf: (answers: readonly unknown[][][]) => SnapshotPosition;
}

const START = 'START TRANSACTION WITH CONSISTENT SNAPSHOT';
/** Ends a snapshot. */
export const END_SNAPSHOT = 'ROLLBACK';
const MARIADB_OPENING = [START, "SHOW STATUS LIKE 'binlog_snapshot_%'"];

/** Returns how to start a read-only transaction with a snapshot. Without GTIDs, MySQL is asked and waited for. */
export async function snapshotOpening(
  connection: Connection,
  info: ServerInfo,
  signal: AbortSignal,
): Promise<SnapshotOpening> {
  if (info.flavour === 'mariadb')
    return {
      statements: MARIADB_OPENING,
      positionOf: ([, status = []]) => {
        const place = snapshotOffset(status);
        if (place.file === '') throw new SyncError('preflight-failed', NO_LOG);
        return {low: {tag: 'file', ...place}, high: place, isExact: true};
      },
    };
  const start = `${START}, READ ONLY`;
  const logEnd = logEndStatement(info);
  if (info.hasGtids)
    return {
      // The server sets it after the engine's commit, so that a later snapshot shows the transactions that it
      // names.
      statements: ['SELECT @@GLOBAL.gtid_executed', start, logEnd],
      positionOf: ([executed = [], , end = []]) => ({
        low: {tag: 'mysql-gtid', set: canonicalSet(String(executed[0]?.[0]))},
        high: logOffset(end),
        isExact: false,
      }),
    };
  const low = await readLogEnd(connection, info);
  if (low === null) throw new SyncError('preflight-failed', NO_LOG);
  await pause(SETTLE_MS, signal);
  return {
    statements: [start, logEnd],
    positionOf: ([, end = []]) => ({low: {tag: 'file', ...low}, high: logOffset(end), isExact: false}),
  };
}

const NO_LOG = 'the source writes no binary log: set log_bin and restart it';

/**
 * Starts a read-only transaction with a snapshot and returns its position. End it with {@link endSnapshot}.
 */
export async function openSnapshot(
  connection: Connection,
  info: ServerInfo,
  signal: AbortSignal,
): Promise<SnapshotPosition> {
  const {statements, positionOf} = await snapshotOpening(connection, info, signal);
  return positionOf(await queryEach(connection, statements));
}

/** The position that MariaDB shows in a snapshot. The file is empty if the server writes no log. */
function snapshotOffset(rows: readonly unknown[][]): LogOffset {
  const status = new Map(rows.map(([name, value]) => [String(name).toLowerCase(), String(value)]));
  return {
    file: status.get('binlog_snapshot_file') ?? '',
    offset: Number(status.get('binlog_snapshot_position') ?? 0),
  };
}

/** Sends several statements in one round trip. @returns their rows; a statement without rows has an empty list */
export async function queryEach(
  connection: Connection,
  statements: readonly string[],
): Promise<unknown[][][]> {
  const answers = (await queryRows('source', connection, statements.join('; '))) as readonly unknown[];
  return answers.map(answer => (Array.isArray(answer) ? (answer as unknown[][]) : []));
}

export async function endSnapshot(connection: Connection): Promise<void> {
  await queryRows('source', connection, END_SNAPSHOT);
}

/**
 * Returns the position to stream from after a snapshot, while it is open.
 *
 * MariaDB reads its log from the file's beginning for that, up to a gigabyte: once for a new anchor, and never
 * for a batch of a reconcile.
 */
export async function anchorPosition(
  connection: Connection,
  info: ServerInfo,
  {low}: SnapshotPosition,
): Promise<Position> {
  if (info.flavour !== 'mariadb' || low.tag !== 'file') return low;
  const file = low.file.replaceAll("'", '');
  const [row] = await queryRows('source', connection, `SELECT BINLOG_GTID_POS('${file}', ${low.offset})`);
  return {tag: 'mariadb-gtid', gtids: String(row?.[0] ?? '')};
}

/** Whether a snapshot shows everything that the stream has applied. */
export function covers(
  snapshot: SnapshotPosition,
  stream: {position: Position; offset: LogOffset | null},
): boolean {
  if (snapshot.low.tag === 'mysql-gtid') {
    return stream.position.tag !== 'mysql-gtid' || setCovers(snapshot.low.set, stream.position.set);
  }
  const low = snapshot.low.tag === 'file' ? snapshot.low : snapshot.high;
  return low === null || stream.offset === null || compareOffsets(low, stream.offset) >= 0;
}

/** The position that a read of the source's current rows must cover, so as not to miss what the stream has passed. */
export interface RequiredPosition {
  readonly position: Position;
  readonly offset: LogOffset | null;
  /** A transaction that is being applied in parts: its end is not in `position` yet. */
  readonly openGtid: string | null;
}

const VISIBILITY_CHECK_MS = 2;
/** A commit that takes longer than this to reach the engine is stuck. */
const MAX_VISIBILITY_CHECKS = 5000;
/** For servers that do not report what a SELECT sees. */
const BLIND_SETTLE_MS = 100;

/**
 * Waits until a SELECT on this connection sees everything that the stream has received: the server sends the log
 * before the engine has committed, so that a row may arrive milliseconds before a SELECT finds it.
 *
 * @throws SyncError `source-unreachable` if that does not happen
 */
export async function waitUntilVisible(
  connection: Connection,
  info: ServerInfo,
  need: RequiredPosition,
  signal: AbortSignal,
): Promise<void> {
  if (!info.hasGtids) return pause(BLIND_SETTLE_MS, signal);
  for (let checks = 0; checks < MAX_VISIBILITY_CHECKS && !signal.aborted; checks++) {
    if (await isVisible(connection, info, need)) return;
    await pause(VISIBILITY_CHECK_MS, signal);
  }
  if (!signal.aborted)
    throw new SyncError('source-unreachable', 'the source does not show the rows that it has logged');
}

async function isVisible(
  connection: Connection,
  info: ServerInfo,
  {position, offset, openGtid}: RequiredPosition,
): Promise<boolean> {
  if (info.flavour === 'mysql') {
    const wanted = [position.tag === 'mysql-gtid' ? position.set : '', openGtid ?? '']
      .filter(part => part !== '')
      .join(',');
    const [row] = await queryRows('source', connection, 'SELECT GTID_SUBSET(?, @@GLOBAL.gtid_executed)', [
      wanted,
    ]);
    return Number(row?.[0]) === 1;
  }
  const [, status = []] = await queryEach(connection, [...MARIADB_OPENING, END_SNAPSHOT]);
  const seen = snapshotOffset(status);
  if (offset !== null && compareOffsets(seen, offset) < 0) return false;
  if (openGtid === null) return true;
  const [row] = await queryRows(
    'source',
    connection,
    `SELECT BINLOG_GTID_POS('${seen.file.replaceAll("'", '')}', ${seen.offset})`,
  );
  return hasReached(String(row?.[0] ?? ''), openGtid);
}

/** Whether a MariaDB position is at or past a transaction; within a domain, numbers only grow. */
function hasReached(position: string, gtid: string): boolean {
  const [domain = '', , number = '0'] = gtid.split('-');
  return position.split(',').some(part => {
    const [partDomain, , partNumber = '0'] = part.trim().split('-');
    return partDomain === domain && BigInt(partNumber) >= BigInt(number);
  });
}
