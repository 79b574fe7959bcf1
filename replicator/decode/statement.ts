/**
 * What a statement in the log means for us. We never parse SQL: the first word and whether a mapped
 * table is named decide, and what is doubtful costs a look at the schema or a reconcile, never a change.
 */
import {SOURCE_TABLE_NAMES, SOURCE_TABLES} from '../../src/mapping/tables.ts';

export type StatementKind =
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'rollback-to-savepoint'
  | 'xa-end'
  | 'xa-commit'
  | 'xa-rollback'
  /** Changes tables' definitions. */
  | 'ddl'
  /** Changes definitions and takes rows along: TRUNCATE, DROP, RENAME, CREATE … */
  | 'ddl-with-rows'
  /** Changes rows. */
  | 'dml'
  | 'other';

/** Comments before the first word, as tools and the server itself write them. */
const LEADING_COMMENTS = /^(?:\s+|\/\*(?!!)[\s\S]*?\*\/|\/\*!\d*|(?:--\s|#).*(?:\n|$))+/;

const KINDS: Readonly<Record<string, StatementKind>> = {
  BEGIN: 'begin',
  COMMIT: 'commit',
  SAVEPOINT: 'savepoint',
  TRUNCATE: 'ddl-with-rows',
  DROP: 'ddl-with-rows',
  RENAME: 'ddl-with-rows',
  CREATE: 'ddl-with-rows',
  ALTER: 'ddl',
  INSERT: 'dml',
  UPDATE: 'dml',
  DELETE: 'dml',
  REPLACE: 'dml',
  LOAD: 'dml',
  WITH: 'dml',
  CALL: 'dml',
  MERGE: 'dml',
};

export function statementKind(sql: string): StatementKind {
  const text = sql.slice(0, 4096).replace(LEADING_COMMENTS, '');
  const words = text
    .slice(0, 200)
    .toUpperCase()
    .split(/[\s(`;]+/, 4);
  const [first = '', second = ''] = words;
  if (first === 'ROLLBACK') return second === 'TO' ? 'rollback-to-savepoint' : 'rollback';
  if (first === 'START') return 'begin';
  if (first === 'XA') {
    if (second === 'COMMIT') return 'xa-commit';
    if (second === 'ROLLBACK') return 'xa-rollback';
    return second === 'START' || second === 'BEGIN' ? 'begin' : 'xa-end';
  }
  if (
    first === 'ALTER' &&
    /\bRENAME\b|\bEXCHANGE\b|\bTRUNCATE\b|\bDROP\s+PARTITION\b|\bDISCARD\b|\bIMPORT\b/i.test(text)
  )
    return 'ddl-with-rows';
  if (
    first === 'CREATE' &&
    /^CREATE\s+(?:OR\s+REPLACE\s+)?(?:USER|ROLE|(?:UNIQUE\s+)?INDEX|VIEW|TRIGGER|EVENT|PROCEDURE|FUNCTION|DEFINER)/i.test(
      text,
    )
  )
    return 'ddl';
  return KINDS[first] ?? 'other';
}

/** Of which XA transaction END, COMMIT and ROLLBACK speak: MariaDB writes no START. Null for another statement. */
export function xaId(sql: string): string | null {
  return /^XA\s+(?:END|COMMIT|ROLLBACK)\s+(.+?)\s*$/is.exec(sql)?.[1] ?? null;
}

/** Whether a statement may touch a mapped table of `database`: it names one, or the database itself. */
export function concernsMappedTables(sql: string, defaultDatabase: string, database: string): boolean {
  const here = defaultDatabase.toLowerCase() === database.toLowerCase();
  const lower = sql.toLowerCase();
  if (!here && !lower.includes(database.toLowerCase())) return false;
  if (/^\s*drop\s+(?:database|schema)\b/i.test(sql.replace(LEADING_COMMENTS, ''))) return true;
  return SOURCE_TABLE_NAMES.some(table => new RegExp(`(?<![\\w$])${table}(?![\\w$])`, 'i').test(lower));
}

/** Every column that the mapping reads. */
const COLUMN_NAMES = [...new Set(Object.values(SOURCE_TABLES).flatMap(({columns}) => columns))];
const MAPPED_VALUES = new RegExp(`(?<![\\w$])(?:${COLUMN_NAMES.join('|')}|CONVERT)(?![\\w$])`, 'i');

/**
 * Whether a DDL statement may have changed values of mapped columns, which no row event tells: it names
 * one (dropped and added again, made shorter, given a default), or converts the whole table.
 */
export function concernsMappedValues(sql: string): boolean {
  return MAPPED_VALUES.test(sql);
}
