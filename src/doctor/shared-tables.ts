/** Two streams that write one table would delete each other's rows and write them again. */
import type {Config} from '../config.ts';
import {isLed} from '../db/leader.ts';
import {SyncError} from '../errors.ts';
import {sharedTables} from './other-streams.ts';

/**
 * To be called before a stream writes.
 *
 * @param query asks the target
 * @throws SyncError `config-invalid` where a stream that somebody leads now writes a table of this mapping
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
      `another stream, ${stream}, writes ${tables.join(', ')} of ${database}, too: take the tables out of one of the two mappings, or give each stream a target database of its own (ORG_DB_DATABASE)`,
    );
  }
}
