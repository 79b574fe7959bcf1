/**
 * Settings of every session, which override the server's defaults and its init_connect.
 *
 * The server applies its global defaults and init_connect after the handshake, so the settings are sent as
 * statements once the connection is open. Every connection of the program uses this file: those of connect(),
 * those of knex's pool, and the two that zongji opens.
 *
 * Some settings are left alone on purpose: those that need a privilege (sql_require_primary_key,
 * innodb_strict_mode, low_priority_updates), those that determine how the server logs (sql_log_bin,
 * binlog_format, binlog_row_image), those of a cluster (auto_increment_*, and wsrep_* except wsrep_sync_wait), and
 * optimizer_switch. The latter changes no result, and an administrator may have set it because of a fault of the
 * server. It does not spoil our plans either: a reconcile and a verification of 40,000 users take no longer with
 * every switch off, or with every switch on, on both servers.
 */
import {settled} from '../lifecycle/settled.ts';
import type {Side} from './faults.ts';

/** Requests rows as arrays. It rejects with the driver's error. */
export type AskSession = (sql: string) => Promise<readonly (readonly unknown[])[]>;

export interface SessionNeeds {
  readonly side: Side;
  /** The seconds after which the server ends a silent session. */
  readonly idleSeconds?: number | undefined;
}

/** The greatest value of every limit that counts rows: no limit. */
const NO_LIMIT = '18446744073709551615';
const IDLE_SECONDS = 28_800;
/** The longest time that a server accepts. */
export const NEVER_IDLE_SECONDS = 31_536_000;

/**
 * Sent first, because every server has these settings and the later statements depend on them: the limits on
 * rows, joins and time also apply to SHOW VARIABLES. Setting autocommit off and on ends a transaction that
 * init_connect may have opened. Only MariaDB executes the comment.
 */
function baseAssignments({side, idleSeconds = IDLE_SECONDS}: SessionNeeds): string[] {
  // Without an SQL mode, the source returns zero dates unchanged.
  const mode = side === 'source' ? '' : 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION';
  return [
    'NAMES utf8mb4 COLLATE utf8mb4_general_ci',
    'autocommit = 0',
    'autocommit = 1',
    'completion_type = 0',
    `sql_mode = '${mode}'`,
    "time_zone = '+00:00'",
    `sql_select_limit = ${NO_LIMIT}`,
    // A limit on joins turns sql_big_selects off, so it comes first.
    `max_join_size = ${NO_LIMIT}`,
    'sql_big_selects = 1',
    `wait_timeout = ${idleSeconds} /*M!100101 , max_statement_time = 0 */`,
  ];
}

/** Applied in this order. A server sets those that it has. */
const OPTIONAL_SETTINGS = {
  foreign_key_checks: '1',
  unique_checks: '1',
  check_constraint_checks: '1',
  sql_safe_updates: '0',
  sql_auto_is_null: '0',
  max_execution_time: '0',
  idle_transaction_timeout: '0',
  idle_readonly_transaction_timeout: '0',
  idle_write_transaction_timeout: '0',
  lock_wait_timeout: '3600',
  innodb_lock_wait_timeout: '50',
  net_read_timeout: '30',
  net_write_timeout: '60',
  group_concat_max_len: '1048576',
  max_sort_length: '1024',
  div_precision_increment: '4',
  default_storage_engine: 'InnoDB',
  // This is its word for "current rows"; a time here would make every SELECT read the past.
  system_versioning_asof: 'DEFAULT',
  // A second engine's copy of a table may lag behind the table.
  use_secondary_engine: 'OFF',
  query_cache_type: '0',
  // It was off by default before MariaDB 11.6. What it refuses is retried like a deadlock.
  innodb_snapshot_isolation: '0',
  // A session may lead to a node of Galera that has not applied yet what another session has committed on another
  // node, for some time after the target's address has moved. Before a read, the node catches up.
  wsrep_sync_wait: '@@wsrep_sync_wait | 1',
} as const;
/** On the source, positions say what a read shows (src/source/watermark.ts). */
const OF_THE_TARGET: readonly string[] = ['wsrep_sync_wait'];

/** Errors: the server lacks the variable, reserves it for privileged accounts, or has no session value of it. */
const NOT_SETTABLE_ERRNOS = new Set([1193, 1227, 1229, 1231, 1232, 1238, 1621]);

/** The settings that may be set, by server version: most connections need no check of their own. */
const settableByVersion = new Map<string, readonly string[]>();

/** Returns the statements that set another session of a server in the same way. */
export type StatementsFor = (needs: SessionNeeds) => string[];

/**
 * Sets a session that was just opened: in one round trip, and in some more on the first connection to a server of
 * this version.
 *
 * @param version the server's version and whatever else distinguishes it from others
 * @throws the driver's error
 */
export async function pinSession(
  ask: AskSession,
  version: string,
  needs: SessionNeeds,
): Promise<StatementsFor> {
  const known = settableByVersion.get(version);
  if (known !== undefined && (await areSet(ask, known, needs))) return statementsWith(known);
  settableByVersion.delete(version);
  const [, present] = await settled([ask(setStatement(baseAssignments(needs))), findPresent(ask)]);
  const settable = (await areSet(ask, present, needs)) ? present : await findSettable(ask, present);
  settableByVersion.set(version, settable);
  if (settable !== present) await sendAll(ask, sessionStatements(settable, needs));
  return statementsWith(settable);
}

function statementsWith(names: readonly string[]): StatementsFor {
  return needs => sessionStatements(names, needs);
}

/** @returns false if the server refuses one of the settings */
async function areSet(ask: AskSession, names: readonly string[], needs: SessionNeeds): Promise<boolean> {
  try {
    await sendAll(ask, sessionStatements(names, needs));
    return true;
  } catch (error) {
    if (!isNotSettable(error)) throw error;
    return false;
  }
}

async function sendAll(ask: AskSession, statements: readonly string[]): Promise<void> {
  await settled(statements.map(sql => ask(sql)));
}

/** Returns which of the optional settings the server has. */
async function findPresent(ask: AskSession): Promise<string[]> {
  const names = Object.keys(OPTIONAL_SETTINGS);
  const list = names.map(name => `'${name}'`).join(', ');
  const rows = await ask(`SHOW SESSION VARIABLES WHERE Variable_name IN (${list})`);
  const present = new Set(rows.map(([name]) => String(name).toLowerCase()));
  return names.filter(name => present.has(name));
}

/** Returns which of them the account may set. Each is tried alone, so that one refusal hides no other. */
async function findSettable(ask: AskSession, present: readonly string[]): Promise<string[]> {
  const settable: string[] = [];
  for (const [name, value] of Object.entries(OPTIONAL_SETTINGS)) {
    if (!present.includes(name)) continue;
    try {
      await ask(setStatement([`${name} = ${value}`]));
      settable.push(name);
    } catch (error) {
      if (!isNotSettable(error)) throw error;
    }
  }
  return settable;
}

function sessionStatements(names: readonly string[], needs: SessionNeeds): string[] {
  const optional = Object.entries(OPTIONAL_SETTINGS)
    .filter(([name]) => names.includes(name) && (needs.side === 'target' || !OF_THE_TARGET.includes(name)))
    .map(([name, value]) => `${name} = ${value}`);
  const access = needs.side === 'source' ? 'READ ONLY' : 'READ WRITE';
  return [
    setStatement([...baseAssignments(needs), ...optional]),
    `SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, ${access}`,
  ];
}

function setStatement(assignments: readonly string[]): string {
  return `SET ${assignments.join(', ')}`;
}

function isNotSettable(error: unknown): boolean {
  return (
    error instanceof Error &&
    'errno' in error &&
    typeof error.errno === 'number' &&
    NOT_SETTABLE_ERRNOS.has(error.errno)
  );
}
