/** Takes batches off the queue and folds them, under the plan of their time. */
import type {Plan} from '../../src/mapping/plan.ts';
import {PackedRows} from '../../src/mapping/packed.ts';
import type {TransactionQueue} from '../queue.ts';
import {compactBatch, type CompactedBatch} from './batch.ts';
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
  /** Looks at the schemas again; a plan that cannot be made is thrown. Tells whether mapped columns changed. */
  readonly reloadPlan: () => Promise<{plan: Plan; changed: boolean}>;
}

export class Batches {
  readonly #deps: BatchesDeps;
  /** Room for rows of batches to come. */
  readonly #spare: PackedRows[] = [];
  #plan: Plan;
  /** Rows of parts whose transaction has not ended. */
  #partRows = 0;
  /** The plan was made after a look at whether every row has its parents; what came since may undo what that showed. */
  #trustsChecks = true;

  constructor(deps: BatchesDeps) {
    this.#deps = deps;
    this.#plan = deps.plan;
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
      const {plan, changed} = await reloadPlan();
      this.#plan = plan;
      if (changed) reason ??= 'mapped columns were changed';
    }
    const compacted = await compactBatch(transactions, {
      plan: this.#plan,
      tracker,
      owesReconcile: reason !== null,
      rowsBefore: this.#partRows,
      into: this.#spare.pop() ?? new PackedRows(FIRST_BYTES),
      trustsChecks: this.#trustsChecks,
    });
    this.#trustsChecks = compacted.trustsChecks && reason === null;
    this.#partRows = compacted.progress === null ? this.#partRows + compacted.rows : 0;
    return {compacted, reason};
  }

  /** One was applied, and its rows are not looked at any more. */
  done({compacted}: Batch): void {
    const {rowsIn} = compacted;
    if (rowsIn.bytes.length <= MAX_SPARE_BYTES) this.#spare.push(rowsIn.handOver());
  }
}
