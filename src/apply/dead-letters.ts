/**
 * Rows that are eligible but cannot be written: stored by key and code, never with a value. A dead letter is
 * removed when its row is written or is deleted from the source.
 */
import {readClosed, type Query} from '../db/counted.ts';
import type {DeadLetterCode} from '../errors.ts';
import type {TablePlan} from '../mapping/columns.ts';
import {parentKeyOf, type Edge} from '../mapping/entities.ts';
import type {RowKey} from '../mapping/key.ts';
import {MAX_KEY_LENGTH} from '../mapping/limits.ts';
import {perTable, type PerTable, type Plan} from '../mapping/plan.ts';
import {literal} from './sql-text.ts';

export interface NewDeadLetter {
  readonly table: TablePlan;
  readonly key: RowKey;
  readonly code: DeadLetterCode;
  /** The other key of a conflict, the server's error number, or the table that refers to the row: never a value. */
  readonly detail: string | null;
}

const KEYS_PER_QUERY = 1000;
/** Longer chains of rows that wait for each other are left to the next reconcile. */
const MAX_LINKS = 100;

export class DeadLetters {
  readonly #stream: string;
  /** The number of dead letters; while it is zero, the server is not queried. */
  #count = 0;

  constructor(stream: string) {
    this.#stream = stream;
  }

  get count(): number {
    return this.#count;
  }

  async recount(query: Query): Promise<void> {
    const [row] = await query('SELECT COUNT(*) FROM sync_dead_letter WHERE stream = ?', [this.#stream]);
    this.#count = Number(row?.[0] ?? 0);
  }

  /** Returns those of `keys` that are dead letters now. */
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

  /** Returns the statements that store these, in the transaction of the rows. */
  storeStatements(letters: readonly NewDeadLetter[], position: string): string[] {
    const statements: string[] = [];
    for (let i = 0; i < letters.length; i += KEYS_PER_QUERY) {
      const rows = letters
        .slice(i, i + KEYS_PER_QUERY)
        .map(
          ({table, key, code, detail}) =>
            `(${[this.#stream, table.target, key, code, fitting(detail), position].map(literal).join(',')},UTC_TIMESTAMP(3),UTC_TIMESTAMP(3),1)`,
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
   * Finds rows that wait for one of these, or for a child of one of these, to free a unique value; and, because a
   * row that takes a value frees another, the rows that wait for those in turn.
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
      for (const edge of plan.entityOf[table.index]?.parents ?? [])
        if (edge.inKey !== null)
          next.push(...(await this.#blockedByChild(table, edge, freed[edge.parentTable.index] ?? [], query)));
      for (let links = 0; next.length > 0 && links < MAX_LINKS; links++) {
        for (const key of next) found.add(key);
        next = (await this.#blockedBy(table, 'detail', next, query)).filter(key => !found.has(key));
      }
    }
    return waiting;
  }

  /** Rows that wait for a child of one of these. */
  async #blockedByChild(
    table: TablePlan,
    edge: Edge,
    parents: Iterable<RowKey>,
    query: Query,
  ): Promise<RowKey[]> {
    const freed = new Set(parents);
    const list = [...freed];
    if (edge.child.key.isOfNumbers)
      return this.#blockedBy(
        table,
        `CONCAT_WS(':', ${edge.inKey?.map(partOfDetail).join(', ')})`,
        list,
        query,
      );
    if (list.length === 0) return [];
    // A text has other forms in a key of several columns, which the server cannot take apart.
    const rows = await query(
      "SELECT row_key, detail FROM sync_dead_letter WHERE stream = ? AND code = 'unique-conflict' AND target_table = ? AND detail IS NOT NULL",
      [this.#stream, table.target],
    );
    return rows.flatMap(([key, detail]) => {
      const parent = parentKeyOf(edge, String(detail), null);
      return parent != null && freed.has(parent) ? String(key) : [];
    });
  }

  /** @param blocker the part of the blocking row's key that is compared with `keys` */
  async #blockedBy(
    {target}: TablePlan,
    blocker: string,
    keys: Iterable<RowKey>,
    query: Query,
  ): Promise<RowKey[]> {
    const list = [...keys];
    const found: RowKey[] = [];
    for (let i = 0; i < list.length; i += KEYS_PER_QUERY) {
      const rows = await query(
        `SELECT row_key FROM sync_dead_letter WHERE stream = ? AND code = 'unique-conflict' AND target_table = ? AND ${blocker} IN (?)`,
        [this.#stream, target, list.slice(i, i + KEYS_PER_QUERY)],
      );
      for (const [key] of rows) found.push(String(key));
    }
    return found;
  }

  /** Returns a page of keys of one table in key order, to retry all. */
  async page({target}: TablePlan, after: string, limit: number, query: Query): Promise<RowKey[]> {
    const rows = await query(
      'SELECT row_key FROM sync_dead_letter WHERE stream = ? AND target_table = ? AND row_key > ? ORDER BY row_key LIMIT ?',
      [this.#stream, target, after, limit],
    );
    return rows.map(([key]) => String(key));
  }

  /** Returns a page of rows of one table that wait for a unique value, in key order. */
  async conflicts({target}: TablePlan, after: string, limit: number, query: Query): Promise<RowKey[]> {
    const rows = await query(
      "SELECT row_key FROM sync_dead_letter WHERE stream = ? AND code = 'unique-conflict' AND target_table = ? AND row_key > ? ORDER BY row_key LIMIT ?",
      [this.#stream, target, after, limit],
    );
    return rows.map(([key]) => String(key));
  }

  #condition({target}: TablePlan, keys: readonly RowKey[]): string {
    return `stream = ${literal(this.#stream)} AND target_table = ${literal(target)} AND row_key IN (${keys.map(literal).join(',')})`;
  }
}

/** The key of a row that is not ours may be longer than ours can be. */
function fitting(detail: string | null): string | null {
  return detail !== null && detail.length > MAX_KEY_LENGTH ? null : detail;
}

/** Returns a part of the blocking row's key. */
function partOfDetail(index: number): string {
  return `SUBSTRING_INDEX(SUBSTRING_INDEX(detail, ':', ${index + 1}), ':', -1)`;
}
