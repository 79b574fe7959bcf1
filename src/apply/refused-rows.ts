/**
 * The rows that one transaction could not write or delete, each with its dead letter. A row may be tried several times,
 * once with each of its parents: its last refusal counts, and none if it succeeds after that.
 */
import type {TablePlan} from '../mapping/columns.ts';
import type {RowKey} from '../mapping/key.ts';
import {perTable, type PerTable, type Plan} from '../mapping/plan.ts';
import type {NewDeadLetter} from './dead-letters.ts';
import type {UndoLog} from './undo-log.ts';

export class RefusedRows {
  readonly #letters: PerTable<Map<RowKey, NewDeadLetter>>;
  readonly #undo: UndoLog;

  constructor(plan: Pick<Plan, 'tables'>, undo: UndoLog) {
    this.#letters = perTable(plan, () => new Map<RowKey, NewDeadLetter>());
    this.#undo = undo;
  }

  has({index}: TablePlan, key: RowKey): boolean {
    return this.#letters[index]?.has(key) === true;
  }

  /**
   * Returns the dead letters of a table.
   *
   * @param before those before this transaction
   * @param done the rows that have none any more
   */
  deadNow(
    {index}: TablePlan,
    before: ReadonlySet<RowKey>,
    done: readonly PerTable<Iterable<RowKey>>[],
  ): Set<RowKey> {
    const now = new Set(before);
    if (now.size > 0) for (const keys of done) for (const key of keys[index] ?? []) now.delete(key);
    for (const key of this.#letters[index]?.keys() ?? []) now.add(key);
    return now;
  }

  add(letter: NewDeadLetter): void {
    const letters = this.#letters[letter.table.index];
    if (letters !== undefined) this.#undo.put(letters, letter.key, letter);
  }

  /** The row was written or deleted after all. */
  remove({index}: TablePlan, key: RowKey): void {
    const letters = this.#letters[index];
    if (letters !== undefined) this.#undo.put(letters, key, null);
  }

  letters(): NewDeadLetter[] {
    return this.#letters.flatMap(letters => [...letters.values()]);
  }

  counts(): PerTable<number> {
    return this.#letters.map(({size}) => size);
  }
}
