/**
 * One transaction of the target, statement by statement. A statement that fails is split until the refused rows
 * are alone, so that none of them affects its neighbours.
 */
import type {SyncError} from '../errors.ts';
import type {TablePlan} from '../mapping/columns.ts';
import type {EntityPlan} from '../mapping/entities.ts';
import type {RowKey} from '../mapping/key.ts';
import {entityOf, perTable, type PerTable} from '../mapping/plan.ts';
import {writeConflicting, type Refusal, type StaleRows} from './unique-conflicts.ts';
import type {NewDeadLetter} from './dead-letters.ts';
import type {KeyedRow, PerEntity} from './decide.ts';
import type {Allowance} from './delete-budget.ts';
import {RefusedRows} from './refused-rows.ts';
import {lockAndFindReferred} from './references.ts';
import {isReferred, isUniqueConflict, refusalCode} from './refusal.ts';
import {runFenced, type Session} from './session.ts';
import {deleteByKeys, deleteOfNothing, inBatches, runsOf, upsertOfNothing, upserts} from './statements.ts';
import {bookkeeping, lettersToRemove, type TargetBatch, type Outcome} from './write-batch.ts';
import {Trial} from './trial.ts';
import {UndoLog} from './undo-log.ts';

export class StepwiseTransaction {
  readonly #session: Session;
  readonly #batch: TargetBatch;
  readonly #staleRows: StaleRows;
  readonly #allowance: Allowance | null;
  readonly #trial: Trial;
  /** Rows of an entity that were not owned before: they have no companions in the target either. */
  readonly #newlyOwned: PerEntity<Set<RowKey>>;
  readonly #written: PerTable<Set<RowKey>>;
  readonly #deleted: PerTable<Set<RowKey>>;
  readonly #failed: RefusedRows;
  readonly #evicted: PerTable<Set<RowKey>>;
  /** Reverts the changes in memory since the last savepoint. */
  readonly #undo = new UndoLog();

  constructor(session: Session, batch: TargetBatch, staleRows: StaleRows, allowance: Allowance | null) {
    const sets = () => perTable(batch.plan, () => new Set<RowKey>());
    this.#newlyOwned = batch.plan.entities.map(() => new Set<RowKey>());
    this.#session = session;
    this.#batch = batch;
    this.#staleRows = staleRows;
    this.#allowance = allowance;
    this.#trial = new Trial(session);
    [this.#written, this.#deleted, this.#evicted] = [sets(), sets(), sets()];
    this.#failed = new RefusedRows(batch.plan, this.#undo);
  }

  async begin(): Promise<void> {
    await this.#session.query('START TRANSACTION');
  }

  /** Whether the row could not be deleted or, from its turn on, could not be written. */
  hasFailed(table: TablePlan, key: RowKey): boolean {
    return this.#failed.has(table, key);
  }

  hasDeleted(table: TablePlan, key: RowKey): boolean {
    return at(this.#deleted, table).has(key);
  }

  /** The dead letters after what was written so far. */
  deadNow(): PerTable<ReadonlySet<RowKey>> {
    const {plan, dead, work} = this.#batch;
    const done = [this.#written, this.#deleted, work.settled];
    return perTable(plan, table => this.#failed.deadNow(table, at(dead, table), done));
  }

  /** Records a row that cannot be written or deleted. */
  refuse(letter: NewDeadLetter): void {
    this.#failed.add(letter);
  }

  async upsert(table: TablePlan, rows: readonly KeyedRow[]): Promise<void> {
    const size = this.#batch.options.batchRows;
    for (let from = 0; from < rows.length; from += size) {
      const refused: Refusal[] = [];
      const outcome = await this.#write(table, rows.slice(from, from + size), refused, 'stop at a conflict');
      for (const {letter} of refused) this.refuse(letter);
      if (outcome === 'conflict') {
        // Values may move between any of the rows that are still to be written, not only within a slice.
        const done = new Set(refused.map(({letter}) => letter.key));
        return this.#upsertConflicting(
          table,
          rows.slice(from).filter(row => !done.has(row.key)),
        );
      }
    }
  }

  /**
   * Frees unique values that move between rows, and writes the rows. A row that the server refuses must not keep
   * the temporary value it was parked under: everything is then rolled back and done again without that row.
   */
  async #upsertConflicting(table: TablePlan, rows: readonly KeyedRow[]): Promise<void> {
    const {plan, owned, options, mayDelete} = this.#batch;
    const entity = entityOf(plan, table);
    await writeConflicting(
      {
        session: this.#session,
        entity,
        plan: table,
        newestWins: options.newestWins,
        write: async ordered => {
          const refused: Refusal[] = [];
          for (const slice of inBatches(ordered, options.batchRows))
            await this.#write(table, slice, refused, 'refuse a conflict');
          return refused;
        },
        keep: key => this.#wrote(entity, table, key),
        refuse: letter => this.refuse(letter),
        mark: async () => {
          this.#undo.clear();
          await this.#session.query('SAVEPOINT before_conflicts');
        },
        undo: async () => {
          await this.#session.query('ROLLBACK TO SAVEPOINT before_conflicts');
          this.#undo.undo();
        },
        isOwned: key => mayDelete && owned.has(entity, key),
        staleAmong: keys => this.#staleRows.among(table, keys),
        evict: keys => this.#staleRows.evict(table, keys),
      },
      rows,
    );
  }

  /**
   * Writes rows; where the server refuses one, splits them until the refused rows are alone.
   *
   * @param refused receives the rows that the server refuses
   * @returns `conflict` if a unique conflict stops it
   */
  async #write(
    table: TablePlan,
    rows: readonly KeyedRow[],
    refused: Refusal[],
    onConflict: 'stop at a conflict' | 'refuse a conflict',
  ): Promise<'done' | 'conflict'> {
    if (rows.length === 0) return 'done';
    const {options, plan} = this.#batch;
    // Rows with conflicts were compared with the target's rows, and are written even if parking changed their
    // dates.
    const newestWins = options.newestWins && onConflict === 'stop at a conflict';
    const error = await this.#tryToWrite(table, rows, newestWins);
    if (error !== null) {
      const isConflict = isUniqueConflict(error);
      if (onConflict === 'stop at a conflict' && isConflict) return 'conflict';
      if (rows.length === 1) {
        for (const {key} of rows)
          refused.push({letter: {table, key, ...refusalCode(error, table)}, isConflict});
        return 'done';
      }
      const middle = rows.length >> 1;
      for (const half of [rows.slice(0, middle), rows.slice(middle)]) {
        if ((await this.#write(table, half, refused, onConflict)) === 'conflict') return 'conflict';
      }
      return 'done';
    }
    for (const {key} of rows) this.#wrote(entityOf(plan, table), table, key);
    return 'done';
  }

  /** @returns null if all were written, otherwise the server's refusal of one of them */
  async #tryToWrite(
    table: TablePlan,
    rows: readonly KeyedRow[],
    newestWins: boolean,
  ): Promise<SyncError | null> {
    const size = {rows: this.#batch.options.batchRows, bytes: this.#session.maxStatementBytes};
    for (const run of runsOf(rows, ({key}) => this.#isPresent(table, key))) {
      const options = {newestWins, arePresent: run.is};
      for (const sql of upserts(table, run.items, size, options)) {
        const refusal = await this.#trial.write(table, sql, upsertOfNothing(table, options));
        if (refusal !== null) return refusal;
      }
    }
    return null;
  }

  /** Whether rows are in the target already, as far as ownership shows it and where it matters. */
  #isPresent(table: TablePlan, key: RowKey): boolean {
    if (table.surrogate === null) return false;
    const {owned, plan} = this.#batch;
    const entity = entityOf(plan, table);
    // A companion comes after its primary, which may be new.
    if (table !== entity.primary && this.#newlyOwned[entity.index]?.has(key) === true) return false;
    return owned.has(entity, key);
  }

  #wrote(entity: EntityPlan, table: TablePlan, key: RowKey): void {
    const {owned} = this.#batch;
    this.#undo.include(at(this.#written, table), key);
    this.#failed.remove(table, key);
    if (table !== entity.primary || owned.has(entity, key)) return;
    owned.add(entity, key);
    const newlyOwned = this.#newlyOwned[entity.index];
    if (newlyOwned !== undefined) this.#undo.include(newlyOwned, key);
    this.#undo.add(() => owned.delete(entity, key));
  }

  /** Deletes owned rows, and returns those that stay, as dead letters, because something refers to them. */
  async delete(table: TablePlan, keys: readonly RowKey[]): Promise<RowKey[]> {
    const staying: RowKey[] = [];
    for (const slice of inBatches(keys, this.#batch.options.batchRows)) {
      const blocked = await this.#deleteLocked(table, slice, at(this.#deleted, table));
      for (const key of slice) this.#failed.remove(table, key);
      for (const [key, detail] of blocked) this.refuse({table, key, code: 'delete-blocked', detail});
      staying.push(...blocked.keys());
    }
    return staying;
  }

  /**
   * Deletes rows to free their unique values; their dead letters stay.
   *
   * @returns the rows that something refers to
   */
  async evict(table: TablePlan, keys: readonly RowKey[]): Promise<RowKey[]> {
    const blocked: RowKey[] = [];
    for (const slice of inBatches(keys, this.#batch.options.batchRows))
      blocked.push(...(await this.#deleteLocked(table, slice, at(this.#evicted, table))).keys());
    return blocked;
  }

  /** @returns the rows that stay, with the table that refers to them or the server's error number */
  async #deleteLocked(
    table: TablePlan,
    wanted: readonly RowKey[],
    deleted: Set<RowKey>,
  ): Promise<Map<RowKey, string | null>> {
    const {blocked, locked} = await lockAndFindReferred(this.#session, this.#batch.plan, table, wanted);
    this.#allowance?.take(table, Math.max(0, locked - blocked.size));
    const all: Map<RowKey, string | null> = new Map(blocked);
    await this.#deleteSlice(
      table,
      wanted.filter(key => !blocked.has(key)),
      deleted,
      all,
    );
    return all;
  }

  async #deleteSlice(
    table: TablePlan,
    keys: readonly RowKey[],
    deleted: Set<RowKey>,
    blocked: Map<RowKey, string | null>,
  ): Promise<void> {
    if (keys.length === 0) return;
    const {plan, owned} = this.#batch;
    const entity = entityOf(plan, table);
    const error = await this.#trial.write(table, deleteByKeys(entity, table, keys), deleteOfNothing(table));
    if (error !== null) {
      if (keys.length === 1) {
        for (const key of keys) blocked.set(key, isReferred(error) ? null : refusalCode(error, table).detail);
        return;
      }
      const middle = keys.length >> 1;
      await this.#deleteSlice(table, keys.slice(0, middle), deleted, blocked);
      await this.#deleteSlice(table, keys.slice(middle), deleted, blocked);
      return;
    }
    for (const key of keys) {
      this.#undo.include(deleted, key);
      if (table !== entity.primary || !owned.has(entity, key)) continue;
      owned.delete(entity, key);
      this.#undo.add(() => owned.add(entity, key));
    }
  }

  query(sql: string): Promise<unknown[][]> {
    return this.#session.query(sql);
  }

  /** Writes ownership, dead letters and position, and commits. */
  async commit(): Promise<Outcome> {
    const removedIn = (table: TablePlan) =>
      lettersToRemove(this.#batch, table, [...at(this.#written, table), ...at(this.#deleted, table)]).filter(
        key => !this.hasFailed(table, key),
      );
    for (const sql of bookkeeping(this.#batch, this.#failed.letters(), removedIn))
      await this.#session.query(sql);
    await runFenced(this.#session, this.#batch.fence);
    await this.#session.query('COMMIT');
    return {
      upserted: this.#written.map(({size}) => size),
      deleted: this.#deleted.map(({size}) => size),
      deadLetters: this.#failed.counts(),
      wrote: (table, key) => at(this.#written, table).has(key),
      evicted: this.#evicted.map(keys => [...keys]),
    };
  }
}

function at<T>(sets: PerTable<Set<T>>, {index}: TablePlan): Set<T> {
  return sets[index] ?? new Set();
}
