/** What one run is to delete: counted before the first row goes, and again as rows go, and stopped where it is too much. */
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

  /** @param isAllowed somebody has confirmed the deletes, however many they are */
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

  /** Rows that should go stay, for the rest of the run. */
  get isStopped(): boolean {
    return this.#stoppedAt !== null;
  }

  /** What the next transaction may delete. */
  get limit(): RepairOptions['deletes'] {
    if (this.isStopped) return 'none';
    return this.#isAllowed ? undefined : this.#budget;
  }

  /** How many rows are ours now: the limit is a part of them. */
  measure(owned: PerTable<number>): void {
    this.#owned = owned;
  }

  /** Adds what a batch has counted. */
  add({toDelete, underParents}: Pick<RepairOutcome, 'toDelete' | 'underParents'>): void {
    this.#toDelete = this.#toDelete.map((count, i) => count + (toDelete[i] ?? 0));
    this.#underParents = this.#underParents.map((count, i) => count + (underParents[i] ?? 0));
  }

  /** The rows that were counted are about to be deleted. Stops where they are too many; else they are counted again. */
  begin(): void {
    const counted = this.#counted();
    if (!this.#isAllowed && needsConfirmation(counted, this.#owned, this.#maxRatio))
      this.#stoppedAt ??= counted;
    if (this.isStopped) return;
    this.#toDelete = this.#none();
    this.#underParents = this.#none();
  }

  /** A transaction would have deleted more than it may. */
  stop({wanted}: TooManyDeletesError): void {
    this.#stoppedAt ??= wanted;
  }

  /**
   * How many rows should still go, by table, where the run was stopped.
   *
   * @param deleted how many went before
   */
  unconfirmed(deleted: PerTable<number>): PerTable<number> | null {
    const stoppedAt = this.#stoppedAt;
    if (stoppedAt === null) return null;
    // What only a transaction saw is in no count.
    return this.#counted().map((count, i) => Math.max(count, (stoppedAt[i] ?? 0) - (deleted[i] ?? 0)));
  }

  /** Rows that go with a parent may be among those that go by themselves, or not. */
  #counted(): number[] {
    return this.#toDelete.map((count, i) => Math.max(count, this.#underParents[i] ?? 0));
  }
}
