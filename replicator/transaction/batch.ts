/** What several transactions of the source come to: one change set, and where the stream stands after it. */
import {setImmediate as turn} from 'node:timers/promises';
import type {ChangeSet} from '../../src/apply/change-set.ts';
import type {Progress} from '../../src/apply/checkpoint.ts';
import type {Plan} from '../../src/mapping/plan.ts';
import type {PackedRows} from '../../src/mapping/packed.ts';
import type {LogOffset, Position} from '../../src/position/position.ts';
import type {Need} from '../../src/source/watermark.ts';
import {SyncError} from '../../src/errors.ts';
import type {RowBlock, RowChange} from '../events.ts';
import {Compactor} from './compact.ts';
import type {PositionTracker, SourceTransaction} from './transaction.ts';

export interface CompactedBatch {
  readonly changes: ChangeSet;
  /** What its rows are in. */
  readonly rowsIn: PackedRows;
  /** What is saved with it; null within a transaction that goes in parts. */
  readonly progress: Progress | null;
  /** What reads of the source must see. */
  readonly need: Need;
  readonly position: Position;
  readonly offset: LogOffset | null;
  /** Transactions with rows of ours, their rows and bytes. */
  readonly transactions: number;
  readonly rows: number;
  readonly bytes: number;
  readonly oldestCommitMs: number | null;
  /** A session without foreign_key_checks wrote some of it. */
  readonly sawUnchecked: boolean;
}

/** After this long others have a turn: a flight of statements may be waiting to be sent. */
const SLICE_MS = 2;

export interface BatchContext {
  readonly plan: Plan;
  readonly tracker: PositionTracker;
  /** Saved with the position. */
  readonly owesReconcile: boolean;
  /** Rows of earlier parts of the transaction that this batch may end. */
  readonly rowsBefore: number;
  /** For the rows, which live as long as it does. */
  readonly into: PackedRows;
  /** Whether a parent that is inserted has no older children, where foreign keys say so. */
  readonly trustsChecks: boolean;
}

/**
 * Reads and folds the rows of a batch, and moves the tracker past it.
 *
 * @throws SyncError `event-undecodable`
 */
export async function compactBatch(
  batch: readonly SourceTransaction[],
  {plan, tracker, owesReconcile, rowsBefore, into, trustsChecks}: BatchContext,
): Promise<CompactedBatch> {
  const compactor = new Compactor(plan, trustsChecks);
  let rows = 0;
  let bytes = 0;
  let transactions = 0;
  let sliceEndsMs = performance.now() + SLICE_MS;
  for (const transaction of batch) {
    for (const block of transaction.rows) {
      const changes = read(block, into);
      for (const change of changes) compactor.add(transaction.doubtful ? {...change, partial: true} : change);
      rows += changes.length;
      if (performance.now() > sliceEndsMs) {
        await turn();
        sliceEndsMs = performance.now() + SLICE_MS;
      }
    }
    bytes += transaction.bytes;
    if (transaction.complete) tracker.advance(transaction);
    if (transaction.complete && transaction.rows.length > 0) transactions++;
  }
  const committed = batch.filter(({committedAtMs}) => committedAtMs !== null);
  const last = batch.at(-1);
  const {position, offset} = tracker;
  return {
    changes: compactor.changes(),
    rowsIn: into,
    progress:
      last === undefined || !last.complete
        ? null
        : {
            position,
            offset,
            commitAtMs: committed.at(-1)?.committedAtMs ?? null,
            transactions,
            rows: rowsBefore + rows,
            owesReconcile,
            parentsProven: trustsChecks && !compactor.sawUnchecked && !owesReconcile && areEnforced(plan),
          },
    need: {position, offset, openGtid: last?.complete === false ? last.gtid : null},
    position,
    offset,
    transactions,
    rows,
    bytes,
    oldestCommitMs: committed[0]?.committedAtMs ?? null,
    sawUnchecked: compactor.sawUnchecked,
  };
}

function areEnforced({entities}: Plan): boolean {
  return entities.every(({parents}) => parents.every(({isEnforced}) => isEnforced));
}

function read(block: RowBlock, into: PackedRows): readonly RowChange[] {
  try {
    return block.read(into);
  } catch (error) {
    throw new SyncError('event-undecodable', 'an event of the binlog cannot be decoded', {cause: error});
  }
}
