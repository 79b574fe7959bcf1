/**
 * Rows that are eligible but cannot be written (docs/rules.md, Dead letters): kept by key and code, never with a
 * value. A row leaves when it is written or is gone from the source.
 */
import {readCounted} from '../db/counted.ts';
import type {DeadLetterCode} from '../errors.ts';
import {TARGET_TABLES, type TargetTable} from '../mapping/tables.ts';
import {perTable, type PerTable} from './change-set.ts';
import {literal} from './sql-text.ts';

export interface NewDeadLetter {
  readonly table: TargetTable;
  readonly key: string;
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
  async known(keys: PerTable<Iterable<string>>, query: Query): Promise<PerTable<Set<string>>> {
    const known = perTable(() => new Set<string>());
    if (this.#count === 0) return known;
    for (const table of TARGET_TABLES) {
      const list = [...keys[table]];
      for (let i = 0; i < list.length; i += KEYS_PER_QUERY) {
        const slice = list.slice(i, i + KEYS_PER_QUERY);
        for (const [key] of await readCounted(query, {
          columns: 'row_key',
          from: 'sync_dead_letter',
          where: this.#condition(table, slice),
        })) {
          known[table].add(String(key));
        }
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
            `(${[this.#stream, table, key, code, detail, position].map(literal).join(',')},UTC_TIMESTAMP(3),UTC_TIMESTAMP(3),1)`,
        );
      statements.push(
        'INSERT INTO sync_dead_letter (stream, target_table, row_key, code, detail, position, first_seen_at, last_seen_at, attempts) ' +
          `VALUES ${rows.join(',')} ON DUPLICATE KEY UPDATE code = VALUES(code), detail = VALUES(detail), ` +
          'position = VALUES(position), last_seen_at = VALUES(last_seen_at), attempts = attempts + 1',
      );
    }
    return statements;
  }

  removeStatements(table: TargetTable, keys: readonly string[]): string[] {
    const statements: string[] = [];
    for (let i = 0; i < keys.length; i += KEYS_PER_QUERY) {
      statements.push(
        `DELETE FROM sync_dead_letter WHERE ${this.#condition(table, keys.slice(i, i + KEYS_PER_QUERY))}`,
      );
    }
    return statements;
  }

  /**
   * Rows that wait for one of these, or for a membership of one of these users or institutes, to free a unique
   * value; and, since who gets a value gives up another, those that wait for them in turn.
   */
  async waitingFor(freed: PerTable<readonly string[]>, query: Query): Promise<PerTable<Set<string>>> {
    const waiting = perTable(() => new Set<string>());
    if (this.#count === 0) return waiting;
    const conflicts = `stream = ${literal(this.#stream)} AND code = 'unique-conflict' AND target_table =`;
    for (const table of TARGET_TABLES) {
      const find = async (keys: readonly string[], blocker: string) => {
        const found: string[] = [];
        for (let i = 0; i < keys.length; i += KEYS_PER_QUERY) {
          const list = keys
            .slice(i, i + KEYS_PER_QUERY)
            .map(literal)
            .join(',');
          const sql = `SELECT row_key FROM sync_dead_letter WHERE ${conflicts} ${literal(table)} AND ${blocker} IN (${list})`;
          for (const [key] of await query(sql)) found.push(String(key));
        }
        return found.filter(key => !waiting[table].has(key));
      };
      let next = await find(freed[table], 'detail');
      if (table === 'institute_users') {
        next.push(...(await find(freed.institute, "SUBSTRING_INDEX(detail, ':', 1)")));
        next.push(...(await find(freed.user, "SUBSTRING_INDEX(detail, ':', -1)")));
      }
      for (let links = 0; next.length > 0 && links < MAX_LINKS; links++) {
        for (const key of next) waiting[table].add(key);
        next = await find(next, 'detail');
      }
    }
    return waiting;
  }

  /** A page of keys of one table in order of key, for a retry of all. */
  async page(table: TargetTable, after: string, limit: number, query: Query): Promise<string[]> {
    const rows = await query(
      `SELECT row_key FROM sync_dead_letter WHERE stream = ${literal(this.#stream)} AND target_table = ${literal(table)} ` +
        `AND row_key > ${literal(after)} ORDER BY row_key LIMIT ${limit}`,
    );
    return rows.map(([key]) => String(key));
  }

  /** A page of rows of one table that wait for a unique value, in order of key. */
  async conflicts(table: TargetTable, after: string, limit: number, query: Query): Promise<string[]> {
    const rows = await query(
      `SELECT row_key FROM sync_dead_letter WHERE stream = ${literal(this.#stream)} AND code = 'unique-conflict' ` +
        `AND target_table = ${literal(table)} AND row_key > ${literal(after)} ORDER BY row_key LIMIT ${limit}`,
    );
    return rows.map(([key]) => String(key));
  }

  #condition(table: TargetTable, keys: readonly string[]): string {
    return `stream = ${literal(this.#stream)} AND target_table = ${literal(table)} AND row_key IN (${keys.map(literal).join(',')})`;
  }
}
