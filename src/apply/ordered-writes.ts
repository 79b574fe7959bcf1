/**
 * Writes rows, or refuses those that fail a check, after the rows that they depend on: their primary and their
 * parents. If one of those was refused in this transaction, the row waits with it. A row that waits is not a dead
 * letter itself, so an earlier dead letter of it is removed: its detail would become outdated.
 *
 * A parent may also have left the target since the row was decided, because a row above it left. The row is then
 * in doubt: its own state on the source shows whether it has another parent, or none, or left, too. So is a row
 * whose parent left and came back, since it may have left with it.
 */
import type {TablePlan} from '../mapping/columns.ts';
import {parentKeyOf, type EntityPlan} from '../mapping/entities.ts';
import type {RowKey} from '../mapping/key.ts';
import {perTable, type PerTable} from '../mapping/plan.ts';
import type {StepwiseTransaction} from './stepwise-transaction.ts';
import type {KeyedRow, PerEntity, Work} from './decide.ts';
import type {TargetBatch} from './write-batch.ts';

/** The rows whose children are read from the source; null if the rows at hand were read from there. */
type Entered = PerEntity<ReadonlySet<RowKey>> | null;

export class OrderedWrites {
  readonly #transaction: StepwiseTransaction;
  readonly #batch: TargetBatch;
  /** Rows that were not written, because a row that they depend on is missing. */
  readonly #waiting: PerTable<Set<RowKey>>;
  readonly #doubtful: PerEntity<Set<RowKey>>;

  constructor(transaction: StepwiseTransaction, batch: TargetBatch, doubtful: PerEntity<Set<RowKey>>) {
    this.#transaction = transaction;
    this.#batch = batch;
    this.#doubtful = doubtful;
    this.#waiting = perTable(batch.plan, () => new Set<RowKey>());
  }

  /** Writes or refuses the rows of an entity whose primary row and parents are present. The others wait. */
  async write(
    entity: EntityPlan,
    {upserts, deadLetters}: Pick<Work, 'upserts' | 'deadLetters'>,
    entered: Entered = null,
  ): Promise<void> {
    for (const table of entity.tables) {
      const invalid = deadLetters.filter(letter => letter.table === table);
      for (const row of this.#ready(entity, table, invalid, entered)) this.#transaction.refuse(row);
      const rows = this.#ready(entity, table, upserts[table.index] ?? [], entered);
      await this.#transaction.upsert(table, rows);
    }
  }

  /** Returns the rows that depend on nothing that is missing. */
  #ready<T extends KeyedRow>(
    entity: EntityPlan,
    table: TablePlan,
    rows: readonly T[],
    entered: Entered,
  ): T[] {
    return rows.filter(row => {
      const state = this.#stateOf(entity, row, entered);
      if (state === 'ready') return true;
      if (state === 'in doubt') this.#doubtful[entity.index]?.add(row.key);
      else this.#waiting[table.index]?.add(row.key);
      this.settle(table, row.key);
      return false;
    });
  }

  /** Removes a row's dead letter, if it has one and gets no other one in this transaction. */
  settle({index}: TablePlan, key: RowKey): void {
    const {dead, work} = this.#batch;
    if (dead[index]?.has(key) === true) work.settled[index]?.push(key);
  }

  #stateOf(entity: EntityPlan, {key, source}: KeyedRow, entered: Entered): 'ready' | 'waits' | 'in doubt' {
    if (this.#transaction.hasFailed(entity.primary, key)) return 'waits';
    let state: 'ready' | 'in doubt' = 'ready';
    for (const edge of entity.parents) {
      const parent = parentKeyOf(edge, key, source);
      if (parent === null || parent === undefined) continue;
      for (const table of [edge.parent.primary, edge.parentTable])
        if (this.#transaction.hasFailed(table, parent) || this.#isMissing(edge.parent, table, parent))
          return 'waits';
      const isRead = entered?.[edge.parent.index]?.has(parent) === true;
      if (isRead || !this.#batch.owned.has(edge.parent, parent)) state = 'in doubt';
    }
    return state;
  }

  /** Whether a row waits, and the target does not have it from earlier. */
  #isMissing(entity: EntityPlan, {index}: TablePlan, key: RowKey): boolean {
    return this.#waiting[index]?.has(key) === true && !this.#batch.owned.has(entity, key);
  }
}
