/** Finds the foreign keys through which a change may reach the source's mapped tables. */
import type {Connection} from './connection.ts';
import {readForeignKeys, type ForeignKey} from './foreign-keys.ts';
import type {ServerInfo} from './server.ts';
import {cascadeKey, NO_CASCADES, unloggedCascades, type Cascades} from '../mapping/cascades.ts';
import {sourcesOf, type Mapping} from '../mapping/mapping.ts';

/** Longer than any chain of cascades in practice. */
const MAX_TABLES = 500;

/** The effects of this server's cascades on mapped rows that are not in the log. */
export async function readCascades(
  connection: Connection,
  database: string,
  info: ServerInfo,
  mapping: Mapping,
): Promise<{cascades: Cascades; keys: readonly ForeignKey[]}> {
  const {keys, hidden, known} = await readCascadingKeys(connection, database, sourcesOf(mapping));
  const cascades = logsCascades(info)
    ? NO_CASCADES
    : {unlogged: unloggedCascades(keys, database, mapping), known, hidden};
  return {cascades, keys};
}

export interface FoundKeys {
  /** The cascades by `cascadeKey`. */
  readonly known: ReadonlySet<string>;
  /** The foreign keys of mapped tables, and of tables from which a cascade reaches them. */
  readonly keys: readonly ForeignKey[];
  /** Tables whose own foreign keys the account cannot read, as `schema.table`. */
  readonly hidden: readonly string[];
}

/** Follows the cascading foreign keys from the mapped tables to their parents, and on to theirs. */
export async function readCascadingKeys(
  connection: Connection,
  database: string,
  mapped: readonly string[],
): Promise<FoundKeys> {
  const keys: ForeignKey[] = [];
  const hidden: string[] = [];
  const queue: {schema: string; table: string}[] = mapped.map(table => ({schema: database, table}));
  const seen = new Set(queue.map(({schema, table}) => cascadeKey(schema, table)));
  for (const {schema, table} of queue) {
    const own = await readForeignKeys('source', connection, schema, table);
    if (own === null) hidden.push(`${schema}.${table}`);
    for (const key of own ?? []) {
      keys.push(key);
      const parent = cascadeKey(key.referencedSchema, key.referencedTable);
      const cascades = key.onDelete !== '' || key.onUpdate !== '';
      if (!cascades || seen.has(parent) || seen.size >= MAX_TABLES) continue;
      seen.add(parent);
      queue.push({schema: key.referencedSchema, table: key.referencedTable});
    }
  }
  return {keys, hidden, known: seen};
}

/** MySQL logs the effects of cascades from 9.6 on. */
export function logsCascades({flavour, versionParts: [major, minor]}: ServerInfo): boolean {
  return flavour === 'mysql' && (major > 9 || (major === 9 && minor >= 6));
}
