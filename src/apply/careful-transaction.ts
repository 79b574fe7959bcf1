/**
 * One transaction of the target, statement by statement: one that fails is split until the bad rows stand
 * alone, so that one of them never costs its neighbours.
 */
import type {TablePlan} from '../mapping/plan.ts';
import {TARGET_TABLES, type TargetTable} from '../mapping/tables.ts';
import {perTable, type PerTable} from './change-set.ts';
import type {NewDeadLetter} from './dead-letters.ts';
import type {KeyedRow} from './decide.ts';
import type {Allowance} from './delete-budget.ts';
import {lockAndFindReferred} from './references.ts';
import {isReferred, isUniqueClash, refusalCode} from './refusal.ts';
import {runFenced, type Session} from './session.ts';
import {deleteByKeys, deleteOfNothing, inBatches, runsOf, upsertOfNothing, upserts} from './statements.ts';
import {healed, ownedKey, type Batch, type Outcome} from './transaction.ts';
import {Trial} from './trial.ts';
import {writeClashing, type Refusal} from './clashes.ts';

/** How stale rows leave for others. */
export interface WayGiving {
  stale(table: TargetTable, keys: readonly string[]): Promise<ReadonlySet<string>>;
  /** @returns those that must stay */
  evict(table: TargetTable, keys: readonly string[]): Promise<readonly string[]>;
}

export class CarefulTransaction {
  readonly #session: Session;
  readonly #batch: Batch;
  readonly #wayGiving: WayGiving;
  readonly #allowance: Allowance | null;
  readonly #trial: Trial;
  readonly #letters: NewDeadLetter[];
  /** Users that were not ours before: they have no user_auth row of ours either. */
  readonly #newUsers = new Set<string>();
  readonly #written = perTable(() => new Set<string>());
  readonly #gone = perTable(() => new Set<string>());
  readonly #failed = perTable(() => new Set<string>());
  readonly #evicted = perTable(() => new Set<string>());
  /** What takes back the changes in memory since the last savepoint. */
  readonly #undo: (() => void)[] = [];

  constructor(session: Session, batch: Batch, wayGiving: WayGiving, allowance: Allowance | null) {
    this.#session = session;
    this.#batch = batch;
    this.#wayGiving = wayGiving;
    this.#allowance = allowance;
    this.#trial = new Trial(session);
    this.#letters = [...batch.work.deadLetters];
    for (const {table, key} of this.#letters) this.#failed[table].add(key);
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
    this.#include(this.#failed[letter.table], letter.key);
    this.#letters.push(letter);
    this.#undo.push(() => this.#letters.pop());
  }

  async upsert(table: TargetTable, rows: readonly KeyedRow[]): Promise<void> {
    const size = this.#batch.options.batchRows;
    for (let at = 0; at < rows.length; at += size) {
      const refused: Refusal[] = [];
      const outcome = await this.#write(table, rows.slice(at, at + size), refused, 'stop at a clash');
      for (const {letter} of refused) this.refuse(letter);
      if (outcome === 'clash') {
        // Values may move between any of the rows that are still to be written, not only within a slice.
        const rest = rows.slice(at).filter(({key}) => !this.hasFailed(table, key));
        return this.#upsertClashing(table, rest);
      }
    }
  }

  /**
   * Makes way for unique values that move, and writes. A row that the server refuses all the same must
   * not be left with the value it was parked under: then all of it is taken back and done without that row.
   */
  async #upsertClashing(table: TargetTable, rows: readonly KeyedRow[]): Promise<void> {
    const {plan, owned, options} = this.#batch;
    await writeClashing(
      {
        session: this.#session,
        plan: plan.tables[table],
        newestWins: options.newestWins,
        write: async ordered => {
          const refused: Refusal[] = [];
          for (const slice of inBatches(ordered, options.batchRows))
            await this.#write(table, slice, refused, 'refuse a clash');
          return refused;
        },
        keep: key => this.#wrote(table, key),
        refuse: letter => this.refuse(letter),
        mark: async () => {
          this.#undo.length = 0;
          await this.#session.query('SAVEPOINT unclashed');
        },
        undo: async () => {
          await this.#session.query('ROLLBACK TO SAVEPOINT unclashed');
          for (const undo of this.#undo.splice(0).toReversed()) undo();
        },
        isOwned: key => this.#batch.mayDelete && owned.has(ownedKey(table, key)),
        givingWay: keys => this.#wayGiving.stale(table, keys),
        evict: keys => this.#wayGiving.evict(table, keys),
      },
      rows,
    );
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
    refused: Refusal[],
    onClash: 'stop at a clash' | 'refuse a clash',
  ): Promise<'done' | 'clash'> {
    if (rows.length === 0) return 'done';
    const {options} = this.#batch;
    // Rows that clashed were compared with the target's, and are written whatever parking made of their dates.
    const newestWins = options.newestWins && onClash === 'stop at a clash';
    const error = await this.#tryToWrite(this.#batch.plan.tables[table], rows, newestWins);
    if (error !== null) {
      const isClash = isUniqueClash(error);
      if (onClash === 'stop at a clash' && isClash) return 'clash';
      if (rows.length === 1) {
        for (const {key} of rows) refused.push({letter: {table, key, ...refusalCode(error)}, isClash});
        return 'done';
      }
      const middle = rows.length >> 1;
      for (const half of [rows.slice(0, middle), rows.slice(middle)]) {
        if ((await this.#write(table, half, refused, onClash)) === 'clash') return 'clash';
      }
      return 'done';
    }
    for (const {key} of rows) this.#wrote(table, key);
    return 'done';
  }

  /** @returns null where all were written, else what the server refused of one of them */
  async #tryToWrite(plan: TablePlan, rows: readonly KeyedRow[], newestWins: boolean) {
    const size = {rows: this.#batch.options.batchRows, bytes: this.#session.maxStatementBytes};
    for (const run of runsOf(rows, ({key}) => this.#isPresent(plan, key))) {
      const options = {newestWins, arePresent: run.is};
      for (const sql of upserts(plan, run.items, size, options)) {
        const refused = await this.#trial.write(plan, sql, upsertOfNothing(plan, options));
        if (refused !== null) return refused;
      }
    }
    return null;
  }

  /** As far as ownership tells, and where it matters. */
  #isPresent({target, surrogate}: TablePlan, key: string): boolean {
    if (surrogate === null || (target === 'user_auth' && this.#newUsers.has(key))) return false;
    return this.#batch.owned.has(ownedKey(target, key));
  }

  #wrote(table: TargetTable, key: string): void {
    const {owned} = this.#batch;
    this.#include(this.#written[table], key);
    if (table === 'user_auth' || owned.has(ownedKey(table, key))) return;
    owned.add(ownedKey(table, key));
    if (table === 'user') this.#include(this.#newUsers, key);
    this.#undo.push(() => owned.delete(ownedKey(table, key)));
  }

  #include(keys: Set<string>, key: string): void {
    if (keys.has(key)) return;
    keys.add(key);
    this.#undo.push(() => keys.delete(key));
  }

  /** Deletes rows that are ours; one that something refers to stays, as a dead letter. */
  async delete(table: TargetTable, keys: readonly string[]): Promise<void> {
    for (const slice of inBatches(keys, this.#batch.options.batchRows)) {
      const blocked = await this.#deleteLocked(table, slice, this.#gone[table]);
      for (const [key, by] of blocked) this.refuse({table, key, code: 'delete-blocked', detail: by});
    }
  }

  /**
   * Deletes rows that give way; their dead letters stay as they are.
   *
   * @returns those that something refers to
   */
  async evict(table: TargetTable, keys: readonly string[]): Promise<string[]> {
    const blocked: string[] = [];
    for (const slice of inBatches(keys, this.#batch.options.batchRows))
      blocked.push(...(await this.#deleteLocked(table, slice, this.#evicted[table])).keys());
    return blocked;
  }

  /** @returns what stays, with what refers to it or the server's error number */
  async #deleteLocked(
    table: TargetTable,
    wanted: readonly string[],
    gone: Set<string>,
  ): Promise<Map<string, string | null>> {
    const {plan} = this.#batch;
    const {blocked, locked} = await lockAndFindReferred(this.#session, plan, table, wanted);
    this.#allowance?.take(table, Math.max(0, locked - blocked.size));
    const stays = new Map<string, string | null>(blocked);
    await this.#deleteSlice(
      table,
      wanted.filter(key => !blocked.has(key)),
      gone,
      stays,
    );
    return stays;
  }

  async #deleteSlice(
    table: TargetTable,
    keys: readonly string[],
    gone: Set<string>,
    stays: Map<string, string | null>,
  ): Promise<void> {
    if (keys.length === 0) return;
    const {plan, owned} = this.#batch;
    const tablePlan = plan.tables[table];
    const error = await this.#trial.write(
      tablePlan,
      deleteByKeys(tablePlan, keys),
      deleteOfNothing(tablePlan),
    );
    if (error !== null) {
      if (keys.length === 1) {
        for (const key of keys) stays.set(key, isReferred(error) ? null : refusalCode(error).detail);
        return;
      }
      const middle = keys.length >> 1;
      await this.#deleteSlice(table, keys.slice(0, middle), gone, stays);
      await this.#deleteSlice(table, keys.slice(middle), gone, stays);
      return;
    }
    for (const key of keys) {
      this.#include(gone, key);
      if (table === 'user_auth' || !owned.has(ownedKey(table, key))) continue;
      owned.delete(ownedKey(table, key));
      this.#undo.push(() => owned.add(ownedKey(table, key)));
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
      evicted: perTable(table => [...this.#evicted[table]]),
    };
  }
}
