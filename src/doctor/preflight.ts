/**
 * What the source must have before streaming starts: the must-fix findings of the doctor that no retry fixes and
 * that would make the stream wrong, silent or impossible. Statement format, minimal images and partial JSON are
 * not among them: the stream handles or refuses them when they come.
 */
import type {Connection} from '../db/connection.ts';
import {settledName, type ServerInfo} from '../db/server.ts';
import {SyncError} from '../errors.ts';
import {settled} from '../lifecycle/settled.ts';
import {checkBinlog} from './binlog-settings.ts';
import type {Finding} from './findings.ts';
import {checkReplicationPrivileges} from './privileges.ts';
import {readPlatform, type Probe} from './probe.ts';
import {checkServerId, checkUpdatesLogged} from './replication-checks.ts';

const BLOCKING: ReadonlySet<string> = new Set([
  'binlog',
  'binlog-metadata',
  'binlog-filter',
  'privilege-needed',
  'server-id',
  'replica-updates',
]);

/**
 * Checks the source before a dump.
 *
 * @throws SyncError `preflight-failed` naming every fault and its fix, as the doctor does
 */
export async function preflight(source: Connection, database: string, info: ServerInfo): Promise<void> {
  const [name, platform] = await settled([
    settledName('source', source, database),
    readPlatform('source', source),
  ]);
  const probe: Probe = {side: 'source', connection: source, database: name, info, platform};
  const found = await settled([
    checkReplicationPrivileges(probe),
    checkBinlog(probe),
    checkServerId(probe),
    checkUpdatesLogged(probe),
  ]);
  const findings: Finding[] = found.flat();
  const faults = findings.filter(({check, level}) => level === 'must-fix' && BLOCKING.has(check));
  if (faults.length === 0) return;
  throw new SyncError(
    'preflight-failed',
    `the source is not ready: ${faults.map(({message, fix}) => `${message} (fix: ${fix ?? 'see laas-sync doctor'})`).join('; ')}`,
  );
}
