/** A cluster of Galera as the source, whose writer moves from one node to another. */
import {afterEach, describe, expect, it} from 'vitest';
import {BinlogSource} from '../../replicator/source/binlog-source.ts';
import {KnownWrites} from '../../src/apply/checkpoint.ts';
import {loadConfig} from '../../src/config.ts';
import {waitForLease} from '../../src/db/lease.ts';
import type {SyncError} from '../../src/errors.ts';
import {ReplicationContext} from '../../src/replication-context.ts';
import {eventually} from '../helpers/eventually.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachEdition, isShort} from '../helpers/flavours.ts';
import {createDatabases, query, withConnection, type Databases} from '../servers/databases.ts';
import {hasGalera, LOGGED, numbered, startGalera, type Galera} from '../servers/galera.ts';
import {startProxy, type FaultProxy} from '../servers/proxy.ts';

const SOURCE = 'laas';
describeEachEdition('a source on a cluster', ({edition, server}) => {
  describe.skipIf(!hasGalera || edition !== 'mariadb')('of Galera', () => {
    let cluster: Galera;
    let databases: Databases;
    let proxy: FaultProxy;
    let stand: Stand;
    afterEach(async () => {
      await stand?.[Symbol.asyncDispose]();
      await proxy?.close();
      await cluster?.[Symbol.asyncDispose]();
      await databases?.drop();
    });
    const node = (index: number) => cluster.node(index);
    const open = async (options: (index: number) => readonly string[]) => {
      databases = await createDatabases(server, 'galera');
      cluster = await startGalera(2, options);
      await withConnection(node(0), undefined, connection =>
        connection.query(`CREATE DATABASE ${SOURCE} CHARACTER SET utf8mb4; CREATE DATABASE apart`),
      );
      proxy = await startProxy(node(0).address);
      stand = await Stand.open({
        source: {server: node(0).address, database: SOURCE},
        target: {server, database: databases.target},
        via: {source: proxy},
      });
      await write(0, 1);
      await stand.start();
      await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
      await stand.equal();
    };
    const write = (index: number, first: number) =>
      withConnection(node(index), SOURCE, async connection => {
        for (let id = first; id < first + 5; id++)
          await connection.query(`INSERT INTO institutes (id, name) VALUES (${id}, 'of node ${index}')`);
      });
    /** Transactions that are on one node only. */
    const writeApart = (index: number, count: number) =>
      withConnection(node(index), undefined, async connection => {
        await connection.query(
          'SET SESSION wsrep_on = OFF; CREATE TABLE IF NOT EXISTS apart.t (id INT AUTO_INCREMENT PRIMARY KEY)',
        );
        for (let i = 0; i < count; i++) await connection.query('INSERT INTO apart.t () VALUES ()');
      });
    const moveTo = (index: number) => {
      proxy.retarget(node(index).address);
      proxy.cut();
    };
    const runs = async () => ((await stand.daemon.get('/sync/runs')) as {items: unknown[]}).items.length;

    it('that numbers no transactions: a lost position on another node is reported', async () => {
      await open(() => LOGGED);
      // The numbers of the second node are ahead.
      await writeApart(1, 3);
      const startedMs = Date.now();
      moveTo(1);
      await write(1, 10);
      await stand.recovery(startedMs);
      await stand.equal();
      expect(stand.logText()).toContain('"position-lost"');
      const {stdout} = await stand.cli(['doctor']);
      expect(stdout).toContain('wsrep_gtid_mode');
    });

    it('#50 whose node is behind: a reconcile without a stream waits for it', async () => {
      await open(() => LOGGED);
      await withConnection(node(1), SOURCE, async connection => {
        // The node answers reads, and applies nothing.
        await connection.query('FLUSH TABLES WITH READ LOCK');
        await stand.source.query("UPDATE institutes SET name = 'new'");
        await stand.equal();
        await stand.daemon.post('/replication/pause', {});
        proxy.retarget(node(1).address);
        const {body} = await stand.daemon.post('/sync/trigger', {mode: 'full', wait: false});
        const end = async () => {
          const {lastRun: run} = await stand.daemon.status();
          return run !== null && run.runId === body['runId'] && run.state !== 'running' ? run.state : null;
        };
        const waits = async () => {
          const statement = 'SET STATEMENT wsrep_sync_wait%';
          const sql =
            'SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE ? AND ID <> CONNECTION_ID()';
          return (await query(connection, sql, [statement])).length > 0 ? 'waits' : null;
        };
        const next = await eventually(async () => (await end()) ?? (await waits()) ?? false, {
          what: 'the wait',
        });
        expect(next).toBe('waits');
        await connection.query('UNLOCK TABLES');
        expect(await eventually(async () => (await end()) ?? false, {what: 'the end of the run'})).toBe(
          'succeeded',
        );
      });
      const rows = await stand.targetRows('SELECT DISTINCT name FROM institute');
      expect(rows).toEqual([{name: 'new'}]);
    });

    it('#51 whose next node is behind: the stream waits for it, without a copy', async () => {
      await open(numbered);
      const before = await runs();
      await withConnection(node(1), SOURCE, async connection => {
        // The node answers reads, and applies nothing.
        await connection.query('FLUSH TABLES WITH READ LOCK');
        await write(0, 20);
        await stand.equal();
        moveTo(1);
        const sql =
          "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SET STATEMENT wsrep_sync_wait%' AND ID <> CONNECTION_ID()";
        const next = await eventually(
          async () => {
            if (stand.logText().includes('"position-lost"')) return 'position-lost';
            return (await query(connection, sql)).length > 0 && 'waits';
          },
          {what: 'the wait'},
        );
        expect(next).toBe('waits');
        await connection.query('UNLOCK TABLES');
      });
      await write(1, 30);
      await stand.equal();
      expect(await runs()).toBe(before);
    });

    it.skipIf(isShort)(
      'whose node is locked: the stream leaves it, though connections are kept',
      async () => {
        await open(numbered);
        const before = await runs();
        proxy.retarget(node(1).address);
        await withConnection(node(0), SOURCE, async connection => {
          await connection.query('FLUSH TABLES WITH READ LOCK');
          await write(1, 20);
          await expect
            .poll(() => stand.targetRows('SELECT 1 FROM institute WHERE instituteId = 24'), {timeout: 20_000})
            .toHaveLength(1);
          await connection.query('UNLOCK TABLES');
        });
        expect(stand.logText()).toContain('applies nothing of what its cluster commits');
        await stand.equal();
        expect(await runs()).toBe(before);
      },
    );

    it('#47 that numbers its transactions: the stream continues on another node', async () => {
      await open(numbered);
      const before = await runs();
      for (const [from, to] of [
        [0, 1],
        [1, 0],
      ] as const) {
        await writeApart(from, 2);
        await writeApart(to, 3);
        await write(from, 20 + 20 * from);
        await stand.equal();
        moveTo(to);
        await write(to, 30 + 20 * from);
        await stand.equal();
      }
      expect(stand.logText()).not.toMatch(/"position-lost"|"reconcile.owed"/);
      expect(await runs()).toBe(before);

      // The first attempt on another node may end before it has saved a position there.
      await stand.daemon.stop();
      await writeApart(0, 4);
      moveTo(1);
      const config = loadConfig(stand.env);
      const never = new AbortController().signal;
      const options = {config: config.target, stream: config.name, holder: 'test', writes: new KnownWrites()};
      const lease = await waitForLease(options, never, () => undefined);
      const context = new ReplicationContext(config, lease.fence);
      for (let attempt = 0; attempt < 2; attempt++) (await context.connectStream(never)).close();

      // The address may lead to another node between the check of the position and the dump.
      const {checkpoint, ...rest} = await context.connectStream(never);
      moveTo(0);
      if (checkpoint.position === null) throw new Error('no position');
      const events: string[] = [];
      const {position} = checkpoint;
      const fault = await new Promise<SyncError | null>(resolve => {
        new BinlogSource({
          ...rest,
          connection: rest.binlog,
          serverId: 3_200_000_000,
          position,
          plan: () => rest.applier.plan,
          now: Date.now,
          // No event may come before the fault.
          onEvent: event => {
            events.push(event.tag);
            resolve(null);
          },
          onFault: resolve,
        });
      });
      expect([fault?.code, fault?.message]).toEqual([
        'source-unreachable',
        expect.stringContaining('two servers'),
      ]);
      expect(events).toEqual([]);
      rest.close();
      await lease.release();
      await stand.start();
      await write(0, 90);
      await stand.equal();
      expect(await runs()).toBe(before);
    });
  });
});
