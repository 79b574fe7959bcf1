/**
 * What every session of ours is set to, whatever the server's defaults and its init_connect say.
 *
 * The server applies its global defaults and init_connect after the handshake. So the settings are sent as
 * statements once the connection is there. Every connection of the product passes through here: those of
 * connect(), those of knex's pool and the two that zongji opens.
 *
 * Not set on purpose: what needs a privilege (sql_require_primary_key, innodb_strict_mode,
 * low_priority_updates), what decides how the server logs (sql_log_bin, binlog_format, binlog_row_image), what
 * belongs to a cluster (wsrep_*, auto_increment_*), and optimizer_switch. It changes no result, and an
 * administrator may have set it because of a fault of the server. It wrecks no plan of ours either: a reconcile and
 * a verification of 40,000 users take no longer with every switch off, or with every switch on, on both servers.
 */
import type {Side} from './faults.ts';

/** Asks for rows as arrays. It rejects with the driver's error. */
export type AskSession = (sql: string) => Promise<readonly (readonly unknown[])[]>;

export interface SessionNeeds {
  readonly side: Side;
  /** Seconds after which the server ends the session when it hears nothing. */
  readonly idleSeconds?: number | undefined;
}

/** The greatest value of every limit that counts rows: no limit. */
const NO_LIMIT = '18446744073709551615';
const IDLE_SECONDS = 28_800;
/** The longest that a server takes. */
export const NEVER_IDLE_SECONDS = 31_536_000;

/**
 * Sent first, since every server has these and since the later statements lean on them: the limits on rows, on
 * joins and on time hold for SHOW VARIABLES, too. Setting autocommit off and on ends a transaction that
 * init_connect may have opened. The comment is executed by MariaDB alone.
 */
function baseAssignments({side, idleSeconds = IDLE_SECONDS}: SessionNeeds): string[] {
  // Without a mode, the source gives zero dates as they are.
  const mode = side === 'source' ? '' : 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION';
  return [
    'NAMES utf8mb4 COLLATE utf8mb4_general_ci',
    'autocommit = 0',
    'autocommit = 1',
    'completion_type = 0',
    `sql_mode = '${mode}'`,
    "time_zone = '+00:00'",
    `sql_select_limit = ${NO_LIMIT}`,
    // A limit on joins turns sql_big_selects off, so that it comes first.
    `max_join_size = ${NO_LIMIT}`,
    'sql_big_selects = 1',
    `wait_timeout = ${idleSeconds} /*M!100101 , max_statement_time = 0 */`,
  ];
}

/** In this order. A server sets those that it has. */
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
  // Its word for "as the rows are now"; a time given here would make every SELECT read the past.
  system_versioning_asof: 'DEFAULT',
  // A second engine's copy of a table may lag behind the table.
  use_secondary_engine: 'OFF',
  query_cache_type: '0',
  // Before MariaDB 11.6 it was off by default. What it refuses is retried as a deadlock is.
  innodb_snapshot_isolation: '0',
} as const;

/** The server lacks the variable, keeps it for accounts with a privilege, or lets no session set it. */
const NOT_SETTABLE_ERRNOS = new Set([1193, 1227, 1229, 1231, 1232, 1238, 1621]);

/** What the servers let us set, by their versions: most connections need no look of their own. */
const settableByVersion = new Map<string, readonly string[]>();

/**
 * Sets a session that was just opened: two statements, and some more on the first connection to a server of
 * this version.
 *
 * @param version the server's version and whatever else tells it from others
 * @returns the statements that set another session of the same server
 * @throws the driver's error
 */
export async function pinSession(ask: AskSession, version: string, needs: SessionNeeds): Promise<string[]> {
  let names = settableByVersion.get(version);
  if (names !== undefined) {
    try {
      return await sendAll(ask, sessionStatements(names, needs));
    } catch (error) {
      if (!isNotSettable(error)) throw error;
      settableByVersion.delete(version);
    }
  }
  await ask(setStatement(baseAssignments(needs)));
  names = await findPresent(ask);
  try {
    const statements = await sendAll(ask, sessionStatements(names, needs));
    settableByVersion.set(version, names);
    return statements;
  } catch (error) {
    if (!isNotSettable(error)) throw error;
  }
  names = await findSettable(ask, names);
  settableByVersion.set(version, names);
  return sendAll(ask, sessionStatements(names, needs));
}

async function sendAll(ask: AskSession, statements: string[]): Promise<string[]> {
  for (const sql of statements) await ask(sql);
  return statements;
}

/** Which of the optional settings the server has. */
async function findPresent(ask: AskSession): Promise<string[]> {
  const names = Object.keys(OPTIONAL_SETTINGS);
  const list = names.map(name => `'${name}'`).join(', ');
  const rows = await ask(`SHOW SESSION VARIABLES WHERE Variable_name IN (${list})`);
  const present = new Set(rows.map(([name]) => String(name).toLowerCase()));
  return names.filter(name => present.has(name));
}

/** Which of them the account may set. Each is tried alone, so that one refusal hides no other. */
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
    .filter(([name]) => names.includes(name))
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
