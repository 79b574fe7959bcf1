/**
 * The saved position: read at start, and written in the transaction of the rows. The same statement checks the
 * fencing number, so that a former leader writes nothing, and the number of writes, so that nothing is written to
 * a target that was restored from a backup.
 */
import {queryRows, type Connection} from '../db/connection.ts';
import {formatPosition, parsePosition, type LogOffset, type Position} from '../position/position.ts';
import {literal} from './sql-text.ts';

/**
 * A pending reconcile: `load` after a new anchor, `diff` after changes logged without row images, and after a
 * change of the mapping.
 */
export type Pending = '' | 'load' | 'diff';

export interface Checkpoint {
  /** Null before the first load. */
  readonly position: Position | null;
  /** The same position in the log file of the server that it was read from. */
  readonly offset: LogOffset | null;
  readonly sourceIdentity: string | null;
  /** The canonical form of the mapping that the last reconcile used; null where none was saved. */
  readonly mapping: string | null;
  /** Every row had its parents at this position, and foreign keys keep it so. */
  readonly parentsProven: boolean;
  readonly pending: Pending;
  readonly paused: boolean;
  readonly transactionsApplied: number;
  readonly rowsApplied: number;
  /** Unix time in milliseconds. */
  readonly appliedAtMs: number | null;
}

/** The stream's progress: the position and what the step holds. */
export interface Progress {
  readonly position: Position;
  readonly offset: LogOffset | null;
  /** When the last transaction was committed at the source. */
  readonly commitAtMs: number | null;
  readonly transactions: number;
  readonly rows: number;
  /** Rows changed without row images: a reconcile is due from here on. */
  readonly needsReconcile: boolean;
  /** See {@link Checkpoint.parentsProven}; without it, the saved value stays. */
  readonly parentsProven?: boolean;
}

/**
 * How many writes of a stream this process knows to be committed, at least. The number in the checkpoint's row only
 * grows, whoever leads; a smaller number means that the row comes from a backup.
 */
export class KnownWrites {
  /** The number when this process began to lead, and its writes that were answered since. */
  #answered = 0;
  /** The number that was read last. It may include a write whose answer is on its way, so that nothing is added. */
  #read = 0;
  /** The owner and fencing number under which this process last held the lease. */
  lease: {readonly holder: string; readonly token: string} | null = null;

  /** At least this many writes were committed. */
  get count(): number {
    return Math.max(this.#answered, this.#read);
  }

  /** One more write was committed. */
  committed(): void {
    this.#answered++;
  }

  /** The row had this number. */
  found(count: number): void {
    this.#read = Math.max(this.#read, count);
  }

  /** This process begins to lead, with this number in the row: after a restore, the count begins there again. */
  begins(count: number): void {
    this.#answered = count;
    this.#read = count;
  }
}

/** Who may write: the stream and its leader's fencing number. */
export interface Fence {
  readonly stream: string;
  readonly token: string;
  readonly writes: KnownWrites;
}

export async function readCheckpoint(connection: Connection, stream: string): Promise<Checkpoint | null> {
  const [row] = await queryRows(
    'target',
    connection,
    `SELECT position, log_file, log_offset, source_identity, reconcile_owed, paused,
            transactions_applied, rows_applied, UNIX_TIMESTAMP(applied_at), mapping,
            parents_proven FROM sync_checkpoint WHERE stream = ?`,
    [stream],
  );
  if (row === undefined) return null;
  const [position, file, offset, identity, pending, paused, transactions, rows, ...rest] = row;
  const [appliedAt, mapping, proven] = rest;
  return {
    position: typeof position === 'string' ? parsePosition(position) : null,
    offset: typeof file === 'string' ? {file, offset: Number(offset)} : null,
    sourceIdentity: typeof identity === 'string' ? identity : null,
    mapping: typeof mapping === 'string' ? mapping : null,
    parentsProven: Number(proven) === 1,
    pending: pending === 'load' || pending === 'diff' ? pending : '',
    paused: Number(paused) === 1,
    transactionsApplied: Number(transactions),
    rowsApplied: Number(rows),
    appliedAtMs: appliedAt === null ? null : Number(appliedAt) * 1000,
  };
}

/**
 * The last statement of every writing transaction; it saves the position, if one is given. It fails with error
 * 1048 if another instance leads or the row was restored, and with 1242 if the row is missing. It always changes
 * the row, because a cluster certifies only changed rows.
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
          ...(progress.parentsProven === undefined
            ? []
            : [`parents_proven = ${progress.parentsProven ? 1 : 0}`]),
          ...(progress.needsReconcile
            ? ["reconcile_owed = IF(reconcile_owed = '', 'diff', reconcile_owed)"]
            : []),
        ],
  );
}

/** Sets a new position to stream from, with a full reconcile due. */
export function anchorStatement(
  fence: Fence,
  anchor: {position: Position; offset: LogOffset | null; sourceIdentity: string},
): string {
  return update(fence, [
    `position = ${literal(formatPosition(anchor.position))}`,
    `log_file = ${literal(anchor.offset?.file ?? null)}`,
    `log_offset = ${anchor.offset?.offset ?? 'NULL'}`,
    `source_identity = ${literal(anchor.sourceIdentity)}`,
    'parents_proven = 0',
    "reconcile_owed = 'load'",
  ]);
}

/**
 * Saves which server is read. A change of the server changes in the same statement whatever belongs to one server:
 * the next attempt, which finds the same server, takes all of it for this server's.
 *
 * @param movedTo the position on another server than before; null on the same one, and for a position that is an
 *   offset
 * @param parentsProven see {@link Checkpoint.parentsProven}: a proof that is not valid here must not be found by the
 *   next attempt
 */
export function sourceStatement(
  fence: Fence,
  {identity, movedTo, parentsProven}: {identity: string; movedTo: Position | null; parentsProven: boolean},
): string {
  return update(fence, [
    `source_identity = ${literal(identity)}`,
    `parents_proven = ${parentsProven ? 1 : 0}`,
    ...(movedTo === null
      ? []
      : [`position = ${literal(formatPosition(movedTo))}`, 'log_file = NULL', 'log_offset = NULL']),
  ]);
}

/** Records that a reconcile is due, unless a larger one already is. */
export function pendingStatement(fence: Fence): string {
  return update(fence, ["reconcile_owed = IF(reconcile_owed = '', 'diff', reconcile_owed)"]);
}

/**
 * Records that a reconcile has ended with this mapping.
 *
 * @param coversPending no other reconcile is due any more
 */
export function reconciledStatement(fence: Fence, mapping: string, coversPending: boolean): string {
  return update(fence, [`mapping = ${literal(mapping)}`, ...(coversPending ? ["reconcile_owed = ''"] : [])]);
}

export function pausedStatement(fence: Fence, paused: boolean): string {
  return update(fence, [`paused = ${paused ? 1 : 0}`]);
}

function update({stream, token, writes}: Fence, assignments: readonly string[]): string {
  const checked = `fencing_token = IF(fencing_token = ${token} AND writes >= ${writes.count}, fencing_token, NULL)`;
  return (
    `UPDATE sync_checkpoint SET ${[checked, 'writes = writes + 1', ...assignments].join(', ')} WHERE stream = ${literal(stream)};` +
    'SET @laas_sync_fenced = IF(ROW_COUNT() = 1, 1, (SELECT 1 UNION SELECT 2))'
  );
}
