/** `laas-sync mapping`: looks at a mapping file without a database. */
import {formatMapping, loadMapping} from '../mapping/file/read.ts';
import {mappingJsonSchema} from '../mapping/file/schema.ts';
import {entitiesOf} from '../mapping/topology.ts';

/**
 * @param path of the file; undefined for the built-in mapping
 * @throws SyncError `config-invalid` with every fault of the file
 */
export function mappingCheck(path: string | undefined): void {
  const {tables} = loadMapping(path);
  const columns = tables.reduce((sum, table) => sum + table.columns.length, 0);
  process.stdout.write(
    `${path ?? 'the built-in mapping'} is usable: ${tables.length} tables, ${columns} columns, ${entitiesOf(tables).length} entities\n`,
  );
}

/** Prints the mapping with every default written out. */
export function mappingShow(path: string | undefined): void {
  process.stdout.write(formatMapping(loadMapping(path)));
}

/** Prints the JSON Schema of the format. */
export function mappingSchema(): void {
  process.stdout.write(`${JSON.stringify(mappingJsonSchema(), null, 2)}\n`);
}
