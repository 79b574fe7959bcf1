/** Finds the foreign keys through which a change may reach the source's mapped tables. */
import type {Connection} from './connection.ts';
import {readDefinitions, type Definition, type TableName} from './definitions.ts';
import {foreignKeysIn, type ForeignKey} from './foreign-keys.ts';
import type {ServerInfo} from './server.ts';
import {cascadeKey, NO_CASCADES, unloggedCascades, type Cascades} from '../mapping/cascades.ts';
import type {Mapping} from '../mapping/mapping.ts';

/** More than any cascades lead through in practice. */
const MAX_UNMAPPED_TABLES = 500;

/**
 * The effects of this server's cascades on mapped rows that are not in the log.
 *
 * @param mapped the definitions of the mapped tables
 */
export async function readCascades(
  connection: Connection,
  database: string,
  info: ServerInfo,
  mapping: Mapping,
  mapped: ReadonlyMap<string, Definition>,
): Promise<{cascades: Cascades; keys: readonly ForeignKey[]}> {
  const {keys, hidden, known} = await readCascadingKeys(connection, database, mapped);
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

/**
 * Follows the cascading foreign keys from the mapped tables to their parents, and on to theirs. The tables of one
 * level are read together.
 *
 * @param mapped the definitions of the mapped tables, by their names
 */
export async function readCascadingKeys(
  connection: Connection,
  database: string,
  mapped: ReadonlyMap<string, Definition>,
): Promise<FoundKeys> {
  const keys: ForeignKey[] = [];
  const hidden: string[] = [];
  let level: TableName[] = [...mapped.keys()].map(table => ({schema: database, table}));
  let definitions = [...mapped.values()];
  const seen = new Set(level.map(({schema, table}) => cascadeKey(schema, table)));
  while (level.length > 0) {
    const parents: TableName[] = [];
    for (const [i, place] of level.entries()) {
      const definition = definitions[i];
      const own = definition === undefined ? null : foreignKeysIn(definition, place);
      if (own === null) hidden.push(`${place.schema}.${place.table}`);
      for (const key of own ?? []) {
        keys.push(key);
        const parent = cascadeKey(key.referencedSchema, key.referencedTable);
        const cascades = key.onDelete !== '' || key.onUpdate !== '';
        if (!cascades || seen.has(parent) || seen.size >= mapped.size + MAX_UNMAPPED_TABLES) continue;
        seen.add(parent);
        parents.push({schema: key.referencedSchema, table: key.referencedTable});
      }
    }
    level = parents;
    definitions = await readDefinitions('source', connection, level);
  }
  return {keys, hidden, known: seen};
}

/** MySQL logs the effects of cascades from 9.6 on. */
export function logsCascades({flavour, versionParts: [major, minor]}: ServerInfo): boolean {
  return flavour === 'mysql' && (major > 9 || (major === 9 && minor >= 6));
}
