/** Several streams at once: settings of each in a file of its own, one server for both targets, then one database for both. */
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {loadConfig} from '../../src/config.ts';
import {KnownWrites} from '../../src/apply/checkpoint.ts';
import {tryAcquireLease} from '../../src/db/lease.ts';
import {lockName} from '../../src/db/named-lock.ts';
import {cli, DaemonProcess, environment, type Environment} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {actualTarget, expectedTarget} from '../helpers/oracle.ts';
import {SOURCE_SCHEMAS} from '../helpers/schemas.ts';
import {connect, createDatabases, query, type Databases} from '../servers/databases.ts';

const ENVIRONMENTS = ['blue', 'green'] as const;
type Name = (typeof ENVIRONMENTS)[number];

describeEachFlavour('two environments', ({server, source, target: shared}) => {
  // Equal in more than their first twenty characters, like the names of one organization's databases.
  const stem = source.replace('_laas', '_organizations');
  const sources = {blue: source, green: `${stem}_green_laas`};
  const targets = {blue: `${stem}_of_blue`, green: `${stem}_of_green`};
  let folder: string;
  let connection: mysql.Connection;
  let others: Databases[];
  const running: DaemonProcess[] = [];

  const settings = (name: Name, extra: Environment = {}): Environment =>
    environment(
      {...server, database: sources[name]},
      {...server, database: targets[name]},
      {SYNC_NAME: name, ...extra},
    );
  const start = async (name: Name) => {
    const daemon = await DaemonProcess.start({}, {args: ['--env', name], cwd: folder});
    running.push(daemon);
    await daemon.until('streaming');
    return daemon;
  };
  const startInto = async (name: Name, stream: string) => {
    const daemon = await DaemonProcess.start(settings(name, {SYNC_NAME: stream, ORG_DB_DATABASE: shared}));
    running.push(daemon);
    await daemon.until('streaming');
    return daemon;
  };
  const write = (name: Name, sql: string) => connection.query(`USE \`${sources[name]}\`; ${sql}`);
  const rows = (database: string, sql: string) =>
    connection.query(`USE \`${database}\``).then(() => query(connection, sql));
  const isEqual = (name: Name) =>
    eventually(
      async () => {
        expect(await actualTarget(connection, targets[name])).toEqual(
          await expectedTarget(connection, sources[name], true),
        );
        return true;
      },
      {timeoutMs: 20_000, what: `equality of ${name}`},
    );
  const user = (id: number) =>
    `INSERT INTO users (id, first_name, email, password) VALUES (${id}, 'User ${id}', 'u${id}@example.test', 'p');`;

  beforeAll(async () => {
    connection = await connect(server);
    others = [
      await createDatabases(server, 'env', {source: sources.green, target: targets.green}),
      await createDatabases(server, 'env', {source: `${stem}_unused`, target: targets.blue}),
    ];
    folder = mkdtempSync(join(tmpdir(), 'laas-sync-env-'));
    for (const name of ENVIRONMENTS) {
      const file = Object.entries(settings(name)).map(([key, value]) => `${key}='${value}'\n`);
      writeFileSync(join(folder, `.env.${name}`), file.join(''));
      await write(name, SOURCE_SCHEMAS[0]?.create ?? '');
    }
    // Separate ids, so that both may be written into one database later.
    await write(
      'blue',
      `INSERT INTO institutes (id, name) VALUES (1, 'Blue'); ${user(1)} ${user(2)}
      INSERT INTO institute_user (institute_id, user_id) VALUES (1, 1), (1, 2)`,
    );
    await write(
      'green',
      `INSERT INTO institutes (id, name) VALUES (70000, 'Green'); ${user(1001)} ${user(1002)}
      INSERT INTO institute_user (institute_id, user_id) VALUES (70000, 1001), (70000, 1002)`,
    );
  });
  afterAll(async () => {
    for (const daemon of running) await daemon.kill();
    await connection?.end();
    for (const databases of others ?? []) await databases.drop();
    rmSync(folder, {recursive: true, force: true});
  });

  it('are two files: each has its own lease, checkpoint, metrics label and rows', async () => {
    for (const name of ENVIRONMENTS)
      expect(await cli(['migrate', '--env', name], {}, folder)).toMatchObject({code: 0});
    const daemons = {blue: await start('blue'), green: await start('green')};
    await write('blue', user(3));
    await write('green', user(1003));
    const holders = new Set<unknown>();
    for (const name of ENVIRONMENTS) {
      await isEqual(name);
      const other = name === 'blue' ? 'green' : 'blue';
      expect(await rows(targets[name], 'SELECT stream FROM sync_checkpoint')).toEqual([{stream: name}]);
      const [lock] = await query(connection, 'SELECT IS_USED_LOCK(?) AS holder', [
        lockName(targets[name], name),
      ]);
      holders.add(lock?.['holder']);
      expect(await daemons[name].status()).toMatchObject({name});
      const metrics = await (await fetch(`${daemons[name].url}/metrics`)).text();
      expect(metrics).toContain(`stream="${name}"`);
      expect(metrics).not.toContain(`stream="${other}"`);
      expect(
        await cli(['status', '--json', '--env', name], {PORT: new URL(daemons[name].url).port}, folder),
      ).toMatchObject({
        stdout: expect.stringContaining(`"name": "${name}"`),
      });
      expect(await cli(['verify', '--env', name], {}, folder)).toMatchObject({code: 0});
    }
    expect(holders.size).toBe(2);
    expect(holders).not.toContain(null);
  });

  it('are independent: a restart of one does not affect the other', async () => {
    const [blue, green] = running;
    if (blue === undefined || green === undefined) throw new Error('not started');
    const led = await rows(targets.green, 'SELECT fencing_token, leader FROM sync_checkpoint');
    const runs = await rows(targets.blue, 'SELECT COUNT(*) n FROM sync_run');
    expect(await blue.stop()).toBe(0);
    await write('green', `${user(1004)} DELETE FROM users WHERE id = 1003`);
    await write('blue', `${user(4)} DELETE FROM users WHERE id = 3`);
    await isEqual('green');
    expect(await rows(targets.blue, 'SELECT userId FROM user WHERE userId IN (3, 4)')).toEqual([{userId: 3}]);
    expect((await green.status()).replication.state).toBe('streaming');
    expect(await rows(targets.green, 'SELECT fencing_token, leader FROM sync_checkpoint')).toEqual(led);
    const again = await start('blue');
    await isEqual('blue');
    // It continued from its own checkpoint, and loaded nothing again.
    expect(await rows(targets.blue, 'SELECT COUNT(*) n FROM sync_run')).toEqual(runs);
    expect(await again.stop()).toBe(0);
    expect(await green.stop()).toBe(0);
  });

  it('with one name lead both, each into its own database', async () => {
    const leases = await Promise.all(
      ENVIRONMENTS.map(name =>
        tryAcquireLease({
          config: loadConfig(settings(name)).target,
          stream: 'default',
          holder: name,
          writes: new KnownWrites(),
        }),
      ),
    );
    for (const lease of leases) {
      expect(lease).not.toBeNull();
      await lease?.release();
    }
  });

  it('into one table lead one after the other: the second one is refused', async () => {
    expect((await cli(['migrate'], settings('blue', {ORG_DB_DATABASE: shared}))).code).toBe(0);
    const north = await startInto('blue', 'north');
    const south = settings('green', {SYNC_NAME: 'south', ORG_DB_DATABASE: shared, PORT: '0'});
    for (const command of ['start', 'sync']) {
      const {code, stderr} = await cli([command], south);
      expect({code, stderr}).toEqual({
        code: 78,
        stderr: expect.stringContaining(
          'another stream, north, also writes institute, institute_users, user, user_auth of',
        ),
      });
    }
    expect(await rows(shared, 'SELECT userId FROM user ORDER BY 1')).toEqual(
      [1, 2, 4].map(userId => ({userId})),
    );
    expect(await north.stop()).toBe(0);
  });

  it('into one database, with separate keys: no reconcile deletes the other’s rows', async () => {
    const ids = async () =>
      (await rows(shared, 'SELECT userId FROM user ORDER BY 1')).map(row => row['userId']);
    const untilIds = (expected: readonly number[]) =>
      eventually(async () => {
        expect(await ids()).toEqual(expected);
        return true;
      });
    const deletesNothing = async (daemon: DaemonProcess) => {
      for (const mode of ['diff', 'full'])
        expect(await daemon.post('/sync/trigger', {mode, allowDeletes: true})).toMatchObject({
          status: 200,
          body: {tables: {institute: {deleted: 0}, user: {deleted: 0}, institute_users: {deleted: 0}}},
        });
      expect(await ids()).toEqual([1, 2, 4, 1001, 1002, 1004]);
    };
    const south = await startInto('green', 'south');
    await untilIds([1, 2, 4, 1001, 1002, 1004]);
    await write(
      'green',
      "INSERT INTO users (id, first_name, email, password) VALUES (1005, 'Bad', 'nobody', 'p')",
    );
    await eventually(async () => (await south.status()).deadLetters === 1);
    await deletesNothing(south);
    expect(await south.stop()).toBe(0);
    const north = await startInto('blue', 'north');
    await deletesNothing(north);

    // Every row that one of them wrote leaves, and no other.
    await write('blue', 'DELETE FROM institute_user; DELETE FROM users; DELETE FROM institutes');
    expect(await north.post('/sync/trigger', {allowDeletes: true})).toMatchObject({status: 200});
    expect(await ids()).toEqual([1001, 1002, 1004]);
    expect(await rows(shared, 'SELECT instituteId FROM institute')).toEqual([{instituteId: 70000}]);
    expect(await rows(shared, 'SELECT stream FROM sync_dead_letter')).toEqual([{stream: 'south'}]);
    expect((await north.status()).deadLetters).toBe(0);

    expect(await north.stop()).toBe(0);
    await startInto('green', 'south');
    await write('green', `DELETE FROM users WHERE id = 1001; ${user(1006)}`);
    await untilIds([1002, 1004, 1006]);
    expect(
      await rows(shared, 'SELECT stream, position IS NOT NULL AS placed FROM sync_checkpoint ORDER BY 1'),
    ).toEqual([
      {stream: 'north', placed: 1},
      {stream: 'south', placed: 1},
    ]);
    const verified = await cli(
      ['verify', '--json'],
      settings('green', {SYNC_NAME: 'south', ORG_DB_DATABASE: shared}),
    );
    expect(verified).toMatchObject({code: 0});
  });
});
