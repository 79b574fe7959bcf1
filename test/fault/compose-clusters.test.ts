/**
 * The options that the compose files of clusters give their servers, on real servers: each is accepted, and the
 * group forms.
 */
import {spawn, type ChildProcess} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, afterEach, describe, expect, it} from 'vitest';
import {parse} from 'yaml';
import {eventually} from '../helpers/eventually.ts';
import {describeEachEdition} from '../helpers/flavours.ts';
import {query, withConnection} from '../servers/databases.ts';
import {hasGalera} from '../servers/galera.ts';
import {hasGroups, membersOf, untilPrimary} from '../servers/group.ts';
import {Haproxy, hasHaproxy} from '../servers/haproxy.ts';
import {which} from '../servers/packages.ts';
import {freePort} from '../servers/ports.ts';
import {provision} from '../servers/provision.ts';
import {startServer, type TestServer} from '../servers/server.ts';

const root = join(import.meta.dirname, '../..');
const SMALL = '--innodb-buffer-pool-size=64M';

/** The options of a service, with these texts replaced. */
function optionsOf(kind: string, service: string, replaced: Readonly<Record<string, string>>): string[] {
  const {services} = parse(readFileSync(join(root, `docker-compose.${kind}.yml`), 'utf8'), {merge: true}) as {
    services: Record<string, {command: string[]}>;
  };
  return (services[service]?.command ?? []).map(option => {
    for (const [from, to] of Object.entries(replaced)) option = option.replaceAll(from, to);
    return option;
  });
}

/** Each option as a variable, with the value that the server has. */
async function expectTaken(server: TestServer, options: readonly string[]): Promise<void> {
  expect(server.log()).not.toMatch(/unknown (variable|option)/i);
  await withConnection(server, undefined, async connection => {
    const rows = await query(connection, 'SHOW GLOBAL VARIABLES');
    const values = new Map(rows.map(row => [String(row['Variable_name']), String(row['Value'])]));
    for (const option of options) {
      const [, name = '', value = ''] = /^--(?:loose-)?([\w-]+)=(.*)$/.exec(option) ?? [];
      const found = values.get(name.replaceAll('-', '_'));
      if (['plugin-load-add', 'log-bin', 'wsrep-sst-auth', 'default-time-zone'].includes(name)) continue;
      expect([name, found]).toEqual([name, value]);
    }
  });
}

describeEachEdition('the compose file', ({edition}) => {
  describe.skipIf(!hasGalera || edition !== 'mariadb')('of Galera', () => {
    it('has options that the server accepts', async () => {
      const options = optionsOf('galera', 'node1', {'gcomm://node1,node2,node3': 'gcomm://'});
      const port = await freePort();
      await using server = await startServer({
        edition,
        options: [SMALL, ...options, `--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:${port}`],
      });
      await expectTaken(server, options);
    });
  });

  describe.skipIf(!hasGroups || !hasHaproxy() || edition !== 'mysql')('of a group', () => {
    const members: TestServer[] = [];
    let script: ChildProcess | undefined;
    afterEach(() => script?.kill('SIGKILL'));
    afterAll(() => Promise.all(members.map(member => member.dispose())));

    it('has options that the server accepts, and a script that keeps the group together', async () => {
      const ports = [await freePort(), await freePort(), await freePort()];
      const names = [1, 2, 3].map(n => `member${n}`);
      const addresses = Object.fromEntries(
        names.map((name, i) => [`${name}:33061`, `127.0.0.1:${ports[i]}`]),
      );
      const given = names.map(name =>
        optionsOf('group', name, {...addresses, [`report-host=${name}`]: 'report-host=127.0.0.1'}),
      );
      const started = await Promise.all(
        given.map(options => startServer({edition, options: [SMALL, ...options]})),
      );
      members.push(...started);
      const [first, second] = started;
      if (first === undefined || second === undefined) throw new Error('no members');
      await expectTaken(first, given[0] ?? []);

      const binary = await provision('mysql');
      const folder = join(root, 'deploy/compose');
      script = spawn(
        'bash',
        [
          '-c',
          `mkdir -p "$SQL_FOLDER" && cp ${folder}/source/01-laas.sql "$SQL_FOLDER" && cp ${folder}/target/01-organizations.sql "$SQL_FOLDER/02-organizations.sql" && exec bash ${folder}/group/keep-group.sh`,
        ],
        {
          stdio: 'ignore',
          env: {
            ...process.env,
            MEMBERS: started.map(({host, port}) => `${host}:${port}`).join(' '),
            MYSQL_USER: first.user,
            MYSQL_PWD: first.password,
            MYSQL_CLIENT:
              binary.kind === 'local' && binary.root !== ''
                ? `chroot ${binary.root} mysql`
                : (which('mysql') ?? 'mysql'),
            RECOVERY_PASSWORD: 'recovery',
            SQL_FOLDER: join(first.dataDir, '../sql'),
            READY_FILE: join(first.dataDir, '../ready'),
            INTERVAL_SECONDS: '1',
          },
        },
      );
      const untilWhole = () =>
        eventually(
          async () => (await membersOf(first)).filter(({state}) => state === 'ONLINE').length === 3,
          {timeoutMs: 60_000, intervalMs: 200, what: `three members\n${first.log().slice(-2000)}`},
        );
      await untilWhole();
      for (const member of started)
        await withConnection(member, 'laas', async connection => {
          expect(await query(connection, 'SELECT COUNT(*) AS users FROM users')).toEqual([{users: 2}]);
        });
      await second.kill();
      await second.start();
      await untilWhole();
      await using haproxy = await Haproxy.start('group', started);
      expect(await haproxy.leadsTo()).toBe((await untilPrimary(started)).port);
    });
  });
});
