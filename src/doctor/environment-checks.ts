/** Checks clocks, packet sizes, time zones and whether the target accepts writes. */
import {queryRows} from '../db/connection.ts';
import {sourceColumnsOf, sourcesOf, type Mapping} from '../mapping/mapping.ts';
import type {SourceSchema} from '../mapping/schema.ts';
import {isOn} from './binlog-settings.ts';
import {mustFix, ok, warning, type Finding} from './findings.ts';
import {settingFix, variables, type Probe} from './probe.ts';

/** Event times have a resolution of one second, so that smaller differences cannot be measured. */
const CLOCK_TOLERANCE_MS = 2000;

/** Lag is this machine's clock minus the source's. */
export async function checkClock({side, connection}: Probe, now: () => number): Promise<Finding[]> {
  const before = now();
  const [row] = await queryRows(side, connection, 'SELECT UTC_TIMESTAMP(6)');
  const after = now();
  const theirs = Date.parse(`${String(row?.[0]).replace(' ', 'T')}Z`);
  const offsetMs = Math.round(theirs - (before + after) / 2);
  const difference = `${(Math.abs(offsetMs) / 1000).toFixed(1)} s ${offsetMs < 0 ? 'behind' : 'ahead of'} this machine's`;
  if (Math.abs(offsetMs) <= CLOCK_TOLERANCE_MS + (after - before))
    return [ok(side, 'clock', "the clock agrees with this machine's")];
  return [
    warning(side, 'clock', {
      message: `the clock is ${difference}`,
      why:
        side === 'source'
          ? 'lag, and with it health, is wrong by as much'
          : 'times in runs and dead letters are wrong by as much',
      fix: 'set both clocks by NTP (chronyc makestep, or timedatectl set-ntp true)',
    }),
  ];
}

const SMALL_PACKET = 4 * 1024 * 1024;

/** One row must fit in a statement; many rows make it fast. */
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
          ? 'a row that the source accepted may be too long for the target, and then waits as a dead letter'
          : 'statements of a few rows are slow',
      fix: settingFix(target, 'max_allowed_packet', String(wanted)),
    }),
  ];
}

async function packet(probe: Probe): Promise<number> {
  return Number((await variables(probe, ['max_allowed_packet'])).get('max_allowed_packet') ?? 0);
}

function mebibytes(bytes: number): string {
  return `${Math.round((bytes / 1024 / 1024) * 10) / 10} MiB`;
}

/** DATETIME has no time zone: a value that NOW() wrote in another zone is read as UTC. */
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
    return [
      ok('source', 'time-zone', `the server's zone is ${zone}, which does not affect TIMESTAMP columns`),
    ];
  return [
    warning('source', 'time-zone', {
      message: `the server's zone is ${zone}, and ${tables.join(', ')} have times in DATETIME columns`,
      why: 'a DATETIME is read as UTC; a value that NOW() wrote in another zone is wrong by the difference',
      fix: `make sure that the application writes UTC; or ${settingFix(probe, 'time_zone', probe.platform === 'own' ? "'+00:00'" : 'UTC')}`,
    }),
  ];
}

/**
 * A replica, an Aurora reader or a server in maintenance accepts no rows. A default of read-only transactions
 * does not matter, because our sessions open read-write transactions.
 */
export async function checkWritable(probe: Probe): Promise<Finding[]> {
  const found = await variables(probe, ['read_only', 'super_read_only', 'innodb_read_only']);
  const on = [...found]
    .filter(([, value]) => isOn(value) || value.startsWith('NO_LOCK'))
    .map(([name]) => name);
  if (on.length === 0) return [ok('target', 'writable', 'the target accepts writes')];
  return [
    mustFix('target', 'writable', {
      message: `the target is read-only (${on.join(', ')})`,
      why: 'nothing can be written',
      fix: on.includes('innodb_read_only')
        ? 'set ORG_DB_HOST to the writer (Aurora: the cluster endpoint)'
        : `set ORG_DB_HOST to the primary; or ${on.map(name => `SET GLOBAL ${name} = OFF;`).join(' ')}`,
    }),
  ];
}
