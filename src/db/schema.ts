/** Reads tables from information_schema. */
import {queryRows, type Connection, type Side} from './connection.ts';
import {readServerInfo} from './server.ts';
import type {SourceSchema, TableSchema, TargetSchema} from '../mapping/schema.ts';
import {parentJoins, sourcesOf, targetsOf, type Mapping} from '../mapping/mapping.ts';
import {SyncError} from '../errors.ts';
import {COMMITTED_TABLES} from '../mapping/bookkeeping.ts';
import {clausesOf} from '../mapping/column-clause.ts';
import {isParentKey} from '../mapping/cascades.ts';
import {readCascades} from './cascades.ts';
import {readDefinitionsOf, type Definition} from './definitions.ts';
import {readOtherEngines} from './engines.ts';
import {askForParents, type FindProven} from './orphans.ts';
import {readReferences, type ReferringSide} from './referring-keys.ts';
import {readRowEnds} from './versioning.ts';
import {settled} from '../lifecycle/settled.ts';

/**
 * Reads the source's mapped tables, and the foreign keys that concern them. The number of statements does not grow
 * with that of the tables, but for one for each hundred.
 *
 * @param findProven finds out in which references no row lacks its parent. By default the source is asked, which
 *   takes longer the larger the tables are, up to two seconds for each reference
 * @throws SyncError `schema-incompatible` if a table is missing
 */
export async function readSourceSchema(
  connection: Connection,
  name: string,
  mapping: Mapping,
  findProven: FindProven = askForParents,
): Promise<SourceSchema> {
  const [written, info] = await settled([
    readSpelling('source', connection),
    readServerInfo('source', connection),
  ]);
  const database = written(name);
  const names = sourcesOf(mapping);
  const [{tables, definitions}, rowEnds] = await settled([
    readTables('source', connection, database, names, written),
    readRowEnds(connection, database, names),
  ]);
  const missing = names.filter(table => !tables.has(table));
  if (missing.length > 0) {
    throw new SyncError(
      'schema-incompatible',
      `the source has no table ${missing.map(table => `${database}.${table}`).join(', ')}, or the account may not see it`,
    );
  }
  for (const [found, rowEnd] of rowEnds) {
    const table = names.find(one => written(one) === written(found)) ?? '';
    const schema = tables.get(table);
    // A unique key that contains the end of a row's period is also unique without it among the current rows, and
    // only these are mapped.
    const ofCurrent = (keys: TableSchema['uniqueKeys'] = []) =>
      keys.map(key => key.filter(column => column !== rowEnd));
    if (schema === undefined) continue;
    const [uniqueKeys, prefixKeys] = [ofCurrent(schema.uniqueKeys), ofCurrent(schema.prefixKeys)];
    tables.set(table, {...schema, uniqueKeys, prefixKeys, rowEnd});
  }
  const {cascades, keys} = await readCascades(connection, database, info, mapping, definitions);
  const joins = parentJoins(mapping).filter(join => keys.some(key => isParentKey(key, database, [join])));
  const enforced = await findProven(connection, info, joins);
  return {tables, enforced, cascades};
}

/**
 * Reads the target's mapped tables and the foreign keys that refer to them.
 *
 * @param referring the schemas whose keys are read: only a writer that deletes needs those of other schemas, for
 *   which MariaDB reads the files of all its tables
 * @throws SyncError `target-incompatible` if a table is missing
 */
export async function readTargetSchema(
  connection: Connection,
  name: string,
  mapping: Mapping,
  referring: ReferringSide = 'from any schema',
): Promise<TargetSchema> {
  const [written, {flavour}] = await settled([
    readSpelling('target', connection),
    readServerInfo('target', connection),
  ]);
  const database = written(name);
  const names = targetsOf(mapping);
  const [{tables}, found, otherEngines] = await settled([
    readTables('target', connection, database, names, written),
    readReferences('target', connection, database, referring),
    readOtherEngines('target', connection, database, [...names, ...COMMITTED_TABLES]),
  ]);
  const missing = names.filter(table => !tables.has(table));
  if (missing.length > 0) {
    throw new SyncError(
      'target-incompatible',
      `the target has no table ${missing.join(', ')} in ${database}: run laas-sync migrate`,
    );
  }
  const mappedName = (table: string) => names.find(one => written(one) === written(table)) ?? table;
  const references = found
    .map(reference => ({
      ...reference,
      table: reference.schema === '' ? mappedName(reference.table) : reference.table,
      referenced: mappedName(reference.referenced),
    }))
    .filter(({referenced}) => names.includes(referenced));
  return {
    tables,
    references,
    otherEngines,
    // MariaDB reads the files of every table of every schema for this query.
    referringSchemas:
      flavour === 'mysql'
        ? null
        : [...new Set(references.map(({schema}) => schema))].filter(schema => schema !== ''),
  };
}

/** Returns the name of a schema or a table as a server, its log and information_schema write it. */
type Spelling = (name: string) => string;

/** In lower case if the server ignores case (lower_case_table_names). */
async function readSpelling(side: Side, connection: Connection): Promise<Spelling> {
  const [row] = await queryRows(side, connection, 'SELECT @@lower_case_table_names');
  return Number(row?.[0]) === 0 ? name => name : name => name.toLowerCase();
}

interface FoundTables {
  readonly tables: Map<string, TableSchema>;
  readonly definitions: ReadonlyMap<string, Definition>;
}

async function readTables(
  side: Side,
  connection: Connection,
  database: string,
  names: readonly string[],
  written: Spelling,
): Promise<FoundTables> {
  const read = () => readDescriptions(side, connection, database, names);
  // The definitions come first, because they wait for one that is being committed. MySQL sends the log before that,
  // and its information_schema does not wait.
  const [definitions, early] = await settled([readDefinitionsOf(side, connection, database, names), read()]);
  // Those behind a definition that is refused were asked for once more.
  const areFirst = [...definitions.values()].every(definition => 'text' in definition);
  const [columns, keys, rows] = areFirst ? early : await read();
  const byTable = (found: readonly unknown[][]) => {
    const grouped = new Map<string, (readonly unknown[])[]>();
    for (const row of found) {
      const rows = grouped.get(written(String(row[0])));
      if (rows === undefined) grouped.set(written(String(row[0])), [row]);
      else rows.push(row);
    }
    return (name: string) => grouped.get(written(name)) ?? [];
  };
  const [columnsOf, keysOf, rowsOf] = [byTable(columns), byTable(keys), byTable(rows)];
  const tables = new Map<string, TableSchema>();
  for (const name of names) {
    const own = columnsOf(name);
    if (own.length === 0) continue;
    const indexes = indexesOf(keysOf(name));
    const definition = definitions.get(name);
    const clauses = clausesOf(definition !== undefined && 'text' in definition ? definition.text : '');
    const [row] = rowsOf(name);
    tables.set(name, {
      columns: own.map(cells => columnSchema(cells, clauses)),
      uniqueKeys: indexes.filter(index => index.unique && index.whole).map(index => index.columns),
      prefixKeys: indexes.flatMap(({unique, whole, parts}) =>
        unique && !whole && parts !== null ? [parts] : [],
      ),
      indexes: indexes.map(index => index.columns).filter(({length}) => length > 0),
      rows: Number(row?.[1] ?? 0),
      ...(row?.[2] === 'VIEW' ? {isView: true} : {}),
    });
  }
  return {tables, definitions};
}

/** Reads the columns, the keys and the numbers of rows of these tables. */
function readDescriptions(
  side: Side,
  connection: Connection,
  database: string,
  names: readonly string[],
): Promise<[columns: unknown[][], keys: unknown[][], rows: unknown[][]]> {
  const ask = (sql: string) => queryRows(side, connection, sql, [database, names]);
  return settled([
    ask(`SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME,
                CHARACTER_MAXIMUM_LENGTH, DATETIME_PRECISION, COLUMN_DEFAULT, EXTRA, COLLATION_NAME, NUMERIC_SCALE
           FROM information_schema.COLUMNS
          WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?) ORDER BY TABLE_NAME, ORDINAL_POSITION`),
    ask(`SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, NON_UNIQUE
           FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?)
          ORDER BY TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX`),
    ask(
      'SELECT TABLE_NAME, TABLE_ROWS, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?)',
    ),
  ]);
}

function columnSchema(
  row: readonly unknown[],
  clauses: ReadonlyMap<string, string>,
): TableSchema['columns'][number] {
  const columnType = String(row[3]);
  const clause = clauses.get(String(row[1]));
  const isWhole = clause?.toLowerCase().startsWith(columnType.toLowerCase()) === true;
  const definition = columnType.toLowerCase();
  const numberOrNull = (cell: unknown) => (cell === null || cell === undefined ? null : Number(cell));
  return {
    name: String(row[1]),
    type: String(row[2]).toLowerCase(),
    definition,
    columnType,
    clause: isWhole ? clause.slice(columnType.length) : null,
    members: membersOf(columnType),
    unsigned: definition.includes('unsigned'),
    nullable: row[4] === 'YES',
    charset: row[5] === null || row[5] === undefined ? null : String(row[5]),
    collation: row[10] === null || row[10] === undefined ? null : String(row[10]),
    maxLength: numberOrNull(row[6]),
    fraction: numberOrNull(row[7]) ?? 0,
    scale: numberOrNull(row[11]) ?? 0,
    generated: /\b(?:virtual|stored|persistent)\b/i.test(String(row[9])),
    hasDefault:
      row[4] === 'YES' ||
      (row[8] !== null && row[8] !== undefined) ||
      /auto_increment|default|generated/i.test(String(row[9])),
    counts: /auto_increment/i.test(String(row[9])),
  };
}

/** Returns the members of `enum('a','it''s')`, in their own case. */
function membersOf(definition: string): string[] | null {
  if (!/^(?:enum|set)\(/i.test(definition)) return null;
  return Array.from(definition.matchAll(/'((?:[^']|'')*)'/g), ([, member = '']) =>
    member.replaceAll("''", "'"),
  );
}

/**
 * Every index with its columns up to the first that is a prefix or an expression. Such a key is not complete,
 * because its columns' values alone do not identify a row.
 */
interface Index {
  /** Whole ones only, up to the first that is a prefix or an expression. */
  readonly columns: string[];
  /** All of them, whole or by a prefix; null if one part is an expression. */
  parts: string[] | null;
  readonly unique: boolean;
  whole: boolean;
}

function indexesOf(rows: readonly (readonly unknown[])[]): Index[] {
  const indexes = new Map<string, Index>();
  for (const [, name, column, prefix, nonUnique] of rows) {
    const index = indexes.get(String(name)) ?? {
      columns: [],
      parts: [],
      unique: Number(nonUnique) === 0,
      whole: true,
    };
    indexes.set(String(name), index);
    if (column === null) index.parts = null;
    else index.parts?.push(String(column));
    if (column === null || (prefix !== null && prefix !== undefined)) index.whole = false;
    else if (index.whole) index.columns.push(String(column));
  }
  return [...indexes.values()];
}
