/** Classifies a driver's error by number and code, never by its text. */
import {SyncError, type ErrorCode} from '../errors.ts';

export type Side = 'source' | 'target';

/** Server errors that report a lost connection or server; client errors are classified by code. */
const LOST_ERRNOS = new Set([
  1040, 1053, 1080, 1081, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1927, 2002, 2003, 2006, 2013, 3032, 4031,
]);
const DENIED_ERRNOS = new Set([1044, 1045, 1142, 1143, 1227, 1698, 3118, 4151]);
/** The server accepts no writes: read_only and the like, a read-only transaction, engine or schema. */
const READ_ONLY_ERRNOS = new Set([1290, 1792, 1836, 1874, 3989]);
/**
 * A node of Galera or of a group that has lost the others, or whose commit they rejected; a member of a group that
 * leaves it, or that does not answer as group_replication_consistency requires.
 */
const CLUSTER_ERRNOS = new Set([1047, 1180, 3100, 3101, 3781, 3782, 3783, 3796, 3797, 3798, 3799]);
const FULL_ERRNOS = new Set([1021, 1114]);
const NO_TABLE_ERRNOS = new Set([1146, 1932]);
const LOST_CODES = new Set([
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_STREAM_WRITE_AFTER_END',
  'ERR_STREAM_DESTROYED',
  'ENOENT',
]);

const OFFLINE_MODE = 3032;

/** Whether a server that answers with this error is outside of its cluster, or was taken offline. */
export function isOutsideCluster(errno: number): boolean {
  return CLUSTER_ERRNOS.has(errno) || errno === OFFLINE_MODE;
}

/** mysql2 raises this error if a server without TLS gets its TLS request. */
export function refusesTls(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'HANDSHAKE_NO_SSL_SUPPORT';
}

/** The other side refused or reset the connection at once, without a time-out. */
export function isRefusedOrReset(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'PROTOCOL_CONNECTION_LOST'].includes(String(error.code))
  );
}

export function classify(side: Side, error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  const errno = errnoOf(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const name = faultName(error) ?? 'no code';
  const where = side === 'source' ? 'the source' : 'the target';
  if (errno !== undefined && DENIED_ERRNOS.has(errno)) {
    const message = `${where} refused the account or a privilege (error ${errno}): laas-sync doctor prints the grants that it needs`;
    return new SyncError('access-denied', message, {cause: error, errno});
  }
  const known = errno === undefined ? undefined : inPlainWords(side, where, errno);
  if (known !== undefined) return new SyncError(known.code, known.message, {cause: error, errno});
  if (code === 'HANDSHAKE_SSL_ERROR') {
    const message = `${where} did not prove its identity by TLS: laas-sync doctor says what is wrong with its certificate`;
    return new SyncError(`${side}-unreachable`, message, {cause: error, errno});
  }
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT') {
    return new SyncError(
      `${side}-unreachable`,
      `${where} does not support TLS, which its SSL setting requires`,
      {
        cause: error,
        errno,
      },
    );
  }
  const isLost = LOST_CODES.has(code) || (errno !== undefined && LOST_ERRNOS.has(errno)) || isFatal(error);
  // A fault of the source without a number is one of the driver, so the server has not answered.
  if (isLost || (side === 'source' && errno === undefined))
    return new SyncError(`${side}-unreachable`, `${where} cannot be used (${name})`, {cause: error, errno});
  return new SyncError(
    side === 'source' ? 'source-rejected-read' : 'target-rejected-batch',
    `${where} refused a statement (${name})`,
    {cause: error, errno},
  );
}

/** Returns a text for errors whose name on the server does not help an operator. */
function inPlainWords(
  side: Side,
  where: string,
  errno: number,
): {code: ErrorCode; message: string} | undefined {
  if (CLUSTER_ERRNOS.has(errno)) {
    const message = `${where} is a node that is not part of its cluster now, or could not commit there (error ${errno}): repair the cluster, or connect to a node that works; if the cluster works, laas-sync doctor says whether its limit for transactions is small`;
    return {code: `${side}-unreachable`, message};
  }
  if (errno === OFFLINE_MODE) {
    const message = `${where} is in offline mode (error ${errno}): switch offline_mode off there, or connect to another server`;
    return {code: `${side}-unreachable`, message};
  }
  if (side === 'source') return undefined;
  if (READ_ONLY_ERRNOS.has(errno)) {
    const message = `${where} is read-only (error ${errno}): connect to the server that accepts writes, or switch read_only and super_read_only off`;
    return {code: 'target-unreachable', message};
  }
  if (FULL_ERRNOS.has(errno)) {
    const message = `the disk of ${where}, or one of its tables, is full (error ${errno}): free some space there`;
    return {code: 'target-rejected-batch', message};
  }
  if (NO_TABLE_ERRNOS.has(errno)) {
    const message = `a table that laas-sync needs is missing on the target (error ${errno}): run laas-sync migrate, and laas-sync doctor if that does not help`;
    return {code: 'target-incompatible', message};
  }
  return undefined;
}

function isFatal(error: unknown): boolean {
  return error instanceof Error && 'fatal' in error && error.fatal === true;
}

/** Returns the SQLSTATE of a server's error; empty for the driver's own errors, and for other values. */
export function stateOf(error: unknown): string {
  return error instanceof Error && 'sqlState' in error && typeof error.sqlState === 'string'
    ? error.sqlState
    : '';
}

/** Returns a server's error number; client-side faults have none, or a negative one. */
export function errnoOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return undefined;
  return error.errno > 0 ? error.errno : undefined;
}

/**
 * Returns what a log or a message may call a fault of a server or a library: `error 1062` or `ECONNRESET`;
 * undefined if it has neither number nor code.
 *
 * The driver names every server's error by the list of MySQL, in which a number of MariaDB has another name or
 * none. So a server's error is called by its number, which is in the manual of either server.
 */
export function faultName(error: unknown): string | undefined {
  const errno = errnoOf(error);
  if (errno !== undefined) return `error ${errno}`;
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
