/** Refuses two streams that write one table: they would delete each other's rows and write them again. */
import type {Config} from '../config.ts';
import {isLed} from '../db/leader.ts';
import {SyncError} from '../errors.ts';
import {sharedTables} from './other-streams.ts';

/**
 * To be called before a stream writes.
 *
 * @param query queries the target
 * @throws SyncError `config-invalid` if a stream with a current leader writes a table of this mapping
 */
export async function refuseSharedTables(
  query: (sql: string, values: readonly unknown[]) => Promise<unknown[][]>,
  {name, mapping, target: {database}}: Pick<Config, 'name' | 'mapping' | 'target'>,
): Promise<void> {
  const rows = await query('SELECT stream, mapping FROM sync_checkpoint WHERE stream <> ?', [name]);
  const others = rows.map(([stream, canonical]) => ({
    stream: String(stream),
    canonical: typeof canonical === 'string' ? canonical : null,
  }));
  for (const {stream, tables} of sharedTables(mapping, others)) {
    if (!(await isLed(query, database, stream))) continue;
    throw new SyncError(
      'config-invalid',
      `another stream, ${stream}, also writes ${tables.join(', ')} of ${database}: remove the tables from one of the two mappings, or give each stream a target database of its own (ORG_DB_DATABASE)`,
    );
  }
}
