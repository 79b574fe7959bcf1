/** The source fails over, moves, or is switched blue to green, step by step as docs/runbook.md says. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {cli} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {Stand, SURROGATE} from '../helpers/fault-stand.ts';
import {createDatabases, type Databases, emptyDatabases, withConnection} from '../servers/databases.ts';
import {describeEachEdition} from '../helpers/flavours.ts';
import {type FaultProxy, startProxy} from '../servers/proxy.ts';
import {startServer, type TestServer} from '../servers/server.ts';
import {
  Application,
  createApplication,
  dumpAndLoad,
  follow,
  runBlock,
  untilReplicaHasAll,
} from './topology.ts';

const LAAS = 'laas';
const NO_TABLES = {create: 'DO 1', surrogate: true};
const FILL = `INSERT INTO institutes (id, name) VALUES (1, 'One');
  INSERT INTO users (id, first_name, email, password) VALUES (1, 'Ada', 'ada@example.test', 'p'), (2, 'Bob', 'bob@example.test', 'p');
  INSERT INTO institute_user (institute_id, user_id) VALUES (1, 1), (1, 2)`;

describeEachEdition('the source', ({edition, flavour, server}) => {
  let databases: Databases;
  let stand: Stand | undefined;

  beforeAll(async () => {
    databases = await createDatabases(server, 'fo');
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
    await databases?.drop();
  });

  /** The same target, and the current source; the previous daemon must be stopped. */
  const at = async (
    source: TestServer,
    {via, schema = NO_TABLES}: {via?: FaultProxy; schema?: typeof NO_TABLES} = {},
  ) => {
    await stand?.[Symbol.asyncDispose]();
    stand = await Stand.open({
      source: {server: source.address, database: LAAS},
      target: {server, database: databases.target},
      ...(via === undefined ? {} : {via: {source: via}}),
      schema,
    });
    return stand;
  };
  const createSource = (source: TestServer) =>
    withConnection(source, undefined, connection =>
      connection.query(`CREATE DATABASE ${LAAS} CHARACTER SET utf8mb4`),
    );
  const runs = (open: Stand) =>
    open.targetRows('SELECT run_id, trigger_kind, state FROM sync_run ORDER BY started_at');
  const isEqualAndVerified = async (open: Stand) => {
    await open.caughtUp();
    await open.equal();
    expect(await open.cli(['verify'])).toMatchObject({code: 0});
  };

  describe('with a replica, by GTID', () => {
    let first: TestServer;
    let second: TestServer;
    let application: Application;
    let nextId = 1000;
    const startApplication = (endpoint: {host: string; port: number}) => {
      application = new Application(endpoint, LAAS, (nextId += 10_000));
      application.start();
      return application;
    };

    beforeAll(async () => {
      const options = flavour === 'mariadb' ? ['--log-slave-updates'] : [];
      [first, second] = await Promise.all([startServer({edition, options}), startServer({edition, options})]);
      await follow(second, first);
      await createSource(first);
      await createApplication(first, LAAS);
    });
    afterAll(async () => {
      await application?.stop();
      await stand?.[Symbol.asyncDispose]();
      await Promise.all([first?.dispose(), second?.dispose()]);
    });

    it('is promoted while rows are in flight: the stream continues by GTID', async () => {
      const old = await at(first, {schema: SURROGATE});
      await old.source.query(FILL);
      await old.start();
      await old.equal();
      await old.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
      const before = await runs(old);
      startApplication(first);
      await application.writes(40);

      // The daemon stops first, so that the following changes are in the old server's log and are read from the
      // new one's.
      expect(await old.daemon.stop()).toBe(0);
      await application.writes(80);
      expect(await cli(['doctor'], {...old.env, DB_PORT: String(second.port)})).toMatchObject({code: 0});
      await runBlock(first, 'hold');
      await application.untilRefused();
      await untilReplicaHasAll(first, second);
      await runBlock(second, 'promote');
      application.moveTo(second);
      await application.writes(80);

      const now = await at(second);
      await now.start();
      await application.writes(40);
      await application.stop();
      await isEqualAndVerified(now);
      expect(await runs(now)).toEqual(before);
    });

    it('is switched blue to green behind its address: the running daemon follows', async () => {
      // The former primary is the green copy now.
      await follow(first, second);
      await using endpoint = await startProxy(second.address);
      const open = await at(second, {via: endpoint});
      const daemon = await open.start();
      const before = await runs(open);
      startApplication(endpoint);
      await application.writes(40);

      await runBlock(second, 'hold');
      await application.untilRefused();
      await untilReplicaHasAll(second, first);
      await runBlock(first, 'promote');
      endpoint.retarget(first.address);
      endpoint.cut();
      await application.writes(80);
      await application.stop();

      await withConnection(first, LAAS, async connection => {
        await connection.query("INSERT INTO institutes (id, name) VALUES (2, 'On green')");
      });
      await open.explained(
        eventually(
          async () => (await open.targetRows('SELECT 1 FROM institute WHERE instituteId = 2')).length === 1,
          {
            timeoutMs: 20_000,
            what: 'the row on green',
          },
        ),
      );
      expect(daemon.pid).toBe(open.daemon.pid);
      await open.daemon.stop();
      const green = await at(first);
      await green.start();
      await isEqualAndVerified(green);
      expect(await runs(green)).toEqual(before);
      await green.daemon.stop();
    });

    it('dies before its replica has all: a reconcile deletes rows that it lost', async () => {
      const old = await at(first);
      await follow(second, first);
      await old.start();
      const [end] = await runBlock(first, 'where');
      await runBlock(second, 'has all', {position: String(end?.['position']).replaceAll('\n', '')});
      await withConnection(second, undefined, connection =>
        connection.query(flavour === 'mysql' ? 'STOP REPLICA IO_THREAD' : 'STOP SLAVE IO_THREAD'),
      );
      await old.source.query(
        "INSERT INTO users (id, first_name, email, password) VALUES (3, 'Lost', 'lost@example.test', 'p'); UPDATE users SET first_name = 'Lost too' WHERE id = 1; DELETE FROM users WHERE id = 2",
      );
      await old.equal();
      const since = Date.now();
      await first.kill();
      await runBlock(second, 'promote');
      await withConnection(second, LAAS, connection =>
        connection.query(
          "INSERT INTO users (id, first_name, email, password) VALUES (4, 'After', 'after@example.test', 'p')",
        ),
      );
      await old.daemon.stop();

      const now = await at(second);
      await now.launch();
      expect(await now.recovery(since)).toMatchObject({mode: 'full', state: 'succeeded'});
      await now.daemon.until('streaming');
      expect(await now.targetRows('SELECT userId, name FROM user WHERE userId < 10 ORDER BY 1')).toEqual([
        {userId: 1, name: 'Ada'},
        {userId: 2, name: 'Bob'},
        {userId: 4, name: 'After'},
      ]);
      await isEqualAndVerified(now);
    });
  });

  describe.each([
    ['in its log', true],
    ['past its log', false],
  ])('moved by dump and load, %s: a new address and no history', (_, logged) => {
    const options =
      flavour === 'mysql' && logged ? ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF'] : [];
    let from: TestServer;
    let to: TestServer;

    beforeAll(async () => {
      [from, to] = await Promise.all([startServer({edition, options}), startServer({edition, options})]);
      await createSource(from);
      await emptyDatabases(server, databases.target);
    });
    afterAll(async () => {
      await stand?.[Symbol.asyncDispose]();
      await Promise.all([from?.dispose(), to?.dispose()]);
    });

    it('compares every row without a request, and loses no change', async () => {
      const old = await at(from, {schema: SURROGATE});
      await old.source.query(FILL);
      await old.start();
      await old.equal();
      await old.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
      await old.daemon.stop();
      // Rows that the stream has not seen on the old server, and rows that were deleted only on the new one.
      await old.source.query(
        "INSERT INTO users (id, first_name, email, password) VALUES (3, 'Cy', 'cy@example.test', 'p'); DELETE FROM users WHERE id = 2",
      );
      await dumpAndLoad(from, to, {database: LAAS, create: SURROGATE.create, logged});
      const since = Date.now();
      const now = await at(to);
      if (logged)
        await now.source.query(
          "DELETE FROM users WHERE id = 1; INSERT INTO users (id, first_name, email, password) VALUES (5, 'Eve', 'eve@example.test', 'p')",
        );
      await now.launch();
      expect(await now.recovery(since)).toMatchObject({mode: 'full', state: 'succeeded'});
      await now.daemon.until('streaming');
      await isEqualAndVerified(now);
    });
  });
});
