/** Counts what a run has done so far, by table. */
import {perTable, type PerTable, type Plan} from '../src/mapping/plan.ts';
import type {TableOutcome} from '../src/status/operations.ts';
import type {RepairOutcome} from './repair.ts';
import type {ReconcileResult} from './run-options.ts';

export class RunCounts {
  readonly #plan: Plan;
  readonly #tables: PerTable<TableOutcome>;
  readonly #foreign: number[];

  /** @param keeps rows that have left the source stay in the target, and are counted */
  constructor(plan: Plan, keeps: boolean) {
    this.#plan = plan;
    this.#foreign = perTable(plan, () => 0);
    this.#tables = perTable(plan, () => ({
      compared: 0,
      repaired: 0,
      deleted: 0,
      deadLetters: 0,
      ...(keeps ? {kept: 0} : {}),
    }));
  }

  get deleted(): PerTable<number> {
    return this.#tables.map(({deleted}) => deleted);
  }

  /** The rows of a table that are not owned. */
  foreign(index: number): number {
    return this.#foreign[index] ?? 0;
  }

  of(index: number): TableOutcome {
    const outcome = this.#tables[index];
    if (outcome === undefined) throw new RangeError(`a run without the table ${index}`);
    return outcome;
  }

  /** Adds the result of a batch. */
  add(outcome: RepairOutcome): void {
    this.#tables.forEach((own, index) => {
      own.compared += outcome.compared[index] ?? 0;
      own.repaired += outcome.repaired[index] ?? 0;
    });
    this.addExtras(outcome);
  }

  /** Adds the rows of a batch that have no source row, and those of them that were deleted. */
  addExtras(outcome: RepairOutcome): void {
    this.addDeleted(outcome);
    this.#tables.forEach((own, index) => {
      this.#foreign[index] = (this.#foreign[index] ?? 0) + (outcome.foreign[index] ?? 0);
      if (own.kept !== undefined) own.kept += outcome.kept[index] ?? 0;
    });
  }

  /** Adds the rows that a batch of the second pass deleted or could not delete. */
  addDeleted(outcome: RepairOutcome): void {
    this.#tables.forEach((own, index) => {
      own.deleted += outcome.deleted[index] ?? 0;
      own.deadLetters += outcome.deadLetters[index] ?? 0;
    });
  }

  result(unconfirmed: PerTable<number> | null): ReconcileResult {
    return {
      tables: this.#byName(this.#tables),
      foreign: this.#byName(this.#foreign),
      unconfirmed: unconfirmed === null ? null : this.#byName(unconfirmed),
    };
  }

  #byName<T>(values: PerTable<T>): Record<string, T> {
    return Object.fromEntries(this.#plan.tables.map(({target}, index) => [target, values[index]])) as Record<
      string,
      T
    >;
  }
}
