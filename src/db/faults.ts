/** What a driver's error is to us: by number and code, never by its text. */
import {SyncError, type ErrorCode} from '../errors.ts';

export type Side = 'source' | 'target';

/** Server errors that say that the connection, or the server, is gone; client errors are classified by code. */
const GONE_ERRNOS = new Set([
  1040, 1053, 1080, 1081, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1927, 2002, 2003, 2006, 2013, 3032, 4031,
]);
const DENIED_ERRNOS = new Set([1044, 1045, 1142, 1143, 1227, 1698, 3118, 4151]);
/** The server takes no writes: read_only and the like, a transaction that may only read. */
const READ_ONLY_ERRNOS = new Set([1290, 1792, 1836]);
/** A node of Galera or of a group that has lost the others, or whose commit they did not take. */
const CLUSTER_ERRNOS = new Set([1047, 1180, 3100, 3101]);
const FULL_ERRNOS = new Set([1021, 1114]);
const GONE_CODES = new Set([
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

/** A server without TLS answers mysql2's TLS request with this. */
export function refusesTls(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'HANDSHAKE_NO_SSL_SUPPORT';
}

/** The other side answered a connection by refusing or resetting it, so that nobody had to wait for a time-out. */
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
  const where = side === 'source' ? 'the source' : 'the target';
  if (errno !== undefined && DENIED_ERRNOS.has(errno)) {
    const message = `${where} refused the account or a privilege (error ${errno}): laas-sync doctor prints the grants that it needs`;
    return new SyncError('access-denied', message, {cause: error, errno});
  }
  const known = errno === undefined ? undefined : inPlainWords(side, where, errno);
  if (known !== undefined) return new SyncError(known.code, known.message, {cause: error, errno});
  if (code === 'HANDSHAKE_SSL_ERROR') {
    const message = `${where} does not prove by TLS that it is the server: laas-sync doctor says what is wrong with its certificate`;
    return new SyncError(`${side}-unreachable`, message, {cause: error, errno});
  }
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT') {
    return new SyncError(`${side}-unreachable`, `${where} does not speak TLS, which its SSL setting wants`, {
      cause: error,
      errno,
    });
  }
  const gone = GONE_CODES.has(code) || (errno !== undefined && GONE_ERRNOS.has(errno));
  if (gone || side === 'source' || isFatal(error)) {
    return new SyncError(`${side}-unreachable`, `${where} cannot be used (${code || 'no code'})`, {
      cause: error,
      errno,
    });
  }
  return new SyncError('target-rejected-batch', `${where} refused a statement (${code || 'no code'})`, {
    cause: error,
    errno,
  });
}

/** What an operator should read where the server's name for its error says nothing to people. */
function inPlainWords(
  side: Side,
  where: string,
  errno: number,
): {code: ErrorCode; message: string} | undefined {
  if (CLUSTER_ERRNOS.has(errno)) {
    const message = `${where} is a node that does not take part in its cluster now, or could not commit there (error ${errno}): see to the cluster, or connect to a node that works`;
    return {code: `${side}-unreachable`, message};
  }
  if (side === 'source') return undefined;
  if (READ_ONLY_ERRNOS.has(errno)) {
    const message = `${where} is read-only (error ${errno}): connect to the server that takes writes, or switch read_only and super_read_only off`;
    return {code: 'target-unreachable', message};
  }
  if (FULL_ERRNOS.has(errno)) {
    const message = `the disk of ${where} is full, or one of its tables (error ${errno}): make room there`;
    return {code: 'target-rejected-batch', message};
  }
  return undefined;
}

function isFatal(error: unknown): boolean {
  return error instanceof Error && 'fatal' in error && error.fatal === true;
}

/** The SQLSTATE of an error that the server sent; empty for the driver's own, and for what is no error. */
export function stateOf(error: unknown): string {
  return error instanceof Error && 'sqlState' in error && typeof error.sqlState === 'string'
    ? error.sqlState
    : '';
}

/** A server's own error number; client-side faults have none, or a negative one. */
export function errnoOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return undefined;
  return error.errno > 0 ? error.errno : undefined;
}
