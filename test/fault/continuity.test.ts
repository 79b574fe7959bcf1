/**
 * The log is purged, reset, or that of another server: a full reconcile from a new position runs automatically,
 * deletes included (docs/invariants.md, 7).
 */
import {truncateSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour, isShort} from '../helpers/flavours.ts';
import {Stand, SURROGATE} from '../helpers/fault-stand.ts';
import {connect, emptyDatabases, withConnection} from '../servers/databases.ts';
import {type FaultProxy, startProxy} from '../servers/proxy.ts';
import {startServer, type TestServer} from '../servers/server.ts';

const GTIDS_OFF = ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF'];

describeEachFlavour('continuity of the log', ({flavour, edition, server, target}) => {
  for (const options of flavour === 'mysql' && !isShort ? [[], GTIDS_OFF] : [[]]) {
    describe(options.length === 0 ? 'with GTIDs' : 'without GTIDs', () => {
      let sourceServer: TestServer;
      let proxy: FaultProxy;
      let stand: Stand;

      beforeAll(async () => {
        sourceServer = await startServer({edition, options});
        await withConnection(sourceServer, undefined, async connection => {
          await connection.query('CREATE DATABASE laas CHARACTER SET utf8mb4; CREATE DATABASE elsewhere');
        });
        await emptyDatabases(server, target);
        proxy = await startProxy(sourceServer.address);
        stand = await Stand.open({
          source: {server: sourceServer, database: 'laas'},
          target: {server, database: target},
          via: {source: proxy},
        });
        await fill();
        await stand.start();
        await stand.equal();
        await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
      });
      afterAll(async () => {
        await stand?.[Symbol.asyncDispose]();
        await proxy?.close();
        await sourceServer?.dispose();
      });

      const fill = async () => {
        await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One')");
        await stand.source.query(
          "INSERT INTO users (id, first_name, email, password) WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 80) SELECT i, CONCAT('F', i), CONCAT('n', i, '@example.test'), 'p' FROM n",
        );
        await stand.source.query(
          "INSERT INTO institute_user (institute_id, user_id, user_type, status) SELECT 1, id, 'student', 'active' FROM users",
        );
      };
      let next = 1000;
      const work = async (count = 1) => {
        for (let i = 0; i < count; i++) {
          const id = next++;
          await stand.source.query(
            'INSERT INTO users (id, first_name, email, password) VALUES (?, ?, ?, ?)',
            [id, 'x'.repeat(id % 37), `w${id}@example.test`, 'p'],
          );
          await stand.source.query('INSERT INTO institute_user (institute_id, user_id) VALUES (1, ?)', [id]);
          await stand.source.query("UPDATE users SET first_name = CONCAT('U', ?) ORDER BY id LIMIT 3", [id]);
          await stand.source.query('DELETE FROM users WHERE id < 1000 ORDER BY id LIMIT 1');
        }
      };
      const reset = () =>
        stand.source.query(flavour === 'mysql' ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER');
      /** All but the last file; a server that still counts a client as connected keeps them for a moment. */
      const purge = async ({flush} = {flush: true}) => {
        if (flush) await stand.source.query('FLUSH BINARY LOGS');
        const kept = await stand.sourceRows("SHOW VARIABLES LIKE 'slave_connections_needed_for_purge'");
        if (kept.length > 0) await stand.source.query('SET GLOBAL slave_connections_needed_for_purge = 0');
        await eventually(
          async () => {
            const files = await stand.sourceRows('SHOW BINARY LOGS');
            await stand.source.query('PURGE BINARY LOGS TO ?', [files.at(-1)?.['Log_name']]);
            return (await stand.sourceRows('SHOW BINARY LOGS')).length === 1;
          },
          {what: 'the purge'},
        );
      };
      const recovered = async (since: number) => {
        expect(await stand.recovery(since, 60_000)).toMatchObject({mode: 'full', state: 'succeeded'});
        await stand.daemon.until('streaming');
        await stand.equal();
        await work();
        await stand.caughtUp();
        await stand.equal();
      };

      it('#6 purged past our position leads to a new position and a full reconcile', async () => {
        await stand.daemon.stop();
        const since = Date.now();
        await work(2);
        await purge();
        await work(2);
        await purge();
        await work(1);
        await stand.launch();
        await recovered(since);
      });

      it('reset while down, and short', async () => {
        await stand.daemon.stop();
        const since = Date.now();
        await work(1);
        await reset();
        await work(1);
        await stand.launch();
        await recovered(since);
      });

      it('reset while down, and longer by now than the saved position', async () => {
        await stand.daemon.stop();
        const since = Date.now();
        await work(1);
        await reset();
        await work(20);
        await stand.launch();
        await recovered(since);
      });

      it('reset while it streams', async () => {
        const since = Date.now();
        await reset();
        await work(2);
        await recovered(since);
      });

      it('#8 shorter than our position after a crash leads to a reported new start', async () => {
        await work(2);
        await stand.caughtUp();
        const since = Date.now();
        const [last] = (await stand.sourceRows('SHOW BINARY LOGS')).slice(-1);
        const file = String(last?.['Log_name']);
        const begins = (await stand.sourceRows(`SHOW BINLOG EVENTS IN '${file}'`)).filter(row =>
          /gtid$/i.test(String(row['Event_type'])),
        );
        await sourceServer.kill();
        // What never reached the disk.
        truncateSync(join(sourceServer.dataDir, file), Number(begins.at(-3)?.['Pos']));
        await sourceServer.start();
        await stand.connect();
        await recovered(since);
        expect(await (await fetch(`${stand.daemon.url}/metrics`)).text()).toMatch(
          /sync_reconnects_total\{.*position-lost.*\} [1-9]/,
        );
      });

      it('#5 advances the saved position with every transaction, so that a purge is safe', async () => {
        await stand.source.query(
          'CREATE TABLE IF NOT EXISTS elsewhere.t (i INT PRIMARY KEY AUTO_INCREMENT, s TEXT)',
        );
        const before = (await stand.daemon.get('/sync/runs')) as {items: unknown[]};
        for (let i = 0; i < 5; i++) {
          await stand.source.query("INSERT INTO elsewhere.t (s) VALUES (REPEAT('s', 1000))");
          await stand.source.query('FLUSH BINARY LOGS');
        }
        const [end] = await stand.sourceRows('SHOW BINARY LOGS').then(rows => rows.slice(-1));
        await stand.explained(
          eventually(
            async () =>
              (await stand.targetRows('SELECT log_file FROM sync_checkpoint'))[0]?.['log_file'] ===
              end?.['Log_name'],
            {what: 'the checkpoint'},
          ),
        );
        await stand.daemon.kill();
        await purge({flush: false});
        await stand.start();
        await work();
        await stand.caughtUp();
        await stand.equal();
        expect(((await stand.daemon.get('/sync/runs')) as {items: unknown[]}).items.length).toBe(
          before.items.length,
        );
      });

      it('#7 of another server behind the same address is never read at our offset', async () => {
        const since = Date.now();
        const other = await startServer({edition, options});
        try {
          await withConnection(other, undefined, async connection => {
            await connection.query('CREATE DATABASE laas CHARACTER SET utf8mb4');
          });
          const there = await connect(other, 'laas');
          await there.query(SURROGATE.create);
          await there.query("INSERT INTO institutes (id, name) VALUES (1, 'Other')");
          await there.query(
            "INSERT INTO users (id, first_name, email, password) WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT i, CONCAT('O', i), CONCAT('o', i, '@example.test'), 'p' FROM n",
          );
          await there.end();
          proxy.retarget(other.address);
          proxy.cut();
          expect(await stand.recovery(since)).toMatchObject({mode: 'full', state: 'succeeded'});
          await stand.explained(
            eventually(
              async () => {
                expect(
                  await stand.targetRows('SELECT COUNT(*) n, MIN(name) low, MAX(name) high FROM user'),
                ).toEqual([{n: 300, low: 'O1', high: 'O99'}]);
                expect(await stand.targetRows('SELECT COUNT(*) n FROM institute_users')).toEqual([{n: 0}]);
                return true;
              },
              {timeoutMs: 20_000, what: "the other server's rows"},
            ),
          );
        } finally {
          await other.dispose();
        }
      });
    });
  }
});
