/** Checks laas-sync's own tables, and the holder of the lease. */
import {queryRows} from '../db/connection.ts';
import {LEASE_IS_HELD, LOCK_HOLDER} from '../db/leader.ts';
import {LEASE_SECONDS} from '../db/lease-row.ts';
import {lockName} from '../db/named-lock.ts';
import {MIGRATION_NAMES} from '../db/migrate.ts';
import {BOOKKEEPING_TABLES} from '../mapping/bookkeeping.ts';
import {textRows} from '../db/server.ts';
import {mustFix, ok, warning, type Finding} from './findings.ts';
import {quoteName} from '../mapping/quote.ts';
import {ask, type Probe} from './probe.ts';
import {targetsInCanonical} from './other-streams.ts';

/** How the bookkeeping tables compare with this version. */
export type Migrated = 'current' | 'older' | 'missing' | 'newer';

export async function readMigrated(probe: Probe): Promise<Migrated> {
  const rows = await queryRows(
    'target',
    probe.connection,
    'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?)',
    [probe.database, [...BOOKKEEPING_TABLES]],
  );
  const isWhole = Number(rows[0]?.[0]) === BOOKKEEPING_TABLES.length;
  const done = await ask(probe, 'SELECT name FROM sync_migrations');
  const names = (done.rows ?? []).map(([name]) => String(name));
  if (names.some(name => !MIGRATION_NAMES.includes(name))) return 'newer';
  if (names.length > 0 && !MIGRATION_NAMES.every(name => names.includes(name))) return 'older';
  return isWhole && names.length > 0 ? 'current' : 'missing';
}

export function checkMigrated(migrated: Migrated): Finding[] {
  switch (migrated) {
    case 'current':
      return [ok('target', 'migrated', 'the bookkeeping tables exist')];
    case 'newer':
      return [
        mustFix('target', 'migrated', {
          message: 'the bookkeeping tables were created by a newer version of laas-sync',
          why: 'this version does not understand them, and refuses to start',
          fix: 'deploy that version, or a newer one',
        }),
      ];
    case 'older':
    case 'missing':
      return [
        warning('target', 'migrated', {
          message:
            migrated === 'older'
              ? 'the bookkeeping tables are of an older version'
              : 'the bookkeeping tables, or some of them, do not exist',
          why: 'they hold the checkpoint, ownership and dead letters; `start` creates them if it may',
          fix: 'laas-sync migrate',
        }),
      ];
  }
}

/** One stream, as the bookkeeping and the server's locks show it. */
export interface LeaseFacts {
  readonly stream: string;
  readonly leader: string;
  /** The connection that holds the lock; null if none does. */
  readonly holder: number | null;
  /** How long the holder has been silent; null if this account may not see it. */
  readonly idleSeconds: number | null;
  /** The target tables that it shares with this stream; null if its mapping is not known. */
  readonly shared?: readonly string[] | null;
  /** The lease's row has a holder and has not expired. */
  readonly isRenewed: boolean;
}

/** The server ends a silent leader before that. */
const STALE_SECONDS = LEASE_SECONDS + 1;

export async function checkLeases(
  probe: Probe,
  stream: string,
  targets: readonly string[],
): Promise<Finding[]> {
  const mappings = await savedTargets(probe);
  const {rows} = await ask(probe, 'SELECT stream, leader FROM sync_checkpoint ORDER BY stream');
  const facts: LeaseFacts[] = [];
  for (const [name, leader] of rows ?? []) {
    const lock = await ask(probe, LOCK_HOLDER, [lockName(probe.database, String(name))]);
    const holder = lock.rows?.[0]?.[0] ?? null;
    const id = holder === null ? null : Number(holder);
    const renewed = await ask(probe, LEASE_IS_HELD, [String(name)]);
    facts.push({
      stream: String(name),
      leader: String(leader),
      holder: id,
      idleSeconds: id === null ? null : await idleSeconds(probe, id),
      shared: mappings.get(String(name))?.filter(table => targets.includes(table)) ?? null,
      isRenewed: (renewed.rows ?? []).length > 0,
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
export function judgeLease(facts: LeaseFacts, ours: string): Finding[] {
  const {stream, leader, holder, idleSeconds: idle, isRenewed, shared = null} = facts;
  const own = stream === ours;
  const isLed = isRenewed || holder !== null;
  if (!isRenewed && holder !== null && idle !== null && idle > STALE_SECONDS) {
    const make = own ? mustFix : warning;
    return [
      make('target', 'lease', {
        message: `the lease of ${stream} is held by connection ${holder}, which has been silent for ${idle} s`,
        why: `a live leader sends a statement every few seconds, and the server ends one that does not after ${LEASE_SECONDS} s; a proxy in between keeps the connection of a dead leader open, so that no standby can take over`,
        fix: `KILL ${holder};`,
      }),
    ];
  }
  if (own) return [ok('target', 'lease', isLed ? `${leader} leads ${stream}` : `nobody leads ${stream} now`)];
  if (isLed && shared !== null) return [sharedFinding(stream, leader, shared)];
  if (isLed) {
    return [
      warning('target', 'lease', {
        message: `another stream, ${stream}, also writes to this database (${leader})`,
        why: "the streams leave each other's rows alone only while no key is in both: for such a row the last change wins, and a delete by one stream removes it from both",
        fix: `give each stream a target database of its own (ORG_DB_DATABASE), or use one SYNC_NAME for both, so that one stands by`,
      }),
    ];
  }
  return [
    warning('target', 'lease', {
      message: `a stream ${stream} was once led by ${leader || 'nobody'}, and nobody leads it now`,
      why: 'if it was renamed, its checkpoint and its ownership of rows are stale: rows that only it owned are foreign to this stream',
      fix: ['sync_checkpoint', 'sync_owned', 'sync_owned_key', 'sync_dead_letter', 'sync_run', 'sync_lease']
        .map(table => `DELETE FROM ${quoteName(table)} WHERE stream = '${stream}';`)
        .join(' '),
    }),
  ];
}

function sharedFinding(stream: string, leader: string, shared: readonly string[]): Finding {
  if (shared.length === 0)
    return ok(
      'target',
      'lease',
      `another stream, ${stream}, writes other tables of this database (${leader})`,
    );
  return mustFix('target', 'lease', {
    message: `another stream, ${stream}, writes ${shared.join(', ')}, too (${leader})`,
    why: 'two streams that write one table delete each other’s rows and write them again',
    fix: 'remove the tables from one of the two mappings, or give each stream a target database of its own (ORG_DB_DATABASE)',
  });
}

/** Returns the target tables of each stream whose mapping is in the bookkeeping. */
async function savedTargets(probe: Probe): Promise<Map<string, readonly string[]>> {
  const {rows} = await ask(probe, 'SELECT stream, mapping FROM sync_checkpoint');
  const known = new Map<string, readonly string[]>();
  for (const [stream, mapping] of rows ?? []) {
    const targets = typeof mapping === 'string' ? targetsInCanonical(mapping) : null;
    if (targets !== null) known.set(String(stream), targets);
  }
  return known;
}
