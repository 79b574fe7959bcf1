/**
 * The saved position: read at start, and written in the transaction of the rows. The same statement checks
 * the fencing number, so that a leader that was deposed meanwhile writes nothing, and the number of writes,
 * so that nothing is written over a target that was restored from a backup.
 */
import {queryRows, type Connection} from '../db/connection.ts';
import {formatPosition, parsePosition, type LogOffset, type Position} from '../position/position.ts';
import {literal} from './sql-text.ts';

/**
 * A reconcile that is due: `load` after a new anchor, `diff` where the log does not show what changed and after
 * the mapping has changed.
 */
export type Owed = '' | 'load' | 'diff';

export interface Checkpoint {
  /** Null before the first load. */
  readonly position: Position | null;
  /** The same place on the server that it was read from. */
  readonly offset: LogOffset | null;
  readonly sourceIdentity: string | null;
  /** Fingerprint of the mapped source tables. */
  readonly sourceSchema: string | null;
  /** The canonical form of the mapping that the last reconcile used; null where none was saved. */
  readonly mapping: string | null;
  /** At the position every row had its parents, and foreign keys keep it so. */
  readonly parentsProven: boolean;
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
  /** See {@link Checkpoint.parentsProven}; left out, what is saved stays. */
  readonly parentsProven?: boolean;
}

/**
 * How many writes of a stream this process knows to be committed. The number in the checkpoint's row only
 * grows, whoever leads, so that a smaller one there means that the row is of a backup.
 */
export class KnownWrites {
  #count = 0;
  /** Under which name and number this process held the lease last. */
  lease: {readonly holder: string; readonly token: string} | null = null;

  /** At least so many were committed. */
  get count(): number {
    return this.#count;
  }

  /** One more was committed. */
  committed(): void {
    this.#count++;
  }

  /** So many were found in the row. */
  found(count: number): void {
    this.#count = Math.max(this.#count, count);
  }

  /** The row was restored: the count begins there again. */
  restored(count: number): void {
    this.#count = count;
  }
}

/** Who may write: the stream and the number that its leader was given. */
export interface Fence {
  readonly stream: string;
  readonly token: string;
  readonly writes: KnownWrites;
}

export async function readCheckpoint(connection: Connection, stream: string): Promise<Checkpoint | null> {
  const [row] = await queryRows(
    'target',
    connection,
    `SELECT position, log_file, log_offset, source_identity, source_schema, reconcile_owed, paused,
            transactions_applied, rows_applied, UNIX_TIMESTAMP(applied_at), mapping,
            parents_proven FROM sync_checkpoint WHERE stream = ?`,
    [stream],
  );
  if (row === undefined) return null;
  const [position, file, offset, identity, schema, owed, paused, transactions, rows, ...rest] = row;
  const [appliedAt, mapping, proven] = rest;
  return {
    position: typeof position === 'string' ? parsePosition(position) : null,
    offset: typeof file === 'string' ? {file, offset: Number(offset)} : null,
    sourceIdentity: typeof identity === 'string' ? identity : null,
    sourceSchema: typeof schema === 'string' ? schema : null,
    mapping: typeof mapping === 'string' ? mapping : null,
    parentsProven: Number(proven) === 1,
    owed: owed === 'load' || owed === 'diff' ? owed : '',
    paused: Number(paused) === 1,
    transactionsApplied: Number(transactions),
    rowsApplied: Number(rows),
    appliedAtMs: appliedAt === null ? null : Number(appliedAt) * 1000,
  };
}

/**
 * The last statement of every writing transaction: it saves the position where one is given. It fails with
 * error 1048 where another leads or where the row was restored, with 1242 where the row is gone. It always
 * changes the row, since a cluster certifies only what was changed.
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
    'parents_proven = 0',
    "reconcile_owed = 'load'",
  ]);
}

export function sourceStatement(fence: Fence, source: {identity: string; schema: string}): string {
  return update(fence, [
    `source_identity = ${literal(source.identity)}`,
    `source_schema = ${literal(source.schema)}`,
  ]);
}

/** A reconcile is due, unless a larger one already is. */
export function owedStatement(fence: Fence): string {
  return update(fence, ["reconcile_owed = IF(reconcile_owed = '', 'diff', reconcile_owed)"]);
}

/**
 * A reconcile has ended with this mapping.
 *
 * @param coversOwed no other is due any more
 */
export function reconciledStatement(fence: Fence, mapping: string, coversOwed: boolean): string {
  return update(fence, [`mapping = ${literal(mapping)}`, ...(coversOwed ? ["reconcile_owed = ''"] : [])]);
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
