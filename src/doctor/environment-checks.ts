/** Clocks, packets, time zones and whether the target may be written at all. */
import {queryRows} from '../db/connection.ts';
import {sourceColumnsOf, sourcesOf, type Mapping} from '../mapping/mapping.ts';
import type {SourceSchema} from '../mapping/schema.ts';
import {isOn} from './binlog-settings.ts';
import {mustFix, ok, warning, type Finding} from './findings.ts';
import {settingMend, variables, type Probe} from './probe.ts';

/** Event times have a resolution of a second, so that less is not to be told from none. */
const CLOCK_TOLERANCE_MS = 2000;

/** Lag is this machine's clock minus the source's. */
export async function checkClock({side, connection}: Probe, now: () => number): Promise<Finding[]> {
  const before = now();
  const [row] = await queryRows(side, connection, 'SELECT UTC_TIMESTAMP(6)');
  const after = now();
  const theirs = Date.parse(`${String(row?.[0]).replace(' ', 'T')}Z`);
  const offsetMs = Math.round(theirs - (before + after) / 2);
  const told = `${(Math.abs(offsetMs) / 1000).toFixed(1)} s ${offsetMs < 0 ? 'behind' : 'ahead of'} this machine's`;
  if (Math.abs(offsetMs) <= CLOCK_TOLERANCE_MS + (after - before))
    return [ok(side, 'clock', "the clock agrees with this machine's")];
  return [
    warning(side, 'clock', {
      message: `the clock is ${told}`,
      why:
        side === 'source'
          ? 'lag is off by as much, and health with it'
          : 'times in runs and dead letters are off by as much',
      mend: 'set both clocks by NTP (chronyc makestep, or timedatectl set-ntp true)',
    }),
  ];
}

const SMALL_PACKET = 4 * 1024 * 1024;

/** One row must fit a statement; many make it fast. */
export async function checkPackets(source: Probe | null, target: Probe): Promise<Finding[]> {
  const theirs = source === null ? 0 : await packet(source);
  const ours = await packet(target);
  const wanted = Math.max(SMALL_PACKET, Math.min(theirs, 1024 ** 3));
  if (ours >= wanted) return [ok('target', 'packet-size', `max_allowed_packet is ${mebibytes(ours)}`)];
  return [
    warning('target', 'packet-size', {
      message: `max_allowed_packet is ${mebibytes(ours)}${theirs > ours ? `, the source's ${mebibytes(theirs)}` : ''}`,
      why:
        theirs > ours
          ? 'a row that the source took may be too long for the target, and waits as a dead letter'
          : 'statements of a few rows are slow',
      mend: settingMend(target, 'max_allowed_packet', String(wanted)),
    }),
  ];
}

async function packet(probe: Probe): Promise<number> {
  return Number((await variables(probe, ['max_allowed_packet'])).get('max_allowed_packet') ?? 0);
}

function mebibytes(bytes: number): string {
  return `${Math.round((bytes / 1024 / 1024) * 10) / 10} MiB`;
}

/** DATETIME has no zone: what a writer put there by NOW() in another zone is taken for UTC. */
export async function checkTimeZone(
  probe: Probe,
  schema: SourceSchema,
  mapping: Mapping,
): Promise<Finding[]> {
  const found = await variables(probe, ['time_zone', 'system_time_zone']);
  const zone =
    found.get('time_zone') === 'SYSTEM'
      ? (found.get('system_time_zone') ?? '')
      : (found.get('time_zone') ?? '');
  if (/^(UTC|GMT|Etc\/UTC|[+-]00:00)$/i.test(zone))
    return [ok('source', 'time-zone', `the server's zone is ${zone}`)];
  const isMapped = (table: string, column: string) =>
    mapping.tables.some(
      map =>
        map.source === table &&
        sourceColumnsOf(map).some(name => name.toLowerCase() === column.toLowerCase()),
    );
  const tables = sourcesOf(mapping).filter(
    table =>
      schema.tables
        .get(table)
        ?.columns.some(({name, type}) => type === 'datetime' && isMapped(table, name)) === true,
  );
  if (tables.length === 0)
    return [ok('source', 'time-zone', `the server's zone is ${zone}, which TIMESTAMP columns do not mind`)];
  return [
    warning('source', 'time-zone', {
      message: `the server's zone is ${zone}, and ${tables.join(', ')} keep times in DATETIME columns`,
      why: 'a DATETIME is taken for UTC; one that was written by NOW() in another zone is off by its distance',
      mend: `make sure that the application writes UTC; or ${settingMend(probe, 'time_zone', probe.platform === 'own' ? "'+00:00'" : 'UTC')}`,
    }),
  ];
}

/**
 * A replica, an Aurora reader or a server in maintenance takes no rows. A default of read-only transactions
 * does not matter, since each session of ours begins its transactions for writing.
 */
export async function checkWritable(probe: Probe): Promise<Finding[]> {
  const found = await variables(probe, ['read_only', 'super_read_only', 'innodb_read_only']);
  const on = [...found]
    .filter(([, value]) => isOn(value) || value.startsWith('NO_LOCK'))
    .map(([name]) => name);
  if (on.length === 0) return [ok('target', 'writable', 'the target takes writes')];
  return [
    mustFix('target', 'writable', {
      message: `the target is read-only (${on.join(', ')})`,
      why: 'nothing can be written',
      mend: on.includes('innodb_read_only')
        ? 'set ORG_DB_HOST to the writer (Aurora: the cluster endpoint)'
        : `set ORG_DB_HOST to the primary; or ${on.map(name => `SET GLOBAL ${name} = OFF;`).join(' ')}`,
    }),
  ];
}
