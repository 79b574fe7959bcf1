/** What the source must have before anything is streamed from it: the must-fix part that no retry mends. */
import type {Connection} from '../db/connection.ts';
import {readVariables, type ServerInfo} from '../db/server.ts';
import {SyncError} from '../errors.ts';

interface Requirement {
  readonly variable: string;
  readonly accepts: (value: string) => boolean;
  readonly mend: string;
}

const REQUIREMENTS: readonly Requirement[] = [
  {
    variable: 'log_bin',
    accepts: value => value === 'ON',
    mend: 'start the server with log_bin (RDS: a backup retention above 0)',
  },
  {
    variable: 'binlog_row_metadata',
    accepts: value => value === 'FULL',
    mend: 'SET GLOBAL binlog_row_metadata = FULL',
  },
];

/**
 * Checks the source before a dump.
 *
 * @throws SyncError `preflight-failed` naming every setting at fault and what mends it
 */
export async function preflight(source: Connection, _database: string, _info: ServerInfo): Promise<void> {
  const variables = await readVariables(
    'source',
    source,
    REQUIREMENTS.map(({variable}) => variable),
  );
  const faults = REQUIREMENTS.filter(
    ({variable, accepts}) => !accepts((variables.get(variable) ?? '').toUpperCase()),
  );
  if (faults.length === 0) return;
  const list = faults.map(
    ({variable, mend}) => `${variable} is ${variables.get(variable) ?? 'unknown'}: ${mend}`,
  );
  throw new SyncError('preflight-failed', `the source is not ready: ${list.join('; ')}`);
}
