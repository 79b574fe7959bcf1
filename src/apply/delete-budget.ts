/** Limits how many rows one run may delete. The deleting transactions count their rows before each delete. */
import type {TablePlan} from '../mapping/columns.ts';
import type {PerTable} from '../mapping/plan.ts';

/** A transaction would have deleted more rows of a table than the run may. It was rolled back. */
export class TooManyDeletesError extends Error {
  /** What the run would have deleted with it, by table. */
  readonly wanted: PerTable<number>;

  constructor(wanted: PerTable<number>) {
    super('the run would delete more rows than it may');
    this.name = 'TooManyDeletesError';
    this.wanted = wanted;
  }
}

/** The share of a budget that one transaction uses. */
export interface Allowance {
  /**
   * To be called when the rows are locked, before they are deleted.
   *
   * @param count the number of rows that exist
   * @throws TooManyDeletesError if that is more than the run may delete
   */
  take(table: TablePlan, count: number): void;
  /** To be called when the transaction was rolled back. */
  giveBack(): void;
}

export class DeleteBudget {
  readonly #isTooMany: (table: number, count: number) => boolean;
  /** Counts by the table's index. */
  readonly #taken: number[] = [];

  /** @param isTooMany whether a run that deletes this many rows of a table deletes too many */
  constructor(isTooMany: (table: number, count: number) => boolean) {
    this.#isTooMany = isTooMany;
  }

  /** Opens the budget's share for one transaction. */
  open(): Allowance {
    const own: number[] = [];
    return {
      take: ({index}, count) => {
        if (count === 0) return;
        own[index] = (own[index] ?? 0) + count;
        const taken = (this.#taken[index] ?? 0) + count;
        this.#taken[index] = taken;
        if (this.#isTooMany(index, taken)) throw new TooManyDeletesError([...this.#taken]);
      },
      giveBack: () => {
        own.forEach((count, index) => {
          this.#taken[index] = (this.#taken[index] ?? 0) - count;
        });
        own.length = 0;
      },
    };
  }
}
