/** Tables as information_schema describes them. */
import {queryRows, type Connection, type Side} from './connection.ts';
import {readServerInfo, settledName} from './server.ts';
import type {Reference, SourceSchema, TableSchema, TargetSchema} from '../mapping/schema.ts';
import {SOURCE_TABLE_NAMES, TARGET_TABLES, type TargetTable} from '../mapping/tables.ts';
import {SyncError} from '../errors.ts';
import {clausesOf} from '../mapping/column-clause.ts';
import {quoteName} from '../mapping/sql.ts';
import {isParentKey} from '../mapping/cascades.ts';
import {readCascades} from './cascades.ts';
import {haveParents} from './orphans.ts';
import {readRowEnds} from './versioning.ts';

/**
 * The source's mapped tables, and the foreign keys that concern them.
 *
 * @throws SyncError `schema-incompatible` where a table is missing
 */
export async function readSourceSchema(connection: Connection, name: string): Promise<SourceSchema> {
  const database = await settledName('source', connection, name);
  const tables = await readTables('source', connection, database, SOURCE_TABLE_NAMES);
  for (const [name, rowEnd] of await readRowEnds(connection, database, SOURCE_TABLE_NAMES)) {
    const table = tables.get(name);
    // A key with the end of a row in it is unique without it among the current rows, which alone are mapped.
    const uniqueKeys = table?.uniqueKeys.map(key => key.filter(column => column !== rowEnd)) ?? [];
    if (table !== undefined) tables.set(name, {...table, uniqueKeys, rowEnd});
  }
  const info = await readServerInfo('source', connection);
  const {cascades, keys} = await readCascades(connection, database, info);
  const take = (name: string): TableSchema => {
    const table = tables.get(name);
    if (table === undefined)
      throw new SyncError(
        'schema-incompatible',
        `the source has no table ${database}.${name}, or the account may not see it`,
      );
    return table;
  };
  const enforced = async (parent: 'users' | 'institutes') =>
    keys.some(key => isParentKey(key, database) && key.referencedTable.toLowerCase() === parent) &&
    (await haveParents(connection, info, parent));
  const mapped = {
    institutes: take('institutes'),
    users: take('users'),
    institute_user: take('institute_user'),
  };
  return {
    ...mapped,
    parentsEnforced: {users: await enforced('users'), institutes: await enforced('institutes')},
    cascades,
  };
}

type ReferringSide = 'from its schema' | 'from any schema';

/**
 * The target's mapped tables and the foreign keys that refer to them.
 *
 * @param referring whose keys: only who deletes must know those of other schemas, for which MariaDB reads
 *   the files of every table that it has
 * @throws SyncError `target-incompatible` where a table is missing
 */
export async function readTargetSchema(
  connection: Connection,
  name: string,
  referring: ReferringSide = 'from any schema',
): Promise<TargetSchema> {
  const database = await settledName('target', connection, name);
  const tables = await readTables('target', connection, database, TARGET_TABLES);
  const missing = TARGET_TABLES.filter(name => !tables.has(name));
  if (missing.length > 0) {
    throw new SyncError(
      'target-incompatible',
      `the target has no table ${missing.join(', ')} in ${database}: run laas-sync migrate`,
    );
  }
  const take = (name: TargetTable): TableSchema => tables.get(name) ?? {columns: [], uniqueKeys: []};
  const {flavour} = await readServerInfo('target', connection);
  const references = (await readReferences('target', connection, database, referring)).filter(
    (reference): reference is Reference =>
      (TARGET_TABLES as readonly string[]).includes(reference.referenced),
  );
  return {
    institute: take('institute'),
    user: take('user'),
    institute_users: take('institute_users'),
    user_auth: take('user_auth'),
    references,
    // MariaDB reads the files of every table of every schema for it.
    referringSchemas:
      flavour === 'mysql'
        ? null
        : [...new Set(references.map(({schema}) => schema))].filter(schema => schema !== ''),
  };
}

async function readTables(
  side: Side,
  connection: Connection,
  database: string,
  names: readonly string[],
): Promise<Map<string, TableSchema>> {
  const columns = await queryRows(
    side,
    connection,
    `SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME,
            CHARACTER_MAXIMUM_LENGTH, DATETIME_PRECISION, COLUMN_DEFAULT, EXTRA, COLLATION_NAME
       FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?) ORDER BY TABLE_NAME, ORDINAL_POSITION`,
    [database, names],
  );
  const keys = await queryRows(
    side,
    connection,
    `SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART
       FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?) AND NON_UNIQUE = 0
      ORDER BY TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX`,
    [database, names],
  );
  const tables = new Map<string, TableSchema>();
  for (const name of names) {
    const own = columns.filter(row => row[0] === name);
    if (own.length === 0) continue;
    const clauses = clausesOf(await definitionOf(side, connection, database, name));
    tables.set(name, {
      columns: own.map(row => columnSchema(row, clauses)),
      uniqueKeys: uniqueKeys(keys.filter(row => row[0] === name)),
    });
  }
  return tables;
}

/** Empty where the account may not see it. */
async function definitionOf(
  side: Side,
  connection: Connection,
  database: string,
  table: string,
): Promise<string> {
  try {
    const sql = `SHOW CREATE TABLE ${quoteName(database)}.${quoteName(table)}`;
    const [row] = await queryRows(side, connection, sql);
    return String(row?.[1] ?? '');
  } catch (error) {
    if (error instanceof SyncError && error.errno !== undefined) return '';
    throw error;
  }
}

function columnSchema(
  row: readonly unknown[],
  clauses: ReadonlyMap<string, string>,
): TableSchema['columns'][number] {
  const columnType = String(row[3]);
  const clause = clauses.get(String(row[1]));
  const isWhole = clause?.toLowerCase().startsWith(columnType.toLowerCase()) === true;
  const definition = String(row[3]).toLowerCase();
  const numberOrNull = (cell: unknown) => (cell === null || cell === undefined ? null : Number(cell));
  return {
    name: String(row[1]),
    type: String(row[2]).toLowerCase(),
    definition,
    columnType,
    clause: isWhole ? clause.slice(columnType.length) : null,
    members: membersOf(String(row[3])),
    unsigned: definition.includes('unsigned'),
    nullable: row[4] === 'YES',
    charset: row[5] === null || row[5] === undefined ? null : String(row[5]),
    collation: row[10] === null || row[10] === undefined ? null : String(row[10]),
    maxLength: numberOrNull(row[6]),
    fraction: numberOrNull(row[7]) ?? 0,
    hasDefault:
      row[4] === 'YES' ||
      (row[8] !== null && row[8] !== undefined) ||
      /auto_increment|default|generated/i.test(String(row[9])),
    counts: /auto_increment/i.test(String(row[9])),
  };
}

/** Of `enum('a','it''s')`, in their own case. */
function membersOf(definition: string): string[] | null {
  if (!/^(?:enum|set)\(/i.test(definition)) return null;
  return Array.from(definition.matchAll(/'((?:[^']|'')*)'/g), ([, member = '']) =>
    member.replaceAll("''", "'"),
  );
}

/** Keys over prefixes and expressions identify no row by its columns' values, so that they are left out. */
function uniqueKeys(rows: readonly unknown[][]): string[][] {
  const keys = new Map<string, string[] | null>();
  for (const [, index, column, prefix] of rows) {
    const name = String(index);
    const key = keys.get(name);
    if (key === null) continue;
    if (column === null || (prefix !== null && prefix !== undefined)) keys.set(name, null);
    else keys.set(name, [...(key ?? []), String(column)]);
  }
  return [...keys.values()].filter(key => key !== null);
}

async function readReferences(
  side: Side,
  connection: Connection,
  database: string,
  from: ReferringSide,
): Promise<(Omit<Reference, 'referenced'> & {referenced: string})[]> {
  const rows = await queryRows(
    side,
    connection,
    `SELECT CONSTRAINT_NAME, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME
       FROM information_schema.KEY_COLUMN_USAGE
      WHERE REFERENCED_TABLE_SCHEMA = ? AND REFERENCED_TABLE_NAME IS NOT NULL${from === 'from its schema' ? ' AND TABLE_SCHEMA = ?' : ''}
      ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION`,
    from === 'from its schema' ? [database, database] : [database],
  );
  const references = new Map<
    string,
    {
      schema: string;
      table: string;
      name: string;
      columns: string[];
      referenced: string;
      referencedColumns: string[];
    }
  >();
  for (const [constraint, schema, table, column, referenced, referencedColumn] of rows) {
    const name = JSON.stringify([schema, table, constraint]);
    const reference = references.get(name) ?? {
      schema: schema === database ? '' : String(schema),
      table: String(table),
      name: String(constraint),
      columns: [],
      referenced: String(referenced),
      referencedColumns: [],
    };
    reference.columns.push(String(column));
    reference.referencedColumns.push(String(referencedColumn));
    references.set(name, reference);
  }
  return [...references.values()];
}
