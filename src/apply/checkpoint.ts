/**
 * The saved position: read at start, written in the transaction of the rows, and with it the fencing
 * number checked, so that a leader that was deposed meanwhile writes nothing (design.md §3.1, §3.5).
 */
import {queryRows, type Connection} from '../db/connection.ts';
import {formatPosition, parsePosition, type LogOffset, type Position} from '../position/position.ts';
import {literal} from './sql-text.ts';

/** A reconcile that is owed: `load` after a new anchor, `diff` where the log told that rows changed but not how. */
export type Owed = '' | 'load' | 'diff';

export interface Checkpoint {
  /** Null before the first load. */
  readonly position: Position | null;
  /** The same place on the server that it was read from. */
  readonly offset: LogOffset | null;
  readonly sourceIdentity: string | null;
  /** Fingerprint of the mapped source tables. */
  readonly sourceSchema: string | null;
  readonly owed: Owed;
  readonly paused: boolean;
  readonly transactionsApplied: number;
  readonly rowsApplied: number;
  /** Unix time in milliseconds. */
  readonly appliedAtMs: number | null;
}

/** A step of the stream: where it ends and what it holds. */
export interface Progress {
  readonly position: Position;
  readonly offset: LogOffset | null;
  /** When the last transaction was committed at the source. */
  readonly commitAtMs: number | null;
  readonly transactions: number;
  readonly rows: number;
  /** The log told that rows changed but not how: a reconcile is owed from here on. */
  readonly owesReconcile: boolean;
}

/** Who may write: the stream and the number that its leader was given. */
export interface Fence {
  readonly stream: string;
  readonly token: string;
}

export async function readCheckpoint(connection: Connection, stream: string): Promise<Checkpoint | null> {
  const [row] = await queryRows(
    'target',
    connection,
    `SELECT position, log_file, log_offset, source_identity, source_schema, reconcile_owed, paused,
            transactions_applied, rows_applied, UNIX_TIMESTAMP(applied_at) FROM sync_checkpoint WHERE stream = ?`,
    [stream],
  );
  if (row === undefined) return null;
  const [position, file, offset, identity, schema, owed, paused, transactions, rows, appliedAt] = row;
  return {
    position: typeof position === 'string' ? parsePosition(position) : null,
    offset: typeof file === 'string' ? {file, offset: Number(offset)} : null,
    sourceIdentity: typeof identity === 'string' ? identity : null,
    sourceSchema: typeof schema === 'string' ? schema : null,
    owed: owed === 'load' || owed === 'diff' ? owed : '',
    paused: Number(paused) === 1,
    transactionsApplied: Number(transactions),
    rowsApplied: Number(rows),
    appliedAtMs: appliedAt === null ? null : Number(appliedAt) * 1000,
  };
}

/**
 * The last statement of every writing transaction: fails with error 1048 unless `fence` still leads,
 * and saves the position where one is given.
 */
export function fenceStatement(fence: Fence, progress: Progress | null): string {
  return update(
    fence,
    progress === null
      ? []
      : [
          `position = ${literal(formatPosition(progress.position))}`,
          `log_file = ${literal(progress.offset?.file ?? null)}`,
          `log_offset = ${progress.offset?.offset ?? 'NULL'}`,
          `commit_at = ${progress.commitAtMs === null ? 'commit_at' : `FROM_UNIXTIME(${progress.commitAtMs / 1000})`}`,
          'applied_at = UTC_TIMESTAMP(3)',
          `transactions_applied = transactions_applied + ${progress.transactions}`,
          `rows_applied = rows_applied + ${progress.rows}`,
          ...(progress.owesReconcile
            ? ["reconcile_owed = IF(reconcile_owed = '', 'diff', reconcile_owed)"]
            : []),
        ],
  );
}

/** A new place to stream from, and that what came before it is still to be read. */
export function anchorStatement(
  fence: Fence,
  anchor: {position: Position; offset: LogOffset | null; sourceIdentity: string; sourceSchema: string},
): string {
  return update(fence, [
    `position = ${literal(formatPosition(anchor.position))}`,
    `log_file = ${literal(anchor.offset?.file ?? null)}`,
    `log_offset = ${anchor.offset?.offset ?? 'NULL'}`,
    `source_identity = ${literal(anchor.sourceIdentity)}`,
    `source_schema = ${literal(anchor.sourceSchema)}`,
    "reconcile_owed = 'load'",
  ]);
}

export function sourceStatement(fence: Fence, source: {identity: string; schema: string}): string {
  return update(fence, [
    `source_identity = ${literal(source.identity)}`,
    `source_schema = ${literal(source.schema)}`,
  ]);
}

export function owedStatement(fence: Fence, owed: Owed): string {
  return update(fence, [`reconcile_owed = ${literal(owed)}`]);
}

export function pausedStatement(fence: Fence, paused: boolean): string {
  return update(fence, [`paused = ${paused ? 1 : 0}`]);
}

function update({stream, token}: Fence, assignments: readonly string[]): string {
  const checked = `fencing_token = IF(fencing_token = ${token}, fencing_token, NULL)`;
  return `UPDATE sync_checkpoint SET ${[checked, ...assignments].join(', ')} WHERE stream = ${literal(stream)}`;
}
