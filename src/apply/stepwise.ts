/**
 * Writes a batch step by step in one transaction: after the server refused a row of it, or if rows are deleted or
 * enter whose children the log does not show. Deletes go from the leaves up, writes from the roots down.
 */
import {parentKeyOf, type EntityPlan} from '../mapping/entities.ts';
import type {RowKey} from '../mapping/key.ts';
import {entityOf, perTable} from '../mapping/plan.ts';
import type {Row} from '../mapping/values.ts';
import type {RequiredPosition} from '../source/watermark.ts';
import {StepwiseTransaction} from './stepwise-transaction.ts';
import {LEFT} from './change-set.ts';
import {perEntity, type PerEntity} from './decide.ts';
import type {Allowance} from './delete-budget.ts';
import {OrderedWrites} from './ordered-writes.ts';
import {evict, follow, readDoubtful, remove, type DependantsContext, type Enters} from './dependants.ts';
import {staleAmong} from './stale-rows.ts';
import type {WriterContext} from './writer-context.ts';
import type {OwnershipView, Want} from './ownership.ts';
import type {Session} from './session.ts';
import type {StaleRows} from './unique-conflicts.ts';
import type {TargetBatch, Outcome} from './write-batch.ts';

export interface StepwiseOptions {
  /** Read the children of rows that enter; false if the change set holds them. */
  readonly follow: boolean;
  /** The position that reads of the source must cover; null if the stream does not run. */
  readonly need: RequiredPosition | null;
  /** How many rows a run may still delete; null if there is no limit. */
  readonly allowance: Allowance | null;
  readonly ownershipOf: (session: Session, each: (want: Want) => void) => Promise<OwnershipView>;
}

/** @throws SyncError if a server fails; the caller must then roll the transaction back */
export function writeStepwise(
  writer: WriterContext,
  batch: TargetBatch,
  options: StepwiseOptions,
): Promise<Outcome> {
  return new StepwiseWrite(writer, batch, options).run();
}

class StepwiseWrite {
  readonly #writer: WriterContext;
  readonly #batch: TargetBatch;
  readonly #options: StepwiseOptions;
  readonly #transaction: StepwiseTransaction;
  readonly #rows: OrderedWrites;
  readonly #context: DependantsContext;
  /** The rows whose children are read from the source when the children's turn comes. */
  readonly #entered: PerEntity<Set<RowKey>>;
  /** Those of them that left the source or the target for a while. */
  readonly #left: PerEntity<Set<RowKey>>;
  #isVisible: Promise<void> | null = null;

  constructor(writer: WriterContext, batch: TargetBatch, options: StepwiseOptions) {
    const {plan, owned, work, mayDelete} = batch;
    this.#writer = writer;
    this.#batch = batch;
    this.#options = options;
    const stale: StaleRows = {
      among: (table, keys) => staleAmong(this.#context, entityOf(plan, table), table, keys),
      evict: (table, keys) => evict(this.#context, entityOf(plan, table), table, keys),
    };
    const transaction = new StepwiseTransaction(writer.session, batch, stale, options.allowance);
    this.#transaction = transaction;
    const doubtful = perEntity(plan, ({index}) => new Set(work.doubtful[index]));
    this.#rows = new OrderedWrites(transaction, batch, doubtful);
    this.#context = {
      plan,
      reader: writer.reader,
      transaction,
      rows: this.#rows,
      owned,
      loadKnowledge: (entity, rows) => this.#loadKnowledge(entity, rows),
      dead: () => transaction.deadNow(),
      mayDelete,
      doubtful,
    };
    this.#entered = perEntity(plan, ({index}) => new Set(work.follow[index]));
    this.#left = perEntity(plan, ({index}) => new Set(work.left[index]));
  }

  async run(): Promise<Outcome> {
    // Before the transaction, which holds locks.
    const {follow: followed, doubtful} = this.#batch.work;
    if ([...followed, ...doubtful].some(({length}) => length > 0)) await this.#visible();
    await this.#transaction.begin();
    await this.#delete();
    await this.#write();
    return this.#transaction.commit();
  }

  async #delete(): Promise<void> {
    const {plan, work} = this.#batch;
    for (const entity of plan.entities.toReversed())
      await remove(this.#context, entity, work.deletes[entity.index] ?? []);
  }

  async #write(): Promise<void> {
    const {plan, work, dead} = this.#batch;
    for (const entity of plan.entities) {
      await this.#rows.write(entity, work, this.#options.follow ? this.#entered : null);
      this.#addDeleted(entity);
      if (!this.#options.follow) continue;
      const enters: Enters = (key, hasLeft) => this.#enters(entity.index, key, hasLeft);
      // At this point, all parents of the child are written.
      for (const edge of entity.parents) {
        const {index, primary} = edge.parent;
        const hasLeft = (key: RowKey) => this.#left[index]?.has(key) === true;
        // Children of a row that waits do so with it, except for those that left with it.
        const parents = [...(this.#entered[index] ?? [])].filter(
          key => hasLeft(key) || !this.#transaction.hasFailed(primary, key),
        );
        if (parents.length > 0) await this.#visible();
        // Rows below one that had a dead letter waited with it, at any depth, and may be outdated there.
        const hadLetter = (key: RowKey) =>
          edge.parent.tables.some(table => dead[table.index]?.has(key) === true);
        const isWhole = (key: RowKey) => hasLeft(key) || hadLetter(key);
        await follow(this.#context, edge, parents.filter(isWhole), LEFT, enters);
        await follow(
          this.#context,
          edge,
          parents.filter(key => !isWhole(key)),
          0,
          enters,
        );
      }
      if ((this.#context.doubtful[entity.index]?.size ?? 0) > 0) await this.#visible();
      await readDoubtful(this.#context, entity, enters);
    }
  }

  /**
   * A row that was deleted with an ancestor, and is written again, has lost its own children, too. Its ancestor may
   * have been deleted while the rows above were written, so this is only known at the row's turn.
   */
  #addDeleted({index, primary}: EntityPlan): void {
    for (const {key} of this.#batch.work.upserts[primary.index] ?? [])
      if (this.#transaction.hasDeleted(primary, key)) this.#enters(index, key, true);
  }

  #enters(entity: number, key: RowKey, hasLeft: boolean): void {
    this.#entered[entity]?.add(key);
    if (hasLeft) this.#left[entity]?.add(key);
  }

  /** Waits until reads of the source cover the batch. */
  async #visible(): Promise<void> {
    const {need} = this.#options;
    if (need !== null) await (this.#isVisible ??= this.#writer.waitUntilVisible(need));
  }

  /** Reads ownership and dead letters of rows and of the rows they depend on. */
  async #loadKnowledge(entity: EntityPlan, rows: ReadonlyMap<RowKey, Row | null>): Promise<void> {
    const {session} = this.#writer;
    const {plan, owned, deadLetters, dead} = this.#batch;
    const keysOf = perEntity(plan, () => new Set<RowKey>());
    const collect = (one: EntityPlan, key: RowKey, row: Row | null): void => {
      keysOf[one.index]?.add(key);
      for (const edge of one.parents) {
        const parent = parentKeyOf(edge, key, row);
        if (parent !== null && parent !== undefined) collect(edge.parent, parent, null);
      }
    };
    for (const [key, row] of rows) collect(entity, key, row);
    owned.merge(
      await this.#options.ownershipOf(session, want => {
        for (const one of plan.entities) for (const key of keysOf[one.index] ?? []) want(one, key);
      }),
    );
    const asked = perTable(plan, table => keysOf[entityOf(plan, table).index] ?? []);
    const known = await deadLetters.known(plan, asked, sql => session.query(sql));
    for (const {index} of plan.tables) for (const key of known[index] ?? []) dead[index]?.add(key);
  }
}
