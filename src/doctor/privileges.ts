/** Checks the privileges of the two accounts: each one that is needed, and on the source each one that is too much. */
import {textRows, type Flavour} from '../db/server.ts';
import {ok, mustFix, warning, type Finding} from './findings.ts';
import {holds, parseGrants, type Grant, type Grants} from './grants.ts';
import {quoteName} from '../mapping/quote.ts';
import {ask, type Probe} from './probe.ts';

/** Privileges for reading and for metadata; none of them changes anything. */
const HARMLESS = new Set([
  'USAGE',
  'SELECT',
  'SHOW VIEW',
  'SHOW DATABASES',
  'REPLICATION SLAVE',
  'REPLICATION REPLICA',
  'REPLICATION CLIENT',
  'BINLOG MONITOR',
  'SLAVE MONITOR',
  'REPLICATION MASTER ADMIN',
  'PROCESS',
  // It shows foreign keys: the same account may be used for the target.
  'REFERENCES',
]);

/** The two global privileges that a stream needs, by the name that each flavour shows. */
const REPLICATION: Readonly<Record<Flavour, readonly {privilege: string; why: string}[]>> = {
  mysql: [
    {privilege: 'REPLICATION SLAVE', why: 'without it the source does not send its log'},
    {
      privilege: 'REPLICATION CLIENT',
      why: 'without it, laas-sync cannot see where the log ends and which files are left',
    },
  ],
  mariadb: [
    {privilege: 'REPLICATION SLAVE', why: 'without it the source does not send its log'},
    {
      privilege: 'BINLOG MONITOR',
      why: 'without it, laas-sync cannot see where the log ends and which files are left',
    },
  ],
};

const TARGET_RUN = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];
/** MariaDB accepts a foreign key without REFERENCES. */
const TARGET_MIGRATE: Readonly<Record<Flavour, readonly string[]>> = {
  mysql: ['CREATE', 'ALTER', 'REFERENCES'],
  mariadb: ['CREATE', 'ALTER'],
};

export interface Account {
  /** The account's name, quoted, to be pasted. */
  readonly name: string;
  readonly grants: Grants;
}

/** @returns null if the account may not read its own grants */
export async function readAccount(probe: Probe): Promise<Account | null> {
  const who = await ask(probe, 'SELECT CURRENT_USER(), CURRENT_ROLE()');
  const bare = who.rows ?? (await ask(probe, 'SELECT CURRENT_USER(), NULL')).rows;
  const [user = '', role = null] = bare?.[0] ?? [];
  const active = role === null || role === undefined || role === 'NONE' || role === '' ? null : String(role);
  const own = await ask(
    probe,
    active !== null && probe.info.flavour === 'mysql'
      ? `SHOW GRANTS FOR CURRENT_USER() USING ${active}`
      : 'SHOW GRANTS FOR CURRENT_USER()',
  );
  if (own.rows === null) return null;
  const ofRole =
    active !== null && probe.info.flavour === 'mariadb'
      ? await ask(probe, `SHOW GRANTS FOR ${quoteName(active)}`)
      : null;
  const open = probe.info.flavour === 'mariadb' ? await ask(probe, 'SHOW GRANTS FOR PUBLIC') : null;
  const lines = [...own.rows, ...(ofRole?.rows ?? []), ...(open?.rows ?? [])];
  return {
    name: quoteAccount(String(user)),
    grants: parseGrants(textRows(lines.map(row => [...row])).map(([line = '']) => line)),
  };
}

function quoteAccount(user: string): string {
  const at = user.lastIndexOf('@');
  const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
  return `${quoted(user.slice(0, at))}@${quoted(user.slice(at + 1))}`;
}

const UNREADABLE = {
  message: 'the grants of the account cannot be read',
  why: 'a missing privilege is noticed only when it is needed',
  fix: 'run SHOW GRANTS as the account, and compare with docs/grants.md',
};

/** Checks the replication privileges alone: a stream cannot start without them. */
export async function checkReplicationPrivileges(probe: Probe): Promise<Finding[]> {
  const account = await readAccount(probe);
  if (account === null) return [warning('source', 'privilege-needed', UNREADABLE)];
  return REPLICATION[probe.info.flavour].map(({privilege, why}) => {
    const names = privilege === 'BINLOG MONITOR' ? [privilege, 'REPLICATION CLIENT'] : [privilege];
    if (names.some(name => holds(account.grants, name, '*') || holds(account.grants, 'SUPER', '*')))
      return ok('source', 'privilege-needed', `the account has ${privilege}`);
    return mustFix('source', 'privilege-needed', {
      message: `the account lacks ${privilege}`,
      why,
      fix: `GRANT ${privilege} ON *.* TO ${account.name};${inactiveRoles(account, probe.info.flavour)}`,
    });
  });
}

/** A role that is granted but not active has no effect. */
function inactiveRoles({grants, name}: Account, flavour: Flavour): string {
  return grants.roles.length === 0
    ? ''
    : ` -- or, if a role has it: SET DEFAULT ROLE ${grants.roles.join(', ')} ${flavour === 'mysql' ? 'TO' : 'FOR'} ${name};`;
}

export async function checkSourcePrivileges(
  probe: Probe,
  replicates: boolean,
  tables: readonly string[],
): Promise<Finding[]> {
  return [
    ...(replicates ? await checkReplicationPrivileges(probe) : []),
    ...(await checkReading(probe, tables)),
    ...(await checkExcess(probe)),
  ];
}

const DENIED = new Set([1142, 1143, 1044, 1370]);

/** Reading the tables, without rows, is the best proof that they can be read. */
async function checkReading(probe: Probe, tables: readonly string[]): Promise<Finding[]> {
  const account = await readAccount(probe);
  const denied: string[] = [];
  for (const table of tables) {
    const {errno} = await ask(
      probe,
      `SELECT 1 FROM ${quoteName(probe.database)}.${quoteName(table)} LIMIT 0`,
    );
    if (errno !== undefined && DENIED.has(errno)) denied.push(table);
  }
  if (denied.length === 0)
    return [ok('source', 'privilege-needed', `the account may read ${tables.join(', ')}`)];
  return [
    mustFix('source', 'privilege-needed', {
      message: `the account may not read ${denied.join(', ')}`,
      why: 'reconciles, first loads and rows that become eligible are read by SELECT',
      fix: `GRANT SELECT ON ${quoteName(probe.database)}.* TO ${account?.name ?? 'the account'};`,
    }),
  ];
}

async function checkExcess(probe: Probe): Promise<Finding[]> {
  const account = await readAccount(probe);
  if (account === null) return [];
  const found = account.grants.grants.flatMap(grant => excessOf(account, grant));
  return found.length === 0
    ? [ok('source', 'privilege-excess', 'the account cannot change anything on the source')]
    : found;
}

function excessOf(account: Account, {privileges, scope}: Grant): Finding[] {
  const excess = privileges.filter(privilege => !HARMLESS.has(privilege.replace(/ \(.*/s, '')));
  if (excess.length === 0) return [];
  const all = excess.includes('ALL');
  return [
    warning('source', 'privilege-excess', {
      message: all
        ? `the account may do everything on ${scope}`
        : `the account has more than it needs on ${scope}: ${shortened(excess)}`,
      why: 'laas-sync never writes to the source; an account that could is a needless risk',
      fix: all
        ? `create an account of its own with the grants of docs/grants.md; or REVOKE ALL PRIVILEGES, GRANT OPTION FROM ${account.name}; and grant those`
        : `REVOKE ${excess.join(', ')} ON ${scope} FROM ${account.name};`,
    }),
  ];
}

/** MySQL lists each of its sixty privileges for an account that has all. */
function shortened(privileges: readonly string[]): string {
  const most = 8;
  return privileges.length <= most
    ? privileges.join(', ')
    : `${privileges.slice(0, most).join(', ')} and ${privileges.length - most} more`;
}

const WRITES_WHY = 'rows, checkpoint and dead letters are written in one transaction';

function lackingByTable(
  partial: readonly {readonly privilege: string; readonly without: readonly string[]}[],
): {table: string; privileges: string[]}[] {
  const byTable = new Map<string, string[]>();
  for (const {privilege, without} of partial)
    for (const table of without) byTable.set(table, [...(byTable.get(table) ?? []), privilege]);
  return Array.from(byTable, ([table, privileges]) => ({table, privileges}));
}

export async function checkTargetPrivileges(
  probe: Probe,
  tables: readonly string[],
  migrated: boolean,
): Promise<Finding[]> {
  const account = await readAccount(probe);
  if (account === null) return [warning('target', 'privilege-needed', UNREADABLE)];
  const missing = (privileges: readonly string[]) =>
    privileges.filter(
      privilege => !tables.every(table => holds(account.grants, privilege, probe.database, table)),
    );
  const run = missing(TARGET_RUN);
  const migrate = migrated ? [] : missing(TARGET_MIGRATE[probe.info.flavour]);
  if (run.length + migrate.length === 0)
    return [ok('target', 'privilege-needed', `the account has what it needs on ${probe.database}`)];
  const list = [...run, ...migrate].join(', ');
  const partial = run.flatMap(privilege => {
    const without = tables.filter(table => !holds(account.grants, privilege, probe.database, table));
    return without.length < tables.length ? [{privilege, without}] : [];
  });
  // An account that was granted table by table keeps to that.
  if (migrate.length === 0 && partial.length === run.length)
    return lackingByTable(partial).map(({privileges, table}) =>
      mustFix('target', 'privilege-needed', {
        message: `the account lacks ${privileges.join(', ')} on ${table}`,
        why: WRITES_WHY,
        fix: `GRANT ${privileges.join(', ')} ON ${quoteName(probe.database)}.${quoteName(table)} TO ${account.name};${inactiveRoles(account, probe.info.flavour)}`,
      }),
    );
  return [
    mustFix('target', 'privilege-needed', {
      message: `the account lacks ${list} on ${probe.database}`,
      why: run.length > 0 ? WRITES_WHY : 'the tables do not exist yet, and `laas-sync migrate` creates them',
      fix: `GRANT ${list} ON ${quoteName(probe.database)}.* TO ${account.name};${inactiveRoles(account, probe.info.flavour)}`,
    }),
  ];
}
