/** How many rows one run may delete: counted in the transactions that delete them, before each delete. */
import {TARGET_TABLES, type TargetTable} from '../mapping/tables.ts';
import {perTable, type PerTable} from './change-set.ts';

/** A transaction would take more rows of a table than the run may delete. It was rolled back. */
export class TooManyDeletesError extends Error {
  /** What the run would have deleted with it, by table. */
  readonly wanted: PerTable<number>;

  constructor(wanted: PerTable<number>) {
    super('the run would delete more rows than it may');
    this.name = 'TooManyDeletesError';
    this.wanted = wanted;
  }
}

/** What one transaction takes of a budget. */
export interface Allowance {
  /**
   * To be called when the rows are locked, before they are deleted.
   *
   * @param count rows that are there
   * @throws TooManyDeletesError where it is more than the run may delete
   */
  take(table: TargetTable, count: number): void;
  /** To be called where the transaction was rolled back. */
  giveBack(): void;
}

export class DeleteBudget {
  readonly #isTooMany: (table: TargetTable, count: number) => boolean;
  readonly #taken = perTable(() => 0);

  /** @param isTooMany whether a run that deletes this many rows of a table deletes too many */
  constructor(isTooMany: (table: TargetTable, count: number) => boolean) {
    this.#isTooMany = isTooMany;
  }

  /** For one transaction. */
  open(): Allowance {
    const own = perTable(() => 0);
    return {
      take: (table, count) => {
        if (count === 0) return;
        own[table] += count;
        this.#taken[table] += count;
        if (this.#isTooMany(table, this.#taken[table])) throw new TooManyDeletesError({...this.#taken});
      },
      giveBack: () => {
        for (const table of TARGET_TABLES) {
          this.#taken[table] -= own[table];
          own[table] = 0;
        }
      },
    };
  }
}
