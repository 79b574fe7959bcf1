/**
 * Rows that are eligible but cannot be written: kept by key and code, never with a value. A row leaves when it
 * is written or is gone from the source.
 */
import {readClosed} from '../db/counted.ts';
import type {DeadLetterCode} from '../errors.ts';
import type {TablePlan} from '../mapping/columns.ts';
import type {RowKey} from '../mapping/key.ts';
import {perTable, type PerTable, type Plan} from '../mapping/plan.ts';
import {literal} from './sql-text.ts';

export interface NewDeadLetter {
  readonly table: TablePlan;
  readonly key: RowKey;
  readonly code: DeadLetterCode;
  /** The other key of a conflict, the server's error number, the table that refers: never a value. */
  readonly detail: string | null;
}

type Query = (sql: string) => Promise<unknown[][]>;
const KEYS_PER_QUERY = 1000;
/** Longer chains of rows that wait for each other are left to the next reconcile. */
const MAX_LINKS = 100;

export class DeadLetters {
  readonly #stream: string;
  /** How many there are; while none, nothing is asked of the server. */
  #count = 0;

  constructor(stream: string) {
    this.#stream = stream;
  }

  get count(): number {
    return this.#count;
  }

  async recount(query: Query): Promise<void> {
    const [row] = await query(
      `SELECT COUNT(*) FROM sync_dead_letter WHERE stream = ${literal(this.#stream)}`,
    );
    this.#count = Number(row?.[0] ?? 0);
  }

  /** Those of `keys` that are dead letters now. */
  async known(plan: Plan, keys: PerTable<Iterable<RowKey>>, query: Query): Promise<PerTable<Set<RowKey>>> {
    const known = perTable(plan, () => new Set<RowKey>());
    if (this.#count === 0) return known;
    for (const table of plan.tables) {
      const list = [...(keys[table.index] ?? [])];
      for (let i = 0; i < list.length; i += KEYS_PER_QUERY) {
        const where = this.#condition(table, list.slice(i, i + KEYS_PER_QUERY));
        for (const [key] of await readClosed(query, {columns: ['row_key'], from: 'sync_dead_letter', where}))
          known[table.index]?.add(String(key));
      }
    }
    return known;
  }

  /** What stores these, in the transaction of the rows. */
  storeStatements(letters: readonly NewDeadLetter[], position: string): string[] {
    const statements: string[] = [];
    for (let i = 0; i < letters.length; i += KEYS_PER_QUERY) {
      const rows = letters
        .slice(i, i + KEYS_PER_QUERY)
        .map(
          ({table, key, code, detail}) =>
            `(${[this.#stream, table.target, key, code, detail, position].map(literal).join(',')},UTC_TIMESTAMP(3),UTC_TIMESTAMP(3),1)`,
        );
      statements.push(
        'INSERT INTO sync_dead_letter (stream, target_table, row_key, code, detail, position, first_seen_at, last_seen_at, attempts) ' +
          `VALUES ${rows.join(',')} ON DUPLICATE KEY UPDATE code = VALUES(code), detail = VALUES(detail), ` +
          'position = VALUES(position), last_seen_at = VALUES(last_seen_at), attempts = attempts + 1',
      );
    }
    return statements;
  }

  removeStatements(table: TablePlan, keys: readonly RowKey[]): string[] {
    const statements: string[] = [];
    for (let i = 0; i < keys.length; i += KEYS_PER_QUERY) {
      statements.push(
        `DELETE FROM sync_dead_letter WHERE ${this.#condition(table, keys.slice(i, i + KEYS_PER_QUERY))}`,
      );
    }
    return statements;
  }

  /**
   * Rows that wait for one of these, or for a child of one of these, to free a unique value; and, since who
   * gets a value gives up another, those that wait for them in turn.
   */
  async waitingFor(
    plan: Plan,
    freed: PerTable<Iterable<RowKey>>,
    query: Query,
  ): Promise<PerTable<Set<RowKey>>> {
    const waiting = perTable(plan, () => new Set<RowKey>());
    if (this.#count === 0) return waiting;
    for (const table of plan.tables) {
      const found = waiting[table.index] ?? new Set();
      let next = await this.#blockedBy(table, 'detail', freed[table.index] ?? [], query);
      for (const {inKey, parentTable} of plan.entityOf[table.index]?.parents ?? []) {
        if (inKey === null) continue;
        const parent = `CONCAT_WS(':', ${inKey.map(partOfDetail).join(', ')})`;
        next.push(...(await this.#blockedBy(table, parent, freed[parentTable.index] ?? [], query)));
      }
      for (let links = 0; next.length > 0 && links < MAX_LINKS; links++) {
        for (const key of next) found.add(key);
        next = (await this.#blockedBy(table, 'detail', next, query)).filter(key => !found.has(key));
      }
    }
    return waiting;
  }

  /** @param blocker what of the blocking row's key is compared with `keys` */
  async #blockedBy(
    {target}: TablePlan,
    blocker: string,
    keys: Iterable<RowKey>,
    query: Query,
  ): Promise<RowKey[]> {
    const list = [...keys];
    const found: RowKey[] = [];
    for (let i = 0; i < list.length; i += KEYS_PER_QUERY) {
      const slice = list.slice(i, i + KEYS_PER_QUERY).map(literal);
      const rows = await query(
        `SELECT row_key FROM sync_dead_letter WHERE stream = ${literal(this.#stream)} AND code = 'unique-conflict' ` +
          `AND target_table = ${literal(target)} AND ${blocker} IN (${slice.join(',')})`,
      );
      for (const [key] of rows) found.push(String(key));
    }
    return found;
  }

  /** A page of keys of one table in order of key, for a retry of all. */
  async page({target}: TablePlan, after: string, limit: number, query: Query): Promise<RowKey[]> {
    const rows = await query(
      `SELECT row_key FROM sync_dead_letter WHERE stream = ${literal(this.#stream)} AND target_table = ${literal(target)} ` +
        `AND row_key > ${literal(after)} ORDER BY row_key LIMIT ${limit}`,
    );
    return rows.map(([key]) => String(key));
  }

  /** A page of rows of one table that wait for a unique value, in order of key. */
  async conflicts({target}: TablePlan, after: string, limit: number, query: Query): Promise<RowKey[]> {
    const rows = await query(
      `SELECT row_key FROM sync_dead_letter WHERE stream = ${literal(this.#stream)} AND code = 'unique-conflict' ` +
        `AND target_table = ${literal(target)} AND row_key > ${literal(after)} ORDER BY row_key LIMIT ${limit}`,
    );
    return rows.map(([key]) => String(key));
  }

  #condition({target}: TablePlan, keys: readonly RowKey[]): string {
    return `stream = ${literal(this.#stream)} AND target_table = ${literal(target)} AND row_key IN (${keys.map(literal).join(',')})`;
  }
}

/** A part of the blocking row's key. */
function partOfDetail(index: number): string {
  return `SUBSTRING_INDEX(SUBSTRING_INDEX(detail, ':', ${index + 1}), ':', -1)`;
}
