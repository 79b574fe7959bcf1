/**
 * Finds what a statement in the log means for the stream. Pure.
 *
 * SQL is not parsed to find out what is safe to skip, except by two short lists: statements that cannot change
 * rows, and clauses of ALTER TABLE that cannot. Every other statement counts as a change of mapped rows, because
 * a view, a trigger or a stored function reaches a mapped table without naming it. A wrong guess then costs a
 * read of the schema or a reconcile, but never loses a change.
 */
import {sourceColumnsOf, sourcesOf, type Mapping} from '../../src/mapping/mapping.ts';
import {keepsRows, withoutLeadingComments} from './statement-text.ts';

export type StatementKind =
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'rollback-to-savepoint'
  | 'xa-end'
  | 'xa-commit'
  | 'xa-rollback'
  /** Changes a table's definition and leaves its rows unchanged. */
  | 'ddl'
  /** Changes a table's definition and may change its rows: TRUNCATE, DROP, RENAME, CREATE TABLE and others. */
  | 'ddl-with-rows'
  /** Changes no row and no table. */
  | 'harmless'
  /** Changes rows, or may change them. */
  | 'dml';

/** The first words of statements that change no row of a table. */
const HARMLESS =
  /^(?:GRANT|REVOKE|FLUSH|KILL|INSTALL|UNINSTALL|RESET|PURGE|CHANGE|USE|RELEASE\s+SAVEPOINT|RENAME\s+USER|SET\s+(?:PASSWORD|DEFAULT\s+ROLE|ROLE)|(?:ANALYZE|OPTIMIZE|CHECK)\s+(?:(?:NO_WRITE_TO_BINLOG|LOCAL)\s+)?TABLES?)\b/i;
const OBJECT =
  'USER|ROLE|VIEW|TRIGGER|EVENT|PROCEDURE|FUNCTION|SERVER|SEQUENCE|PACKAGE|AGGREGATE|DEFINER|ALGORITHM|SQL\\s+SECURITY|RESOURCE|SPATIAL\\s+REFERENCE';
const HARMLESS_DEFINITION = new RegExp(
  `^(?:CREATE\\s+(?:OR\\s+REPLACE\\s+)?(?:${OBJECT})|CREATE\\s+(?:DATABASE|SCHEMA)|(?:ALTER|DROP)\\s+(?:${OBJECT})|ALTER\\s+(?:DATABASE|SCHEMA|INSTANCE)|DROP\\s+(?:\\/\\*!40005\\s+)?TEMPORARY)\\b`,
  'i',
);
const INDEX_DEFINITION =
  /^(?:CREATE\s+(?:OR\s+REPLACE\s+)?(?:UNIQUE\s+|FULLTEXT\s+|SPATIAL\s+)?|DROP\s+)INDEX\b/i;
/** The first words of statements that cannot be definitions. */
const CHANGES_ROWS = /^(?:INSERT|UPDATE|DELETE|REPLACE|LOAD|CALL|WITH|SELECT|DO)\b/i;
const SELECTS = /\bSELECT\b|\bVALUES\s*(?:ROW\s*)?\(/i;
const TABLE_DEFINITION = /^(?:TRUNCATE|DROP|RENAME|CREATE|ALTER|REPAIR)\b/i;

/** Returns the kind of a statement by its first words. */
export function statementKind(sql: string): StatementKind {
  const {text, isConditional} = withoutLeadingComments(sql);
  const kind = plainKind(text, sql);
  // Whether the server executed `/*!80000 … */` depends on its version.
  if (!isConditional || kind === 'dml') return kind;
  return kind === 'ddl' || kind === 'ddl-with-rows' ? 'ddl-with-rows' : 'dml';
}

function plainKind(text: string, sql: string): StatementKind {
  const [first = '', second = ''] = text
    .slice(0, 200)
    .toUpperCase()
    .split(/[\s(`;]+/, 4);
  if (first === 'ROLLBACK') return second === 'TO' ? 'rollback-to-savepoint' : 'rollback';
  if (first === 'COMMIT') return 'commit';
  if (first === 'SAVEPOINT') return 'savepoint';
  if (/^(?:BEGIN(?:\s+WORK)?|START\s+TRANSACTION\b.*)\s*;?\s*$/i.test(text)) return 'begin';
  if (first === 'XA') {
    if (second === 'COMMIT') return 'xa-commit';
    if (second === 'ROLLBACK') return 'xa-rollback';
    return second === 'START' || second === 'BEGIN' ? 'begin' : 'xa-end';
  }
  if (text === '' || HARMLESS.test(text) || HARMLESS_DEFINITION.test(text)) return 'harmless';
  if (INDEX_DEFINITION.test(text)) return 'ddl';
  // Its SELECT may call a function that changes rows of any table.
  if (/^CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMPORARY\s+)?TABLE\b/i.test(text) && SELECTS.test(sql)) return 'dml';
  if (/^CREATE\s+(?:OR\s+REPLACE\s+)?TEMPORARY\b/i.test(text)) return 'harmless';
  if (/^ALTER\s+(?:ONLINE\s+)?TABLE\b/i.test(text) && keepsRows(sql)) return 'ddl';
  return TABLE_DEFINITION.test(text) ? 'ddl-with-rows' : 'dml';
}

/**
 * Returns the XA transaction that END, COMMIT and ROLLBACK name; MariaDB writes no START. Null for another
 * statement.
 */
export function xaId(sql: string): string | null {
  return /^XA\s+(?:END|COMMIT|ROLLBACK)\s+(.+?)\s*$/is.exec(sql)?.[1] ?? null;
}

/** A statement as it is in the log. */
export interface LoggedStatement {
  readonly sql: string;
  /** The session's default schema. */
  readonly database: string;
  /** The schemas that it changed, as MySQL logs them; null if the log does not say. */
  readonly databases: readonly string[] | null;
}

/** The consequences of a statement. */
export interface Consequence {
  /** The mapped tables whose definitions may have changed. */
  readonly defined: readonly string[];
  /** Why mapped rows may have changed in a way that the log does not show; null if they cannot have changed. */
  readonly unseen: string | null;
}

/** The names for which a statement is searched. */
export interface MappedNames {
  /** The schema of the mapped tables. */
  readonly database: string;
  /** Whether a folded text may hold the name of a mapped table. */
  readonly tables: (text: string) => boolean;
  /** The same for each of them. */
  readonly each: ReadonlyMap<string, (text: string) => boolean>;
  /** The same for the columns that the mapping reads. */
  readonly columns: (text: string) => boolean;
}

export function mappedNames(mapping: Pick<Mapping, 'tables'>, database: string): MappedNames {
  const tables = sourcesOf(mapping);
  return {
    database,
    tables: anyOf(tables),
    each: new Map(tables.map(table => [table, anyOf([table])])),
    columns: anyOf([...new Set(mapping.tables.flatMap(sourceColumnsOf))]),
  };
}

/**
 * Finds any of these names in a text without quotes and in lower case. A name with other characters than ASCII may be
 * in every text that has some, too: servers consider no such letter equal to one of ASCII, but for those that are
 * folded.
 */
function anyOf(names: readonly string[]): (text: string) => boolean {
  const folded = names.map(fold);
  const literals = folded.filter(isPlain).map(name => name.replaceAll(/[^\w ]/g, '\\$&'));
  const found = literals.length === 0 ? null : new RegExp(`(?<![\\w$])(?:${literals.join('|')})(?![\\w$])`);
  const hasOther = literals.length < names.length;
  return text => found?.test(text) === true || (hasOther && !isPlain(text));
}

/** The text of a statement may be in any character set, so only its ASCII characters are reliable. */
function isPlain(text: string): boolean {
  return /^\p{ASCII}*$/u.test(text);
}

const NONE: Consequence = {defined: [], unseen: null};

export function consequenceOf(
  kind: StatementKind,
  statement: LoggedStatement,
  mapped: MappedNames,
): Consequence {
  const {sql, databases} = statement;
  if (kind === 'harmless') return NONE;
  if (databases !== null && !databases.some(name => fold(name) === fold(mapped.database))) return NONE;
  if (kind === 'dml') {
    const mayDefine = !CHANGES_ROWS.test(withoutLeadingComments(sql).text);
    return {
      defined: mayDefine ? namedTables(statement, mapped) : [],
      unseen: 'a change in statement format',
    };
  }
  if (kind !== 'ddl' && kind !== 'ddl-with-rows') return NONE;
  const defined = namedTables(statement, mapped);
  if (defined.length === 0) return NONE;
  if (kind === 'ddl-with-rows')
    return {
      defined,
      unseen: 'a mapped table was truncated, dropped, created, renamed or rebuilt',
    };
  return {
    defined,
    unseen: concernsMappedValues(sql, mapped) ? 'a statement that may have changed mapped columns' : null,
  };
}

/**
 * The mapped tables that a statement may define: those that it names, or all for one about the schema as a whole. No
 * statement can define a table without its name. A name with characters outside of ASCII counts as present if the
 * text has some.
 */
export function namedTables(
  {sql, database: defaultDatabase}: Pick<LoggedStatement, 'sql' | 'database'>,
  {database, tables, each}: MappedNames,
): string[] {
  const text = fold(sql);
  const name = fold(database);
  if (isPlain(database) && fold(defaultDatabase) !== name && !text.includes(name)) return [];
  if (
    /^(?:drop|create\s+or\s+replace)\s+(?:database|schema)\b/i.test(withoutLeadingComments(sql).text) &&
    (!isPlain(database) || text.includes(name))
  )
    return [...each.keys()];
  return tables(text) ? [...each].filter(([, isIn]) => isIn(text)).map(([table]) => table) : [];
}

/** Removes from a name or text what SQL and servers ignore: case, and quotes, which are doubled inside a name. */
function fold(text: string): string {
  // The servers lower U+0130 to `i`.
  return text.replaceAll('\u0130', 'i').toLowerCase().replace(/[`"]/g, '');
}

/**
 * Whether a DDL statement may have changed values of mapped columns without row events: it names one (dropped and
 * added again, shortened, given a default).
 */
export function concernsMappedValues(sql: string, {columns}: MappedNames): boolean {
  return columns(fold(sql));
}
