/**
 * Checks before each dump whether the source can resume at a saved position: a server streams without an error
 * from an offset of another server, or from a log that was reset (docs/invariants.md, 7).
 */
import {queryRows, type Connection} from '../db/connection.ts';
import {SyncError} from '../errors.ts';
import {readLogFiles, readVariables, type ServerInfo} from '../db/server.ts';
import {fileNumber, holdsGtid, type LogOffset, type Position} from '../position/position.ts';
import {onThisNode, readGaleraGtids, sharedGtids} from './galera.ts';

/** @returns why the position cannot be resumed, or null if it can */
export async function whyPositionIsLost(
  connection: Connection,
  info: ServerInfo,
  saved: {position: Position; offset: LogOffset | null; identity: string | null},
): Promise<string | null> {
  const {position} = saved;
  const sameServer = saved.identity === info.identity;
  const kind = info.flavour === 'mariadb' ? 'mariadb-gtid' : info.hasGtids ? 'mysql-gtid' : 'file';
  if (position.tag !== kind)
    return `the saved position is of the kind ${position.tag}, and the source has ${kind}`;
  if (position.tag === 'file' && !sameServer)
    return 'the source is another server than the one that the position was read from';
  if (position.tag === 'mysql-gtid' && (await isPurged(connection, position.set)))
    return 'the source has purged transactions that were not applied yet';
  const missing = await whyTransactionsAreMissing(connection, info, saved);
  if (missing !== null) return missing;
  // On the server from which it was read, the offset shows whether the log was reset or truncated.
  const offset = position.tag === 'file' ? position : sameServer ? saved.offset : null;
  if (offset === null) return null;
  const files = await readLogFiles(connection);
  const file = files.find(candidate => candidate.file === offset.file);
  if (file !== undefined) {
    if (file.offset < offset.offset) return 'the log of the source is shorter than the saved position';
    return (await isAnotherLog(connection, offset, position))
      ? 'the log of the source was reset, and has grown past the saved position since'
      : null;
  }
  const last = files.at(-1);
  if (last === undefined || fileNumber(last.file) < fileNumber(offset.file))
    return 'the log of the source was reset';
  // The file is purged: fatal for an offset. With GTIDs, this check or the dump compares the transactions.
  return position.tag === 'file' ? 'the source has purged the log file of the saved position' : null;
}

/** Whether transactions that a MySQL GTID set does not contain are no longer in the log. */
async function isPurged(connection: Connection, set: string): Promise<boolean> {
  const [row] = await queryRows('source', connection, 'SELECT GTID_SUBSET(@@GLOBAL.gtid_purged, ?)', [set]);
  return Number(row?.[0]) !== 1;
}

/**
 * Compares the GTIDs of a saved position with those of a server; an offset says nothing here.
 *
 * @returns why the server lacks transactions of the position, or null if it has them all
 */
export async function whyTransactionsAreMissing(
  connection: Connection,
  info: ServerInfo,
  {position, identity}: {readonly position: Position; readonly identity: string | null},
): Promise<string | null> {
  if (position.tag === 'mysql-gtid') {
    const [row] = await queryRows('source', connection, 'SELECT GTID_SUBSET(?, @@GLOBAL.gtid_executed)', [
      position.set,
    ]);
    return Number(row?.[0]) === 1
      ? null
      : 'the source lacks transactions that were applied: it was reset, or is behind';
  }
  if (position.tag !== 'mariadb-gtid') return null;
  const galera = identity === info.identity ? null : await readGaleraGtids(connection);
  if (galera?.areShared === false)
    return 'the source is another node of its cluster than the one that the position was read from, and their GTIDs differ (see wsrep_gtid_mode, log_slave_updates and gtid_domain_id in laas-sync doctor)';
  const found = await readVariables('source', connection, ['gtid_binlog_state', 'gtid_slave_pos']);
  const gtids =
    galera === null
      ? position.gtids
      : sharedGtids(position.gtids, galera, found.get('gtid_binlog_state') ?? '');
  if (gtids === '' && position.gtids !== '')
    return 'the log of the source knows no domain of the saved position that the nodes of its cluster share';
  const unknown = unknownGtids(gtids, {
    state: found.get('gtid_binlog_state') ?? '',
    followed: found.get('gtid_slave_pos') ?? '',
  });
  return unknown.length === 0
    ? null
    : `the source lacks transactions that were applied (${unknown.join(',')}): it was reset, is behind, or has another history`;
}

/**
 * Returns the saved position for this source: on another node of Galera than the one from which it was read, it
 * leaves out transactions of one node alone.
 */
export async function positionHere(
  connection: Connection,
  info: ServerInfo,
  saved: {position: Position; identity: string | null},
): Promise<Position> {
  const {position, identity} = saved;
  if (position.tag !== 'mariadb-gtid' || identity === info.identity) return position;
  const galera = await readGaleraGtids(connection);
  if (galera === null) return position;
  const found = await readVariables('source', connection, ['gtid_binlog_state', 'gtid_binlog_pos']);
  const here = {state: found.get('gtid_binlog_state') ?? '', end: found.get('gtid_binlog_pos') ?? ''};
  return {tag: 'mariadb-gtid', gtids: onThisNode(position.gtids, galera, here)};
}

/**
 * Returns the GTIDs of a saved position that a MariaDB server has never had. The server would not report them
 * itself: for a domain without transactions in its log it starts to stream, and reports the error only at the
 * first event, so that a server loaded from a dump looks idle. Pure.
 *
 * @param log.state the last GTID of each domain and server in its log, `gtid_binlog_state`
 * @param log.followed its position as a replica, `gtid_slave_pos`
 */
export function unknownGtids(position: string, log: {state: string; followed: string}): string[] {
  const list = (text: string) => text.split(',').map(gtid => gtid.trim());
  const logged = new Map(
    list(log.state).map(gtid => {
      const [domain, server, sequence = '0'] = gtid.split('-');
      return [`${domain}-${server}`, BigInt(sequence)];
    }),
  );
  const followed = new Set(list(log.followed));
  return list(position).filter(gtid => {
    const [domain, server, sequence] = gtid.split('-');
    if (sequence === undefined || followed.has(gtid)) return false;
    return (logged.get(`${domain}-${server}`) ?? -1n) < BigInt(sequence);
  });
}

/** The number of events after a file's header among which its first transaction is. */
const EVENTS_TO_LOOK_AT = 6;
/** The server's error for an offset at which no event begins. */
const ERROR_WHEN_EXECUTING_COMMAND = 1220;

/**
 * Whether the log at the saved offset is not the one that was read: no event begins there, or an event that was
 * already applied. GTIDs alone do not show it: after a reset they are used again.
 */
async function isAnotherLog(
  connection: Connection,
  {file, offset}: LogOffset,
  position: Position,
): Promise<boolean> {
  const sql = `SHOW BINLOG EVENTS IN '${file.replaceAll("'", '')}' FROM ${Math.max(4, offset)} LIMIT ${EVENTS_TO_LOOK_AT}`;
  try {
    for (const [, , type, , , info] of await queryRows('source', connection, sql)) {
      if (!/^gtid/i.test(String(type))) continue;
      const gtid = /(?:GTID_NEXT= '|GTID )([^' ]+)/.exec(String(info))?.[1];
      return gtid !== undefined && holdsGtid(position, gtid);
    }
    return false;
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    if (error.errno === ERROR_WHEN_EXECUTING_COMMAND) return true;
    // The account may read the log but not inspect it, so that nothing is known.
    if (error.code === 'access-denied') return false;
    throw error;
  }
}
