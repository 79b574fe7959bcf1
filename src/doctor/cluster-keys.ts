/** Checks what clusters require of the tables that are written: a primary key in a group and on Galera. */
import {queryRows} from '../db/connection.ts';
import {textRows} from '../db/server.ts';
import type {Mapping} from '../mapping/mapping.ts';
import {quoteName} from '../mapping/quote.ts';
import {isOn} from './binlog-settings.ts';
import {mustFix, ok, type Finding} from './findings.ts';
import {variables, type Probe} from './probe.ts';

/** The primary key of each bookkeeping table. */
const BOOKKEEPING_KEYS = new Map<string, readonly string[]>([
  ['sync_checkpoint', ['stream']],
  ['sync_owned', ['stream', 'kind', 'scope', 'chunk']],
  ['sync_owned_key', ['stream', 'kind', 'row_key']],
  ['sync_dead_letter', ['stream', 'target_table', 'row_key']],
  ['sync_run', ['run_id']],
  ['sync_migrations', ['id']],
  ['sync_lease', ['stream']],
]);

const TABLES = `SELECT TABLE_NAME FROM information_schema.TABLES
  WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?) AND TABLE_TYPE = 'BASE TABLE' ORDER BY 1`;
const UNIQUE_PARTS = `SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, NULLABLE FROM information_schema.STATISTICS
  WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?) AND NON_UNIQUE = 0`;

/**
 * Returns the tables without a primary key. A unique key of whole columns that cannot be NULL serves as well: the
 * server takes the first one as the primary key. Pure.
 *
 * @param parts each unique key's parts: table, key, column, prefix length and nullability
 */
export function withoutKey(tables: readonly string[], parts: readonly (readonly string[])[]): string[] {
  const unfit = new Set(
    parts
      .filter(
        ([, key, column, prefix, nullable]) =>
          key !== 'PRIMARY' && (column === '' || prefix !== '' || nullable === 'YES'),
      )
      .map(([table = '', key = '']) => `${table}/${key}`),
  );
  const keyed = new Set(
    parts.flatMap(([table = '', key = '']) => (unfit.has(`${table}/${key}`) ? [] : [table])),
  );
  return tables.filter(table => !keyed.has(table));
}

/** @returns nothing on a server that is not part of a cluster */
export async function checkClusterKeys(probe: Probe, mapping: Mapping): Promise<Finding[]> {
  const found = await variables(probe, ['wsrep_on', 'group_replication_group_name']);
  const isGroup = (found.get('group_replication_group_name') ?? '') !== '';
  if (!isGroup && !isOn(found.get('wsrep_on'))) return [];
  const keys = new Map<string, readonly string[]>([
    ...mapping.tables.map(({target, key}) => [target, key] as const),
    ...BOOKKEEPING_KEYS,
  ]);
  const read = async (sql: string) =>
    textRows(await queryRows('target', probe.connection, sql, [probe.database, [...keys.keys()]]));
  const tables = (await read(TABLES)).map(([table = '']) => table);
  const lacking = withoutKey(tables, await read(UNIQUE_PARTS));
  if (lacking.length === 0)
    return [ok('target', 'cluster-keys', 'every table has a primary key, as its cluster requires')];
  return lacking.map(table =>
    mustFix('target', 'cluster-keys', {
      message: `${table} has no primary key`,
      why: isGroup
        ? 'the group refuses every write to it (error 3098)'
        : 'Galera supports no deletes there, and its nodes may hold the rows in different orders',
      fix: `ALTER TABLE ${quoteName(table)} ADD PRIMARY KEY (${keyOf(keys, table).map(quoteName).join(', ')});`,
    }),
  );
}

/** The server may spell a table's name in another case. */
function keyOf(keys: ReadonlyMap<string, readonly string[]>, table: string): readonly string[] {
  for (const [name, key] of keys) if (name.toLowerCase() === table.toLowerCase()) return key;
  return [];
}
