/** A group of MySQL members with one primary, by the plugin that comes with the server. */
import {randomUUID} from 'node:crypto';
import {rmSync} from 'node:fs';
import {eventually} from '../helpers/eventually.ts';
import {query, withConnection} from './databases.ts';
import {mayInstall, which} from './packages.ts';
import {freePort} from './ports.ts';
import {startServer, type TestServer} from './server.ts';
import {TEST_PASSWORD, TEST_USER} from './command.ts';

/** The members run on the loopback of this machine; those of containers would not reach each other. */
export const hasGroups = which('mysqld') !== undefined || mayInstall();

export interface Group extends AsyncDisposable {
  readonly members: readonly TestServer[];
}

/** The state of a member, as it or another member reports it. */
export interface MemberState {
  readonly port: number;
  readonly role: string;
  readonly state: string;
}

/**
 * Starts a group of so many members in single-primary mode. The first member is the primary. A member that is
 * silent for about five seconds is expelled.
 *
 * @param options more options for each member
 */
export async function startGroup(count: number, options: readonly string[] = []): Promise<Group> {
  const name = randomUUID();
  const ports: number[] = [];
  for (let i = 0; i < count; i++) ports.push(await freePort());
  const addresses = ports.map(port => `127.0.0.1:${port}`);
  const started = await Promise.allSettled(
    addresses.map(address =>
      startServer({
        edition: 'mysql',
        options: [
          '--innodb-buffer-pool-size=64M',
          '--report-host=127.0.0.1',
          '--plugin-load-add=group_replication.so',
          `--loose-group-replication-group-name=${name}`,
          '--loose-group-replication-start-on-boot=OFF',
          `--loose-group-replication-local-address=${address}`,
          `--loose-group-replication-group-seeds=${addresses.join(',')}`,
          '--loose-group-replication-recovery-get-public-key=ON',
          '--loose-group-replication-member-expel-timeout=0',
          '--loose-group-replication-message-cache-size=134217728',
          ...options,
        ],
      }),
    ),
  );
  const members = started.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []));
  const end = () => Promise.all(members.map(member => member.dispose())).then(() => undefined);
  try {
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    for (const [i, member] of members.entries()) await join(member, {first: i === 0});
    for (const member of members) await untilOnline(member, count);
    return {members, [Symbol.asyncDispose]: end};
  } catch (error) {
    await end();
    throw error;
  }
}

/** Lets a server that runs join the group again, or begin it. */
export async function join(member: TestServer, {first = false} = {}): Promise<void> {
  await withConnection(member, undefined, async connection => {
    await connection.query(
      `CHANGE REPLICATION SOURCE TO SOURCE_USER = '${TEST_USER}', SOURCE_PASSWORD = '${TEST_PASSWORD}' FOR CHANNEL 'group_replication_recovery'`,
    );
    if (first) await connection.query('SET GLOBAL group_replication_bootstrap_group = ON');
    await connection.query('START GROUP_REPLICATION');
    if (first) await connection.query('SET GLOBAL group_replication_bootstrap_group = OFF');
  });
}

/**
 * Replaces a member's data by a clone of another member's. The member is part of the group again afterwards, and
 * its log begins where the clone ends. All members need the plugin mysql_clone.so.
 */
export async function cloneFromAnother(member: TestServer): Promise<void> {
  await member.kill();
  rmSync(member.dataDir, {recursive: true});
  await member.prepare();
  await member.start();
  await withConnection(member, undefined, async connection => {
    // A member with transactions of its own may not join.
    await connection.query('RESET BINARY LOGS AND GTIDS');
    // From one missing transaction on, a member gets all data instead of the log.
    await connection.query('SET GLOBAL group_replication_clone_threshold = 1');
  });
  await join(member);
  // The server ends after it has received the data, because nothing is there to start it again.
  await eventually(() => member.pid === undefined, {timeoutMs: 60_000, what: 'the end of the clone'});
  await member.start();
  await join(member);
}

/** Starts stopped members, continues frozen ones, and lets every member join that is not online. */
export async function heal({members}: Group): Promise<void> {
  for (const member of members) {
    await member.thaw();
    if (member.pid === undefined) await member.start();
  }
  await eventually(
    async () => {
      for (const member of members) {
        const own = (await membersOf(member)).find(({port}) => port === member.port);
        if (own === undefined || ['OFFLINE', 'ERROR'].includes(own.state)) await rejoin(member);
      }
      for (const member of members)
        if ((await membersOf(member)).filter(({state}) => state === 'ONLINE').length !== members.length)
          return false;
      return true;
    },
    {timeoutMs: 60_000, intervalMs: 300, what: 'a whole group'},
  );
}

async function rejoin(member: TestServer): Promise<void> {
  await withConnection(member, undefined, connection => connection.query('STOP GROUP_REPLICATION'));
  await join(member);
}

/** The group as a member sees it. */
export function membersOf(member: TestServer): Promise<MemberState[]> {
  return withConnection(member, undefined, async connection => {
    const rows = await query(
      connection,
      'SELECT MEMBER_PORT AS port, MEMBER_ROLE AS role, MEMBER_STATE AS state FROM performance_schema.replication_group_members',
    );
    return rows.map(row => ({
      port: Number(row['port']),
      role: String(row['role']),
      state: String(row['state']),
    }));
  });
}

/** Resolves when the member sees so many members that are online. */
export function untilOnline(member: TestServer, count: number): Promise<boolean> {
  return eventually(
    async () => (await membersOf(member)).filter(({state}) => state === 'ONLINE').length === count,
    {timeoutMs: 60_000, intervalMs: 200, what: `${count} members online\n${member.log().slice(-3000)}`},
  );
}

/** Moves the role of the primary to another member, as an operator does. */
export async function switchTo(member: TestServer): Promise<void> {
  await withConnection(member, undefined, connection =>
    connection.query('SELECT group_replication_set_as_primary(@@server_uuid)'),
  );
}

/** Resolves with the primary on which the members that answer agree, once it accepts writes. */
export function untilPrimary(members: readonly TestServer[], timeoutMs = 60_000): Promise<TestServer> {
  return eventually(
    async () => {
      for (const member of members) {
        const seen = await membersOf(member).catch(() => []);
        const own = seen.find(({port}) => port === member.port);
        if (own?.role === 'PRIMARY' && own.state === 'ONLINE' && (await takesWrites(member))) return member;
      }
      return false;
    },
    {timeoutMs, intervalMs: 100, what: 'a primary'},
  );
}

function takesWrites(member: TestServer): Promise<boolean> {
  return withConnection(member, undefined, async connection => {
    const [row] = await query(connection, 'SELECT @@super_read_only AS held');
    return Number(row?.['held']) === 0;
  });
}
