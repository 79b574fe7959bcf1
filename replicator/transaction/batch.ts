/** Several transactions of the source as one: a single change set, and the position after it. */
import {setImmediate as yieldToEventLoop} from 'node:timers/promises';
import type {ChangeSet} from '../../src/apply/change-set.ts';
import type {Progress} from '../../src/apply/checkpoint.ts';
import type {Plan} from '../../src/mapping/plan.ts';
import type {PackedRows} from '../../src/mapping/packed.ts';
import type {LogOffset, Position} from '../../src/position/position.ts';
import type {RequiredPosition} from '../../src/source/watermark.ts';
import {SyncError} from '../../src/errors.ts';
import type {RowBlock, RowChange} from '../events.ts';
import {Compactor} from './compact.ts';
import type {PositionTracker, SourceTransaction} from './transaction.ts';

export interface CompactedBatch {
  readonly changes: ChangeSet;
  /** The buffer that holds its rows. */
  readonly rowsIn: PackedRows;
  /** The progress to save with it; null within a transaction that is applied in parts. */
  readonly progress: Progress | null;
  /** The position that reads of the source must cover. */
  readonly need: RequiredPosition;
  readonly position: Position;
  readonly offset: LogOffset | null;
  /** The number of transactions with mapped rows, and their rows and bytes. */
  readonly transactions: number;
  readonly rows: number;
  readonly bytes: number;
  readonly oldestCommitMs: number | null;
  /** A session without foreign_key_checks wrote some of it. */
  readonly sawUnchecked: boolean;
  /** Some of its rows have keys that only the server can decode; they are left to a reconcile. */
  readonly sawUnidentified: boolean;
}

/** The time after which the loop yields: statements may be waiting to be sent. */
const SLICE_MS = 2;

export interface BatchContext {
  readonly plan: Plan;
  readonly tracker: PositionTracker;
  /** Saved with the position. */
  readonly needsReconcile: boolean;
  /** Rows of earlier parts of the transaction that this batch may end. */
  readonly rowsBefore: number;
  /** Holds the rows, which live as long as the batch. */
  readonly into: PackedRows;
  /** Whether a newly inserted parent cannot have older children, because foreign keys guarantee it. */
  readonly trustsChecks: boolean;
}

/**
 * Decodes and compacts the rows of a batch, and moves the position tracker past it.
 *
 * @throws SyncError `event-undecodable`
 */
export async function compactBatch(
  batch: readonly SourceTransaction[],
  {plan, tracker, needsReconcile, rowsBefore, into, trustsChecks}: BatchContext,
): Promise<CompactedBatch> {
  const compactor = new Compactor(plan, trustsChecks);
  let rows = 0;
  let bytes = 0;
  let transactions = 0;
  let sawUnidentified = false;
  let sliceEndsMs = performance.now() + SLICE_MS;
  for (const transaction of batch) {
    for (const block of transaction.rows) {
      const changes = read(block, into);
      for (const change of changes) {
        if (change.unidentified === true) sawUnidentified = true;
        else compactor.add(transaction.doubtful ? {...change, partial: true} : change);
      }
      rows += changes.length;
      if (performance.now() > sliceEndsMs) {
        await yieldToEventLoop();
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
  const isReconcileNeeded = needsReconcile || sawUnidentified;
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
            needsReconcile: isReconcileNeeded,
            parentsProven: trustsChecks && !compactor.sawUnchecked && !isReconcileNeeded && areEnforced(plan),
          },
    need: {position, offset, openGtid: last?.complete === false ? last.gtid : null},
    position,
    offset,
    transactions,
    rows,
    bytes,
    oldestCommitMs: committed[0]?.committedAtMs ?? null,
    sawUnchecked: compactor.sawUnchecked,
    sawUnidentified,
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
