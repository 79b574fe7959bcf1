/** A cluster of Galera as the target: each node has named locks of its own, but they share the lease. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {MIGRATION_NAMES} from '../../src/db/migrate.ts';
import {cli, environment, type DaemonProcess} from '../helpers/daemon.ts';
import {startLoaded} from '../helpers/cluster-stand.ts';
import {eventually} from '../helpers/eventually.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachEdition} from '../helpers/flavours.ts';
import {SOURCE_DATABASE, startSource} from '../helpers/own-source.ts';
import {createDatabases, query, withConnection, type Databases} from '../servers/databases.ts';
import {hasGalera, startGalera, type Galera} from '../servers/galera.ts';
import {startProxy} from '../servers/proxy.ts';

const TAKEOVER_MS = 10_000;
const TARGET = 'organizations';

describeEachEdition('two daemons', ({edition, server}) => {
  describe.skipIf(!hasGalera || edition !== 'mariadb')('on two nodes of a cluster', () => {
    let cluster: Galera;
    let databases: Databases;
    beforeAll(async () => {
      databases = await createDatabases(server, 'galera');
      cluster = await startGalera(2);
      await withConnection(node(0), undefined, connection => connection.query(`CREATE DATABASE ${TARGET}`));
    });
    afterAll(async () => {
      await cluster?.[Symbol.asyncDispose]();
      await databases?.drop();
    });
    const node = (index: number) => cluster.node(index);
    const leads = (log: string) => log.split('\n').filter(line => line.includes('"lease.acquired"')).length;
    const state = async (daemon: DaemonProcess) => (await daemon.status()).replication.state;
    const until = (daemon: DaemonProcess, wanted: string, timeoutMs = 30_000) =>
      eventually(async () => (await state(daemon)) === wanted, {timeoutMs, what: wanted});

    it('migrate at the same time, repeatedly, and each migration is recorded once', async () => {
      const envs = [0, 1, 0, 1].map(index =>
        environment({...server, database: databases.source}, {...node(index).address, database: 'migrated'}),
      );
      for (let round = 0; round < 3; round++) {
        await withConnection(node(0), undefined, connection =>
          connection.query('DROP DATABASE IF EXISTS migrated; CREATE DATABASE migrated'),
        );
        const done = await Promise.all(envs.map(env => cli(['migrate'], env)));
        expect(done.map(({code, stderr}) => [code, code === 0 ? '' : stderr])).toEqual(
          envs.map(() => [0, '']),
        );
        const noted = await withConnection(node(1), 'migrated', connection =>
          query(connection, 'SELECT name FROM sync_migrations ORDER BY id'),
        );
        expect(noted.map(row => row['name'])).toEqual([...MIGRATION_NAMES]);
      }
    });

    it('#52 run a pending reconcile though connections reach a node that is behind', async () => {
      await withConnection(node(0), undefined, connection => connection.query('CREATE DATABASE behind'));
      await using proxy = await startProxy(node(0).address);
      await using own = await startSource({edition});
      await using stand = await Stand.open({
        source: {server: own, database: SOURCE_DATABASE},
        target: {server: node(0), database: 'behind'},
        via: {target: proxy},
      });
      await startLoaded(stand);
      const startedMs = Date.now();
      await withConnection(node(1), undefined, async connection => {
        // The node answers reads, and applies nothing. Open connections stay on the other one.
        await connection.query('FLUSH TABLES WITH READ LOCK');
        proxy.retarget(node(1).address);
        await withConnection(own, SOURCE_DATABASE, source =>
          source.query("SET binlog_format = 'STATEMENT'; UPDATE institutes SET name = 'by statement'"),
        );
        const arrives = async () => {
          const sql = "SELECT 1 FROM information_schema.PROCESSLIST WHERE DB = 'behind'";
          return (await query(connection, sql)).length > 0;
        };
        await eventually(async () => stand.logText().includes('"reconcile.owed"') && (await arrives()), {
          what: 'a connection to the node that is behind',
        });
        await connection.query('UNLOCK TABLES');
      });
      await stand.recovery(startedMs);
      await stand.equal();
    });

    it.for([
      ['wsrep_max_ws_rows', 1000],
      ['wsrep_max_ws_size', 60_000],
    ] as const)(
      'write a large transaction in parts, if the cluster accepts only small ones: %s',
      async ([limit, most]) => {
        const large = await createDatabases(server, 'large');
        await withConnection(node(0), undefined, connection =>
          connection.query(`CREATE DATABASE large_by_${limit}`),
        );
        const set = async (sql: string) => {
          for (const each of cluster.nodes)
            await withConnection(each, undefined, connection => connection.query(sql));
        };
        await using stand = await Stand.open({
          source: {server, database: large.source},
          target: {server: node(0), database: `large_by_${limit}`},
        });
        await startLoaded(stand);
        await set(`SET GLOBAL ${limit} = ${most}`);
        const users = Array.from({length: 3000}, (_, i) => `(${i + 1}, 'a', 'a${i}@example.test', 'p')`);
        await stand.source.query(
          `INSERT INTO users (id, first_name, email, password) VALUES ${users.join()}; UPDATE users SET first_name = 'b'; DELETE FROM users WHERE id > 1500`,
        );
        await stand.caughtUp();
        await stand.equal();
        expect(await stand.letters()).toEqual([]);
        await stand.daemon.stop();
        await set(`SET GLOBAL ${limit} = DEFAULT`);
        await large.drop();
      },
    );

    it('agree on a leader, and one takes over if the other is killed, frozen or stopped', async () => {
      const envs = [0, 1].map(index =>
        environment({...server, database: databases.source}, {...node(index).address, database: TARGET}),
      );
      await using stand = await Stand.open({
        source: {server, database: databases.source},
        target: {server: node(0), database: TARGET},
      });
      const [first, second] = await Promise.all(envs.map(env => stand.launch(env)));
      if (first === undefined || second === undefined) throw new Error('no daemons');
      const [leader, standby] = await eventually(
        async () => {
          const states = [await state(first), await state(second)];
          if (!states.includes('standby') || !states.includes('streaming')) return false;
          return states[0] === 'streaming' ? ([first, second] as const) : ([second, first] as const);
        },
        {timeoutMs: 30_000, what: 'a leader and a standby'},
      );
      // Longer than a lease lasts: the standby does not take a lease that is renewed.
      const [before] = await stand.targetRows("SELECT beat, token FROM sync_lease WHERE stream = 'default'");
      await eventually(
        async () => {
          const [row] = await stand.targetRows("SELECT beat FROM sync_lease WHERE stream = 'default'");
          return Number(row?.['beat']) > Number(before?.['beat']) + 6;
        },
        {timeoutMs: 30_000, what: 'renewals'},
      );
      expect(leads(leader.log()) + leads(standby.log())).toBe(1);

      await leader.kill();
      await until(standby, 'streaming', TAKEOVER_MS);
      await stand.caughtUp();

      // A frozen leader loses the lease, and commits nothing when it continues.
      const third = await stand.launch(envs[leader === first ? 0 : 1]);
      await until(third, 'standby');
      standby.signal('SIGSTOP');
      await until(third, 'streaming', TAKEOVER_MS);
      const [led] = await stand.targetRows('SELECT fencing_token, leader FROM sync_checkpoint');
      standby.signal('SIGCONT');
      await until(standby, 'standby');
      expect(await stand.targetRows('SELECT fencing_token, leader FROM sync_checkpoint')).toEqual([led]);
      await stand.caughtUp();

      // A clean stop frees the lease: no one waits until it expires.
      expect(await third.stop()).toBe(0);
      const [row] = await withConnection(node(0), TARGET, connection =>
        query(connection, "SELECT expires_at FROM sync_lease WHERE stream = 'default'"),
      );
      expect(row?.['expires_at'] === null || leads(standby.log()) > 1).toBe(true);
      await until(standby, 'streaming', TAKEOVER_MS);
      await stand.equal();
      expect((await cli(['verify'], stand.env)).code).toBe(0);
    });
  });
});
