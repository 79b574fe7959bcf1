/**
 * The settings of the tests' servers. By default they are plain. With TEST_PROFILE=hostile, every default that a
 * session can inherit has another value, so that code which relies on a default fails; accounts without SUPER
 * also get an init_connect. The product then connects by such an account.
 */
import type {Flavour} from './provision.ts';

export const isHostile = process.env['TEST_PROFILE'] === 'hostile';

/**
 * The product's account on a hostile server. It has the privileges of docs/grants.md, and init_connect runs for
 * it.
 */
const PRODUCT_USER = 'laas_product';
const PRODUCT_PASSWORD = 'laas_product';
/** TEST_USER of command.ts, which takes options from here. */
const TEST_ACCOUNT = 'laas_test';
const PRIVILEGES =
  'SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, PROCESS, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT';

interface Setting {
  readonly hostile: string;
  /** For the sessions of the tests themselves; null if none can be set. */
  readonly plain: string | null;
}

const MODES =
  'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,IGNORE_SPACE,HIGH_NOT_PRECEDENCE,REAL_AS_FLOAT';
const NO_LIMIT = '18446744073709551615';

const COMMON: Readonly<Record<string, Setting>> = {
  sql_mode: {hostile: `'${MODES}'`, plain: "'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'"},
  completion_type: {hostile: '1', plain: '0'},
  time_zone: {hostile: "'+05:45'", plain: "'SYSTEM'"},
  sql_select_limit: {hostile: '1', plain: NO_LIMIT},
  foreign_key_checks: {hostile: '0', plain: '1'},
  unique_checks: {hostile: '0', plain: '1'},
  sql_safe_updates: {hostile: '1', plain: '0'},
  sql_auto_is_null: {hostile: '1', plain: '0'},
  max_join_size: {hostile: '10', plain: NO_LIMIT},
  group_concat_max_len: {hostile: '4', plain: '1048576'},
  max_sort_length: {hostile: '64', plain: '1024'},
  div_precision_increment: {hostile: '0', plain: '4'},
  default_week_format: {hostile: '3', plain: '0'},
  lc_time_names: {hostile: "'ja_JP'", plain: "'en_US'"},
  lock_wait_timeout: {hostile: '1', plain: '86400'},
  innodb_lock_wait_timeout: {hostile: '1', plain: '50'},
  net_read_timeout: {hostile: '1', plain: '30'},
  net_write_timeout: {hostile: '1', plain: '60'},
  wait_timeout: {hostile: '1', plain: '28800'},
  interactive_timeout: {hostile: '1', plain: null},
  default_storage_engine: {hostile: 'MyISAM', plain: 'InnoDB'},
  innodb_strict_mode: {hostile: '0', plain: '1'},
  explicit_defaults_for_timestamp: {hostile: '0', plain: '1'},
  low_priority_updates: {hostile: '1', plain: '0'},
  character_set_server: {hostile: 'latin1', plain: 'utf8mb4'},
};

const OF_MARIADB: Readonly<Record<string, Setting>> = {
  tx_isolation: {hostile: "'SERIALIZABLE'", plain: "'REPEATABLE-READ'"},
  optimizer_switch: {
    hostile: "'index_merge=off,derived_merge=off,semijoin=off,materialization=off,not_null_range_scan=on'",
    plain: "'default'",
  },
  tx_read_only: {hostile: '1', plain: '0'},
  max_statement_time: {hostile: '0.5', plain: '0'},
  idle_transaction_timeout: {hostile: '1', plain: '0'},
  idle_readonly_transaction_timeout: {hostile: '1', plain: '0'},
  idle_write_transaction_timeout: {hostile: '1', plain: '0'},
  check_constraint_checks: {hostile: '0', plain: '1'},
  innodb_snapshot_isolation: {hostile: '1', plain: '0'},
  system_versioning_asof: {hostile: "'2020-01-01 00:00:00'", plain: 'DEFAULT'},
};

const OF_MYSQL: Readonly<Record<string, Setting>> = {
  transaction_isolation: {hostile: "'SERIALIZABLE'", plain: "'REPEATABLE-READ'"},
  optimizer_switch: {
    hostile: "'index_merge=off,derived_merge=off,semijoin=off,materialization=off,prefer_ordering_index=off'",
    plain: "'default'",
  },
  transaction_read_only: {hostile: '1', plain: '0'},
  max_execution_time: {hostile: '500', plain: '0'},
  sql_require_primary_key: {hostile: '1', plain: '0'},
  sql_generate_invisible_primary_key: {hostile: '1', plain: '0'},
};

/** Last, because a session without autocommit would not commit the statements before it. */
const LAST: Readonly<Record<string, Setting>> = {autocommit: {hostile: '0', plain: '1'}};

function settings(flavour: Flavour): Readonly<Record<string, Setting>> {
  return {...COMMON, ...(flavour.startsWith('mariadb') ? OF_MARIADB : OF_MYSQL), ...LAST};
}

/** The settings of the product's sessions, besides the global defaults. */
const INIT_CONNECT =
  'SET NAMES latin1; SET autocommit = 0, sql_select_limit = 1; SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; START TRANSACTION';

/** Must not change between a template and the servers made from it: part of the name of a template. */
export const LAYOUT_OPTIONS: readonly string[] = isHostile ? ['--lower-case-table-names=1'] : [];
export const TEMPLATE_SUFFIX = isHostile ? '-hostile' : '';

/** Statements for the server's start, one a line; empty if there are none. */
export function startSql(flavour: Flavour): string {
  if (!isHostile) return '';
  const account = `'${PRODUCT_USER}'@'%'`;
  return [
    'SET sql_log_bin = 0;',
    `CREATE USER IF NOT EXISTS ${account} IDENTIFIED BY '${PRODUCT_PASSWORD}';`,
    `GRANT ${PRIVILEGES} ON *.* TO ${account};`,
    `SET GLOBAL init_connect = '${INIT_CONNECT}';`,
    ...Object.entries(settings(flavour)).map(([name, {hostile}]) => `SET GLOBAL ${name} = ${hostile};`),
    '',
  ].join('\n');
}

/** Returns the statement that resets a session of the tests to plain settings; null if it has them. */
export function plainSession(flavour: Flavour): string | null {
  if (!isHostile) return null;
  const assignments = Object.entries(settings(flavour))
    .filter(([, {plain}]) => plain !== null)
    .map(([name, {plain}]) => `${name} = ${plain}`);
  return `SET NAMES utf8mb4, ${assignments.join(', ')}`;
}

interface Account {
  readonly user: string;
  readonly password: string;
}

/** The account by which the product is to reach a server that the tests reach by this one. */
export function productAccount({user, password}: Account): Account {
  return isHostile && user === TEST_ACCOUNT
    ? {user: PRODUCT_USER, password: PRODUCT_PASSWORD}
    : {user, password};
}
