/**
 * One transaction of the target, statement by statement: one that fails is split until the bad rows stand
 * alone, so that one of them never costs its neighbours.
 */
import type {SyncError} from '../errors.ts';
import type {TablePlan} from '../mapping/plan.ts';
import {TARGET_TABLES, type TargetTable} from '../mapping/tables.ts';
import {perTable, type PerTable} from './change-set.ts';
import type {NewDeadLetter} from './dead-letters.ts';
import type {KeyedRow} from './decide.ts';
import type {Allowance} from './delete-budget.ts';
import {lockAndFindReferred} from './references.ts';
import {isDeadlock, isReferred, isRefusal, isUniqueClash, refusalCode} from './refusal.ts';
import {runFenced, type Session} from './session.ts';
import {deleteByKeys, deleteOfNothing, inBatches, upsertOfNothing, upserts} from './statements.ts';
import {healed, ownedKey, type Batch, type Outcome} from './transaction.ts';
import {Trial} from './trial.ts';
import {clearUniqueKeys} from './unique.ts';

export class CarefulTransaction {
  readonly #session: Session;
  readonly #batch: Batch;
  readonly #trial: Trial;
  readonly #allowance: Allowance | null;
  readonly #letters: NewDeadLetter[];
  readonly #written = perTable(() => new Set<string>());
  readonly #newlyOwned = perTable(() => new Set<string>());
  readonly #gone = perTable(() => new Set<string>());
  readonly #failed = perTable(() => new Set<string>());

  constructor(session: Session, batch: Batch, allowance: Allowance | null) {
    this.#session = session;
    this.#batch = batch;
    this.#trial = new Trial(session);
    this.#allowance = allowance;
    this.#letters = [...batch.work.deadLetters];
  }

  async begin(): Promise<void> {
    await this.#session.query('START TRANSACTION');
  }

  hasFailed(table: TargetTable, key: string): boolean {
    return this.#failed[table].has(key);
  }

  hasDeleted(table: TargetTable, key: string): boolean {
    return this.#gone[table].has(key);
  }

  /** Dead letters as they stand after what was written so far. */
  deadNow(): PerTable<ReadonlySet<string>> {
    const {dead} = this.#batch;
    return perTable(table => {
      if (dead[table].size + this.#failed[table].size === 0) return this.#failed[table];
      const now = new Set([...dead[table], ...this.#failed[table]]);
      for (const key of this.#written[table]) now.delete(key);
      return now;
    });
  }

  /** A row that cannot be written or removed. */
  refuse(letter: NewDeadLetter): void {
    this.#failed[letter.table].add(letter.key);
    this.#letters.push(letter);
  }

  async upsert(table: TargetTable, rows: readonly KeyedRow[]): Promise<void> {
    const size = this.#batch.options.batchRows;
    for (let at = 0; at < rows.length; at += size) {
      const refused: NewDeadLetter[] = [];
      const outcome = await this.#write(table, rows.slice(at, at + size), refused, 'stop at a clash');
      for (const letter of refused) this.refuse(letter);
      if (outcome === 'clash') {
        // Values may move between any of the rows that are still to be written, not only within a slice.
        const rest = rows.slice(at).filter(({key}) => !this.hasFailed(table, key));
        return this.#upsertCleared(table, rest);
      }
    }
  }

  /**
   * Makes way for unique values that move, and writes. A row that the server refuses all the same must
   * not be left with the value it was parked under: then all of it is taken back and done without that row.
   */
  async #upsertCleared(table: TargetTable, rows: readonly KeyedRow[]): Promise<void> {
    const plan = this.#batch.plan.tables[table];
    let rest = rows;
    for (;;) {
      await this.#session.query('SAVEPOINT uncleared');
      const cleared = await clearUniqueKeys(plan, rest, sql => this.#session.query(sql)).catch(
        async (error: unknown) => {
          if (!isRefusal(error) || isDeadlock(error)) throw error;
          // Where the transaction is gone, so is the savepoint.
          await this.#session.query('ROLLBACK TO SAVEPOINT uncleared').catch(() => {
            throw error;
          });
          return null;
        },
      );
      if (cleared === null) return this.#writeUnparked(table, rest);
      const {writable, conflicts} = cleared;
      const refused: NewDeadLetter[] = [];
      for (const slice of inBatches(writable, this.#batch.options.batchRows)) {
        await this.#write(table, slice, refused, 'refuse a clash');
      }
      if (refused.length === 0) {
        for (const {row, otherKey} of conflicts) {
          this.#forget(table, row.key);
          this.refuse({table, key: row.key, code: 'unique-conflict', detail: otherKey});
        }
        return;
      }
      await this.#session.query('ROLLBACK TO SAVEPOINT uncleared');
      for (const {key} of rest) this.#forget(table, key);
      for (const letter of refused) this.refuse(letter);
      rest = rest.filter(({key}) => !this.hasFailed(table, key));
    }
  }

  /**
   * Writes rows, split where the server refuses one, until the bad ones stand alone.
   *
   * @param refused takes those that the server refuses
   * @returns `clash` where unique values stand in the way and that is to stop it
   */
  async #write(
    table: TargetTable,
    rows: readonly KeyedRow[],
    refused: NewDeadLetter[],
    onClash: 'stop at a clash' | 'refuse a clash',
  ): Promise<'done' | 'clash'> {
    if (rows.length === 0) return 'done';
    const plan = this.#batch.plan.tables[table];
    const error = await this.#tryToWrite(plan, rows);
    if (error !== null) {
      if (onClash === 'stop at a clash' && isUniqueClash(error) && plan.otherUniqueKeys.length > 0)
        return 'clash';
      if (rows.length === 1) {
        for (const {key} of rows) refused.push({table, key, ...refusalCode(error)});
        return 'done';
      }
      const middle = rows.length >> 1;
      for (const half of [rows.slice(0, middle), rows.slice(middle)]) {
        if ((await this.#write(table, half, refused, onClash)) === 'clash') return 'clash';
      }
      return 'done';
    }
    for (const {key} of rows) {
      this.#written[table].add(key);
      if (table !== 'user_auth' && !this.#batch.owned.has(ownedKey(table, key))) {
        this.#newlyOwned[table].add(key);
        this.#batch.owned.add(ownedKey(table, key));
      }
    }
    return 'done';
  }

  /** @returns null where all were written, else what the server refused of one of them */
  async #tryToWrite(plan: TablePlan, rows: readonly KeyedRow[]): Promise<SyncError | null> {
    const {options} = this.#batch;
    const size = {rows: options.batchRows, bytes: this.#session.maxStatementBytes};
    for (const sql of upserts(plan, rows, size, options)) {
      const refusal = await this.#trial.write(plan, sql, upsertOfNothing(plan, options));
      if (refusal !== null) return refusal;
    }
    return null;
  }

  /**
   * For a target that refuses the values under which rows are parked: rows go in one by one, as values become
   * free, and those that never can are refused.
   */
  async #writeUnparked(table: TargetTable, rows: readonly KeyedRow[]): Promise<void> {
    let rest = rows;
    for (;;) {
      const refused: NewDeadLetter[] = [];
      await this.#write(table, rest, refused, 'refuse a clash');
      const keys = new Set(refused.map(({key}) => key));
      if (keys.size === 0 || keys.size === rest.length) {
        for (const letter of refused) this.refuse(letter);
        return;
      }
      rest = rest.filter(({key}) => keys.has(key));
    }
  }

  /** Takes back that a row was written, where the statement was. */
  #forget(table: TargetTable, key: string): void {
    this.#written[table].delete(key);
    if (this.#newlyOwned[table].delete(key)) this.#batch.owned.delete(ownedKey(table, key));
  }

  /** Deletes rows that are ours; one that something refers to stays, as a dead letter. */
  async delete(table: TargetTable, keys: readonly string[]): Promise<void> {
    for (const slice of inBatches(keys, this.#batch.options.batchRows)) {
      const {blocked, locked} = await lockAndFindReferred(this.#session, this.#batch.plan, table, slice);
      for (const [key, by] of blocked) this.refuse({table, key, code: 'delete-blocked', detail: by});
      this.#allowance?.take(table, Math.max(0, locked - blocked.size));
      const free = slice.filter(key => !blocked.has(key));
      if (free.length > 0) await this.#deleteSlice(table, free);
    }
  }

  async #deleteSlice(table: TargetTable, keys: readonly string[]): Promise<void> {
    const plan = this.#batch.plan.tables[table];
    const error = await this.#trial.write(plan, deleteByKeys(plan, keys), deleteOfNothing(plan));
    if (error !== null) {
      if (keys.length === 1) {
        const detail = isReferred(error) ? null : refusalCode(error).detail;
        for (const key of keys) this.refuse({table, key, code: 'delete-blocked', detail});
        return;
      }
      const middle = keys.length >> 1;
      await this.#deleteSlice(table, keys.slice(0, middle));
      await this.#deleteSlice(table, keys.slice(middle));
      return;
    }
    for (const key of keys) {
      this.#gone[table].add(key);
      if (table !== 'user_auth') this.#batch.owned.delete(ownedKey(table, key));
    }
  }

  query(sql: string): Promise<unknown[][]> {
    return this.#session.query(sql);
  }

  /** Ownership, dead letters and position, and then all of it at once. */
  async commit(): Promise<Outcome> {
    const {owned, deadLetters, at, fence} = this.#batch;
    const statements = [...owned.statements(), ...deadLetters.storeStatements(this.#letters, at)];
    for (const table of TARGET_TABLES) {
      const keys = healed(this.#batch, table, [...this.#written[table], ...this.#gone[table]]);
      statements.push(
        ...deadLetters.removeStatements(
          table,
          keys.filter(key => !this.#failed[table].has(key)),
        ),
      );
    }
    for (const sql of statements) await this.#session.query(sql);
    await runFenced(this.#session, fence);
    await this.#session.query('COMMIT');
    return {
      upserted: perTable(table => this.#written[table].size),
      deleted: perTable(table => this.#gone[table].size),
      deadLetters: perTable(table => this.#letters.filter(letter => letter.table === table).length),
      wrote: (table, key) => this.#written[table].has(key),
    };
  }
}
