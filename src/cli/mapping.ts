/** `laas-sync mapping`: checks and prints a mapping file without a database. */
import {settingOf} from '../config.ts';
import {formatMapping} from '../mapping/file/format.ts';
import {loadMapping} from '../mapping/file/read.ts';
import {mappingJsonSchema} from '../mapping/file/schema.ts';
import {entitiesOf} from '../mapping/topology.ts';

/** The file that the daemon would use; undefined for the built-in mapping. */
export function mappingPath(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return settingOf(env, 'SYNC_MAPPING');
}

/**
 * @param path of the file; undefined for the built-in mapping
 * @throws SyncError `config-invalid` with every fault of the file
 */
export function mappingCheck(path: string | undefined): void {
  const {tables} = loadMapping(path);
  const columns = tables.reduce((sum, table) => sum + table.columns.length, 0);
  process.stdout.write(
    `${path ?? 'the built-in mapping'} is usable: ${counted(tables.length, 'table')}, ${counted(columns, 'column')}, ${counted(entitiesOf(tables).length, 'entity', 'entities')}\n`,
  );
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Prints the mapping with every default written out. */
export function mappingShow(path: string | undefined): void {
  process.stdout.write(formatMapping(loadMapping(path)));
}

/** Prints the JSON Schema of the format. */
export function mappingSchema(): void {
  process.stdout.write(`${JSON.stringify(mappingJsonSchema(), null, 2)}\n`);
}
