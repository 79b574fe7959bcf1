/**
 * Counts what a run is going to delete: once before the first delete and again with each delete. Stops the
 * deletes past the limit.
 */
import {DeleteBudget, type TooManyDeletesError} from '../src/apply/delete-budget.ts';
import {perTable, type PerTable, type Plan} from '../src/mapping/plan.ts';
import {isTooMany, needsConfirmation} from './brake.ts';
import type {RepairOptions, RepairOutcome} from './repair.ts';

export class PlannedDeletes {
  readonly #plan: Plan;
  readonly #maxRatio: number;
  readonly #isAllowed: boolean;
  readonly #budget: DeleteBudget;
  #toDelete: number[];
  #underParents: number[];
  #owned: PerTable<number>;
  #stoppedAt: PerTable<number> | null = null;

  /** @param isAllowed an operator has confirmed the deletes, whatever their number */
  constructor(plan: Plan, maxRatio: number, isAllowed: boolean) {
    this.#plan = plan;
    this.#maxRatio = maxRatio;
    this.#isAllowed = isAllowed;
    this.#toDelete = this.#none();
    this.#underParents = this.#none();
    this.#owned = this.#none();
    this.#budget = new DeleteBudget((table, count) => isTooMany(count, this.#owned[table] ?? 0, maxRatio));
  }

  #none(): number[] {
    return perTable(this.#plan, () => 0);
  }

  /** No more rows are deleted in this run. */
  get isStopped(): boolean {
    return this.#stoppedAt !== null;
  }

  /** Returns what the next transaction may delete. */
  get limit(): RepairOptions['deletes'] {
    if (this.isStopped) return 'none';
    return this.#isAllowed ? undefined : this.#budget;
  }

  /** Returns the number of owned rows, of which the limit is a fraction. */
  measure(owned: PerTable<number>): void {
    this.#owned = owned;
  }

  /** Adds the count of one batch. */
  add({toDelete, underParents}: Pick<RepairOutcome, 'toDelete' | 'underParents'>): void {
    this.#toDelete = this.#toDelete.map((count, i) => count + (toDelete[i] ?? 0));
    this.#underParents = this.#underParents.map((count, i) => count + (underParents[i] ?? 0));
  }

  /**
   * Called before the counted rows are deleted. Stops the deletes if they are too many; otherwise, counts them
   * again.
   */
  begin(): void {
    const counted = this.#counted();
    if (!this.#isAllowed && needsConfirmation(counted, this.#owned, this.#maxRatio))
      this.#stoppedAt ??= counted;
    if (this.isStopped) return;
    this.#toDelete = this.#none();
    this.#underParents = this.#none();
  }

  /** Called when a transaction would have deleted more than it may. */
  stop({wanted}: TooManyDeletesError): void {
    this.#stoppedAt ??= wanted;
  }

  /**
   * Returns how many rows are still to be deleted, by table, when the run was stopped.
   *
   * @param deleted the number of rows deleted before
   */
  unconfirmed(deleted: PerTable<number>): PerTable<number> | null {
    const stoppedAt = this.#stoppedAt;
    if (stoppedAt === null) return null;
    // Rows that only a transaction found are in no count.
    return this.#counted().map((count, i) => Math.max(count, (stoppedAt[i] ?? 0) - (deleted[i] ?? 0)));
  }

  /** Rows that are deleted with a parent may also be counted by themselves. */
  #counted(): number[] {
    return this.#toDelete.map((count, i) => Math.max(count, this.#underParents[i] ?? 0));
  }
}
