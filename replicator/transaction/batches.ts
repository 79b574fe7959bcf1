/** Takes batches from the queue and compacts them, under the plan at that position. */
import type {Plan} from '../../src/mapping/plan.ts';
import {PackedRows} from '../../src/mapping/packed.ts';
import type {TransactionQueue} from '../queue.ts';
import {compactBatch, type CompactedBatch} from './batch.ts';
import {compareOffsets, type LogOffset} from '../../src/position/position.ts';
import type {PositionTracker, SourceTransaction} from './transaction.ts';

/** The bytes of row events that one transaction writes. */
const BATCH_BYTES = 2 * 1024 * 1024;
/** The initial room for a batch's rows: most batches are small. */
const FIRST_BYTES = 16 * 1024;

/** The most room that is kept: a batch of a few huge rows leaves no more than that. */
const MAX_SPARE_BYTES = 4 * BATCH_BYTES;

/** Why a reconcile follows rows that the log does not identify. */
const UNIDENTIFIED = 'a row whose key only the server can decode';

/** Transactions of the source that are applied to the target as one. */
export interface Batch {
  readonly compacted: CompactedBatch;
  /** Why a reconcile is due after it, or null. */
  readonly reason: string | null;
}

export interface BatchesDeps {
  readonly queue: TransactionQueue;
  readonly tracker: PositionTracker;
  readonly plan: Plan;
  /** The previous process proved that every row has its parents at the position where the stream begins. */
  readonly isProven: boolean;
  /** The end of the log when the parents of all rows were checked; null if it is not known. */
  readonly provenAt: LogOffset | null;
  /**
   * Reads the schemas again, after these source tables may have been defined anew. Throws if a plan cannot be made.
   * Returns whether mapped columns changed.
   */
  readonly reloadPlan: (
    defined: ReadonlySet<string>,
  ) => Promise<Pick<BatchesDeps, 'plan' | 'provenAt'> & {changed: boolean}>;
}

export class Batches {
  readonly #deps: BatchesDeps;
  /** Buffers for the rows of future batches. */
  readonly #spare: PackedRows[] = [];
  #plan: Plan;
  /** Rows of the parts of a transaction that has not ended. */
  #partRows = 0;
  /** A part of a transaction that has not ended had rows that are left to a reconcile. */
  #sawUnidentified = false;
  #isProven: boolean;
  #provenAt: LogOffset | null;
  /** False once the stream has had a change that can leave a row without its parents. */
  #trustsChecks = true;

  constructor(deps: BatchesDeps) {
    this.#deps = deps;
    this.#plan = deps.plan;
    this.#isProven = deps.isProven;
    this.#provenAt = deps.provenAt;
  }

  get plan(): Plan {
    return this.#plan;
  }

  /** Whether {@link take} would return a full batch at once. */
  get isNextFull(): boolean {
    return this.#deps.queue.hasFullBatch(BATCH_BYTES);
  }

  /**
   * Returns the next batch; the queue must not be empty.
   *
   * @throws SyncError `event-undecodable`, and what {@link BatchesDeps.reloadPlan} throws
   */
  async take(): Promise<Batch> {
    const {queue, tracker, reloadPlan} = this.#deps;
    const transactions = queue.take(BATCH_BYTES);
    let reason = transactions.find(({unseen}) => unseen !== null)?.reason ?? null;
    const defined = new Set(transactions.flatMap(transaction => [...transaction.defined]));
    if (defined.size > 0) {
      const {plan, changed, provenAt} = await reloadPlan(defined);
      this.#plan = plan;
      this.#isProven = false;
      this.#provenAt = provenAt;
      if (changed) reason ??= 'mapped columns were changed';
    }
    if (this.#sawUnidentified) reason ??= UNIDENTIFIED;
    const compacted = await compactBatch(transactions, {
      plan: this.#plan,
      tracker,
      needsReconcile: reason !== null,
      rowsBefore: this.#partRows,
      into: this.#spare.pop() ?? new PackedRows(FIRST_BYTES),
      trustsChecks: this.#trustsChecks && this.#isPastProof(transactions.find(({rows}) => rows.length > 0)),
    });
    if (compacted.sawUnidentified) reason ??= UNIDENTIFIED;
    // A part of a transaction saves nothing: the part that ends it says that a reconcile is needed.
    this.#sawUnidentified =
      compacted.progress === null && (this.#sawUnidentified || compacted.sawUnidentified);
    if (compacted.sawUnchecked || reason !== null) this.#trustsChecks = false;
    this.#partRows = compacted.progress === null ? this.#partRows + compacted.rows : 0;
    return {compacted, reason};
  }

  /**
   * The check proves nothing about events before it: a parent inserted there may have older children, which the
   * check found with their parent. The proof of the previous process is valid for the position at which it ended.
   */
  #isPastProof(withRows: SourceTransaction | undefined): boolean {
    // A stream that begins at a set of GTIDs does not know its offset before the end of its first transaction.
    const offset = withRows?.beginsAt ?? this.#deps.tracker.offset;
    if (this.#isProven) return true;
    return this.#provenAt !== null && offset !== null && compareOffsets(offset, this.#provenAt) >= 0;
  }

  /** Called when a batch was applied and its rows are not needed any more. */
  done({compacted}: Batch): void {
    const {rowsIn} = compacted;
    if (rowsIn.bytes.length <= MAX_SPARE_BYTES) this.#spare.push(rowsIn.handOver());
  }
}
