/** What one run is to delete: counted before the first row goes, and again as rows go, and stopped where it is too much. */
import {perTable, type PerTable} from '../src/apply/change-set.ts';
import {DeleteBudget, type TooManyDeletesError} from '../src/apply/delete-budget.ts';
import {isTooMany, needsConfirmation} from './brake.ts';
import type {RepairOptions, RepairOutcome} from './repair.ts';

export class PlannedDeletes {
  readonly #maxRatio: number;
  readonly #isAllowed: boolean;
  readonly #budget: DeleteBudget;
  #toDelete = perTable(() => 0);
  #underInstitutes = 0;
  #owned = perTable(() => 0);
  #stoppedAt: PerTable<number> | null = null;

  /** @param isAllowed somebody has confirmed the deletes, however many they are */
  constructor(maxRatio: number, isAllowed: boolean) {
    this.#maxRatio = maxRatio;
    this.#isAllowed = isAllowed;
    this.#budget = new DeleteBudget((table, count) => isTooMany(count, this.#owned[table], maxRatio));
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
  add({toDelete, underInstitutes}: Pick<RepairOutcome, 'toDelete' | 'underInstitutes'>): void {
    const before = this.#toDelete;
    this.#toDelete = perTable(table => before[table] + toDelete[table]);
    this.#underInstitutes += underInstitutes;
  }

  /** The rows that were counted are about to be deleted. Stops where they are too many; else they are counted again. */
  begin(): void {
    const counted = this.#counted();
    if (!this.#isAllowed && needsConfirmation(counted, this.#owned, this.#maxRatio))
      this.#stoppedAt ??= counted;
    if (this.isStopped) return;
    this.#toDelete = perTable(() => 0);
    this.#underInstitutes = 0;
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
    const counted = this.#counted();
    // What only a transaction saw is in no count.
    return perTable(table => Math.max(counted[table], stoppedAt[table] - deleted[table]));
  }

  /** Those that hang on institutes may be among the others, or not. */
  #counted(): PerTable<number> {
    const institute_users = Math.max(this.#toDelete.institute_users, this.#underInstitutes);
    return {...this.#toDelete, institute_users};
  }
}
