/** Takes batches off the queue and folds them, under the plan of their time. */
import type {Plan} from '../../src/mapping/plan.ts';
import {PackedRows} from '../../src/mapping/packed.ts';
import type {TransactionQueue} from '../queue.ts';
import {compactBatch, type CompactedBatch} from './batch.ts';
import {compareOffsets, type LogOffset} from '../../src/position/position.ts';
import type {PositionTracker} from './transaction.ts';

/** Bytes of row events written in one transaction. */
const BATCH_BYTES = 2 * 1024 * 1024;
/** Of a batch's rows: few come at a time, as a rule. */
const FIRST_BYTES = 16 * 1024;

/** A batch of a few huge rows leaves no more room behind than others take. */
const MAX_SPARE_BYTES = 4 * BATCH_BYTES;

/** Transactions of the source on their way to the target, as one. */
export interface Batch {
  readonly compacted: CompactedBatch;
  /** Why a reconcile is owed after it, where one is. */
  readonly reason: string | null;
}

export interface BatchesDeps {
  readonly queue: TransactionQueue;
  readonly tracker: PositionTracker;
  readonly plan: Plan;
  /** Where the stream begins every row has its parents, as the process before this one found. */
  readonly isProven: boolean;
  /** The end of the log when it was looked whether every row has its parents; null where it is not known. */
  readonly provenAt: LogOffset | null;
  /** Looks at the schemas again; a plan that cannot be made is thrown. Tells whether mapped columns changed. */
  readonly reloadPlan: () => Promise<Pick<BatchesDeps, 'plan' | 'provenAt'> & {changed: boolean}>;
}

export class Batches {
  readonly #deps: BatchesDeps;
  /** Room for rows of batches to come. */
  readonly #spare: PackedRows[] = [];
  #plan: Plan;
  /** Rows of parts whose transaction has not ended. */
  #partRows = 0;
  #isProven: boolean;
  #provenAt: LogOffset | null;
  /** False once the stream brought what may leave a row without its parents. */
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

  /** Whether {@link take} would give a full one at once. */
  get isNextFull(): boolean {
    return this.#deps.queue.hasFullBatch(BATCH_BYTES);
  }

  /**
   * The next one; the queue must hold something.
   *
   * @throws SyncError `event-undecodable`, and what {@link BatchesDeps.reloadPlan} throws
   */
  async take(): Promise<Batch> {
    const {queue, tracker, reloadPlan} = this.#deps;
    const transactions = queue.take(BATCH_BYTES);
    let reason = transactions.find(({unseen}) => unseen !== null)?.reason ?? null;
    if (transactions.some(({schemaChanged}) => schemaChanged)) {
      const {plan, changed, provenAt} = await reloadPlan();
      this.#plan = plan;
      this.#isProven = false;
      this.#provenAt = provenAt;
      if (changed) reason ??= 'mapped columns were changed';
    }
    const compacted = await compactBatch(transactions, {
      plan: this.#plan,
      tracker,
      owesReconcile: reason !== null,
      rowsBefore: this.#partRows,
      into: this.#spare.pop() ?? new PackedRows(FIRST_BYTES),
      trustsChecks: this.#trustsChecks && this.#isPastProof(),
    });
    if (compacted.sawUnchecked || reason !== null) this.#trustsChecks = false;
    this.#partRows = compacted.progress === null ? this.#partRows + compacted.rows : 0;
    return {compacted, reason};
  }

  /**
   * The look proves nothing for what was logged before it: a parent that comes now may have had children all along,
   * which the look found with their parent. What the process before this one proved holds where it ended.
   */
  #isPastProof(): boolean {
    const {offset} = this.#deps.tracker;
    if (this.#isProven) return true;
    return this.#provenAt !== null && offset !== null && compareOffsets(offset, this.#provenAt) >= 0;
  }

  /** One was applied, and its rows are not looked at any more. */
  done({compacted}: Batch): void {
    const {rowsIn} = compacted;
    if (rowsIn.bytes.length <= MAX_SPARE_BYTES) this.#spare.push(rowsIn.handOver());
  }
}
