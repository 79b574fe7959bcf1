/** laas-sync's own tables, and who holds the lease, or seems to. */
import {queryRows} from '../db/connection.ts';
import {LEASE_SECONDS, lockName} from '../db/lease.ts';
import {textRows} from '../db/server.ts';
import {mustFix, ok, warning, type Finding} from './findings.ts';
import {ask, quoteName, type Probe} from './probe.ts';

export const BOOKKEEPING_TABLES = [
  'sync_checkpoint',
  'sync_owned',
  'sync_dead_letter',
  'sync_run',
  'sync_migrations',
] as const;

export async function isMigrated(probe: Probe): Promise<boolean> {
  const rows = await queryRows(
    'target',
    probe.connection,
    'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?)',
    [probe.database, [...BOOKKEEPING_TABLES]],
  );
  return Number(rows[0]?.[0]) === BOOKKEEPING_TABLES.length;
}

export function checkMigrated(migrated: boolean): Finding[] {
  if (migrated) return [ok('target', 'migrated', 'the bookkeeping tables are there')];
  return [
    warning('target', 'migrated', {
      message: 'the bookkeeping tables are not made yet',
      why: 'checkpoint, ownership and dead letters live in them; `start` makes them if it may',
      mend: 'laas-sync migrate',
    }),
  ];
}

/** One stream as the bookkeeping and the server's locks show it. */
export interface LeaseFacts {
  readonly stream: string;
  readonly leader: string;
  /** The connection that holds the lock; null where none does. */
  readonly holder: number | null;
  /** For how long the holder has said nothing; null where this account may not see it. */
  readonly idleSeconds: number | null;
}

/** Twice what the server waits before it ends a silent leader. */
const STALE_SECONDS = 2 * LEASE_SECONDS;

export async function checkLeases(probe: Probe, stream: string): Promise<Finding[]> {
  const {rows} = await ask(probe, 'SELECT stream, leader FROM sync_checkpoint ORDER BY stream');
  const facts: LeaseFacts[] = [];
  for (const [name, leader] of rows ?? []) {
    const lock = await ask(probe, 'SELECT IS_USED_LOCK(?)', [lockName(probe.database, String(name))]);
    const holder = lock.rows?.[0]?.[0] ?? null;
    const id = holder === null ? null : Number(holder);
    facts.push({
      stream: String(name),
      leader: String(leader),
      holder: id,
      idleSeconds: id === null ? null : await idleSeconds(probe, id),
    });
  }
  const findings = facts.flatMap(fact => judgeLease(fact, stream));
  return findings.length > 0 ? findings : [ok('target', 'lease', 'nobody has led this stream yet')];
}

async function idleSeconds(probe: Probe, id: number): Promise<number | null> {
  const {rows} = await ask(
    probe,
    "SELECT TIME FROM information_schema.PROCESSLIST WHERE ID = ? AND COMMAND = 'Sleep'",
    [id],
  );
  const [row] = textRows((rows ?? []).map(line => [...line]));
  return row?.[0] === undefined ? null : Number(row[0]);
}

/** Pure. */
export function judgeLease({stream, leader, holder, idleSeconds: idle}: LeaseFacts, ours: string): Finding[] {
  const own = stream === ours;
  if (holder !== null && idle !== null && idle > STALE_SECONDS) {
    const make = own ? mustFix : warning;
    return [
      make('target', 'lease', {
        message: `the lease of ${stream} is held by connection ${holder}, which has been silent for ${idle} s`,
        why: `a living leader speaks every few seconds and the server ends one that does not after ${LEASE_SECONDS} s; something between (a proxy) keeps a dead one's connection, so that no standby can take over`,
        mend: `KILL ${holder};`,
      }),
    ];
  }
  if (own)
    return [
      ok('target', 'lease', holder === null ? `nobody leads ${stream} now` : `${leader} leads ${stream}`),
    ];
  if (holder !== null) {
    return [
      warning('target', 'lease', {
        message: `another stream, ${stream}, writes to this database too (${leader})`,
        why: "each leaves the other's rows alone only as long as no key is in both: of such a row the last change wins, and a delete by one takes it from both",
        mend: `give each stream a target database of its own (ORG_DB_DATABASE), or use one SYNC_NAME for both so that one stands by`,
      }),
    ];
  }
  return [
    warning('target', 'lease', {
      message: `a stream ${stream} was led by ${leader || 'nobody'} once, and nobody leads it now`,
      why: 'if it was renamed, its checkpoint and its ownership of rows are stale: rows that only it owned are foreign to this stream',
      mend: ['sync_checkpoint', 'sync_owned', 'sync_dead_letter', 'sync_run']
        .map(table => `DELETE FROM ${quoteName(table)} WHERE stream = '${stream}';`)
        .join(' '),
    }),
  ];
}
