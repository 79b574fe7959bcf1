/** Finds rows without their parents, which a session without foreign_key_checks can leave despite a foreign key. */
import {queryRows, type Connection} from './connection.ts';
import type {ServerInfo} from './server.ts';
import {SyncError} from '../errors.ts';
import type {ParentJoin} from '../mapping/mapping.ts';
import {quoteName} from '../mapping/quote.ts';

/** If the tables are so large that the query takes longer, the answer is not worth it. */
const LIMIT_MS = 2000;
/** MariaDB's and MySQL's number for a statement that took too long. */
const TOOK_TOO_LONG: ReadonlySet<number> = new Set([1969, 3024]);

/**
 * Returns those of some references in which every row whose reference is not null is known to have its parent. A
 * foreign key alone does not prove it.
 */
export type FindProven = (
  connection: Connection,
  info: ServerInfo,
  joins: readonly ParentJoin[],
) => Promise<readonly ParentJoin[]>;

/** For a source in which every row is known to have its parents. */
export const trustParents: FindProven = (_connection, _info, joins) => Promise.resolve(joins);

/** For a plan that is replaced before the stream begins. */
export const proveNothing: FindProven = () => Promise.resolve([]);

/**
 * Asks the source: all references in one statement, and each by itself if that takes longer than two seconds. A
 * reference for which it takes longer is not proven.
 */
export const askForParents: FindProven = async (connection, info, joins) => {
  const atOnce = await answers(connection, info, joins);
  if (atOnce !== null) return joins.filter((_, i) => atOnce[i] === true);
  if (joins.length === 1) return [];
  const proven: ParentJoin[] = [];
  for (const join of joins) {
    const [isProven] = (await answers(connection, info, [join])) ?? [];
    if (isProven === true) proven.push(join);
  }
  return proven;
};

/** The answers of one source for as long as the stream reads from it: what was asked is not asked again. */
export class KnownParents {
  readonly #answers = new Map<string, boolean>();
  #areAllProven: boolean;

  /** @param areProven every row is known to have its parents, until a definition changes */
  constructor(areProven: boolean) {
    this.#areAllProven = areProven;
  }

  readonly find: FindProven = async (connection, info, joins) => {
    const unknown = joins.filter(join => !this.#answers.has(nameOf(join)));
    const ask = this.#areAllProven ? trustParents : askForParents;
    const proven = new Set(await ask(connection, info, unknown));
    this.#areAllProven = false;
    for (const join of unknown) this.#answers.set(nameOf(join), proven.has(join));
    return joins.filter(join => this.#answers.get(nameOf(join)));
  };

  /** Called when definitions of these source tables have changed, which may have replaced a foreign key. */
  forget(tables: ReadonlySet<string>): void {
    for (const name of this.#answers.keys()) {
      const {child, parent} = JSON.parse(name) as ParentJoin;
      if (tables.has(child) || tables.has(parent)) this.#answers.delete(name);
    }
  }
}

function nameOf({child, columns, parent, parentColumns}: ParentJoin): string {
  return JSON.stringify({child, columns, parent, parentColumns});
}

/** @returns for each reference whether every row has its parent; null if the query takes longer than two seconds */
async function answers(
  connection: Connection,
  {flavour}: ServerInfo,
  joins: readonly ParentJoin[],
): Promise<boolean[] | null> {
  if (joins.length === 0) return [];
  const orphans = joins.map(join => `EXISTS (${orphansOf(join)})`).join(', ');
  const sql =
    flavour === 'mariadb'
      ? `SET STATEMENT max_statement_time = ${LIMIT_MS / 1000} FOR SELECT ${orphans}`
      : `SELECT /*+ MAX_EXECUTION_TIME(${LIMIT_MS}) */ ${orphans}`;
  try {
    const [row] = await queryRows('source', connection, sql);
    return joins.map((_, i) => Number(row?.[i]) === 0);
  } catch (error) {
    if (error instanceof SyncError && TOOK_TOO_LONG.has(error.errno ?? 0)) return null;
    throw error;
  }
}

function orphansOf({child, columns, parent, parentColumns}: ParentJoin): string {
  const own = columns.map(column => `c.${quoteName(column)}`);
  const isSet = own.map(column => `${column} IS NOT NULL`).join(' AND ');
  const isParent = own.map((column, i) => `p.${quoteName(parentColumns[i] ?? '')} = ${column}`).join(' AND ');
  return `SELECT 1 FROM ${quoteName(child)} c WHERE ${isSet} AND NOT EXISTS (SELECT 1 FROM ${quoteName(parent)} p WHERE ${isParent})`;
}
