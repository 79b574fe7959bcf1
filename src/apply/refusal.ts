/** Classifies the server's refusal of a statement, by error number, SQLSTATE and code, never by text. */
import type {TablePlan} from '../mapping/columns.ts';
import {errnoOf, stateOf} from '../db/faults.ts';
import {SyncError, type DeadLetterCode} from '../errors.ts';

/** ER_NET_PACKET_TOO_LARGE: also raised here before a statement that the server would not accept is sent. */
const PACKET_TOO_LARGE = 1153;
export const LOCK_WAIT_TIMEOUT = 1205;
/** A column that is not mapped has no default. */
export const NO_DEFAULT = 1364;
/** The transaction is larger than group_replication_transaction_size_limit. */
export const WRITE_SET_TOO_LARGE = 3231;
const DEADLOCK_ERRNOS = new Set([LOCK_WAIT_TIMEOUT, 1213, 1020]);
/** A member of a group refuses the table: it has no primary key, or another engine than InnoDB. */
const REFUSED_BY_GROUP = 3098;
const INCOMPATIBLE_ERRNOS = new Set([1054, 1136, 1146, NO_DEFAULT, REFUSED_BY_GROUP]);
const UNIQUE_CONFLICT_ERRNOS = new Set([1062, 1242, 1586]);
const REFERRED_ERRNOS = new Set([1451, 1217]);
/** A file, a table or the memory is full. Numbers below 1000 come from the server's file functions. */
const FULL_ERRNOS = new Set([3, 20, 28, 1004, 1021, 1026, 1114, 1878]);
/** Any failure of the storage engine, a full disk among them. */
const ENGINE_FAILED = 1030;
/** The statement was interrupted, or the server lacked memory for a moment: a retry may succeed. */
const PASSING_ERRNOS = new Set([1037, 1038, 1041, 1135, 1317, 1969, 3024]);

/** Whether the same transaction may succeed if it is retried at once. */
export function isDeadlock(error: unknown): boolean {
  return hasErrno(error, DEADLOCK_ERRNOS);
}

/** A row that is longer than the server's largest packet. */
export function tooLarge(bytes: number, maxBytes: number): SyncError {
  return new SyncError(
    'target-rejected-batch',
    `a statement of ${bytes} bytes is longer than the target's max_allowed_packet of ${maxBytes}`,
    {errno: PACKET_TOO_LARGE},
  );
}

/**
 * Whether the server answered a statement with an error, so that the connection may still be good. Errors of the
 * connection itself come from the driver, which gives them no SQLSTATE. A trigger can signal any number, also
 * those of lost connections.
 */
export function isRefusal(error: unknown): error is SyncError {
  if (!(error instanceof SyncError) || error.errno === undefined || error.code === 'lease-lost') return false;
  return error.errno === PACKET_TOO_LARGE || stateOf(error.cause) !== '';
}

/**
 * Whether a refusal is certainly about a row: by SQLSTATE class (22 data, 23 integrity, 45 signalled by a
 * trigger) and the few numbers that MySQL assigns to other classes. 1242 comes from the assertions of a batch:
 * that of the upsert, and assertUnreferred. For any other refusal, `Trial` finds the cause.
 */
export function isAboutRow(error: unknown): boolean {
  if (!isRefusal(error) || error.errno === undefined) return false;
  return (
    /^(22|23|45)/.test(stateOf(error.cause)) ||
    [PACKET_TOO_LARGE, 1242, 1265, 1366, 1525, 1643, 1644, 3819, 4025].includes(error.errno)
  );
}

export function isReferred(error: unknown): boolean {
  return hasErrno(error, REFERRED_ERRNOS);
}

/** A unique conflict: reported as one, or as 1242 by the assertion of the upsert. */
export function isUniqueConflict(error: unknown): boolean {
  return hasErrno(error, UNIQUE_CONFLICT_ERRNOS);
}

/** A refusal that a full disk, table or memory can cause. */
export function mayLackRoom(error: SyncError): boolean {
  return isFull(error) || error.errno === ENGINE_FAILED;
}

/** A refusal that says that a disk, a table or the memory is full. */
export function isFull(error: SyncError): boolean {
  return hasErrno(error, FULL_ERRNOS);
}

/** A refusal that a second try shows to have been temporary. */
export function mayPass(error: SyncError): boolean {
  return hasErrno(error, PASSING_ERRNOS);
}

/** Faults that no retry fixes until somebody changes the target's tables. */
export function asIncompatible(error: unknown): unknown {
  const errno = errnoOf(error instanceof SyncError ? error.cause : error);
  if (errno === undefined || !INCOMPATIBLE_ERRNOS.has(errno)) return error;
  const what =
    errno === REFUSED_BY_GROUP
      ? 'has no primary key or is not InnoDB, which its group requires'
      : 'does not fit the mapping';
  return new SyncError(
    'target-incompatible',
    `a table of the target ${what} (error ${errno}): run laas-sync doctor`,
    {cause: error, errno},
  );
}

/** A value has a character that the column's character set does not have. Some triggers cause it, too. */
const WRONG_STRING = 1366;
const WHOLE_CHARSETS: ReadonlySet<string> = new Set(['utf8mb4', 'utf16', 'utf16le', 'utf32', 'gb18030']);

function isNarrow(charset: string | null | undefined): boolean {
  return charset != null && !WHOLE_CHARSETS.has(charset);
}

/** Returns the code under which a refused row waits. */
export function refusalCode(
  error: unknown,
  {columns}: Pick<TablePlan, 'columns'>,
): {code: DeadLetterCode; detail: string | null} {
  const errno = error instanceof SyncError ? error.errno : undefined;
  if (errno === 1406) return {code: 'value-too-long', detail: null};
  if (errno === PACKET_TOO_LARGE) return {code: 'value-too-long', detail: `error ${errno}`};
  if (errno === 1264 || errno === 1292) return {code: 'out-of-range', detail: `error ${errno}`};
  if (errno === WRONG_STRING && columns.some(({schema}) => isNarrow(schema.charset)))
    return {code: 'invalid-encoding', detail: `error ${errno}`};
  return {code: 'rejected', detail: errno === undefined ? null : `error ${errno}`};
}

function hasErrno(error: unknown, errnos: ReadonlySet<number>): boolean {
  return error instanceof SyncError && error.errno !== undefined && errnos.has(error.errno);
}
