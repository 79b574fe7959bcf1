/** Three nodes of Galera, of which one is cut off while its connections stay open, or has lost the others. */
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import {SEED, Stand} from '../helpers/fault-stand.ts';
import {startWriters} from '../helpers/fault-writers.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {withConnection} from '../servers/databases.ts';
import {hasGalera, isolate, startGalera, untilOutside, untilSynced, type Galera} from '../servers/galera.ts';
import {startProxy, type FaultProxy} from '../servers/proxy.ts';

const TAKEOVER_MS = 10_000;
/** The node that is cut off first. It was started with the addresses of the others, and so finds them again. */
const FIRST = 2;
const NUMBERED = (index: number) => [
  '--log-slave-updates=ON',
  '--server-id=77',
  '--wsrep-gtid-mode=ON',
  '--wsrep-gtid-domain-id=1',
  `--gtid-domain-id=${11 + index}`,
];

describeEachFlavour(`three nodes (seed ${SEED})`, ({edition, server, source, target}) => {
  describe.skipIf(!hasGalera || edition !== 'mariadb')('of Galera', () => {
    let cluster: Galera;
    let proxy: FaultProxy;
    let eye: FaultProxy;
    let stand: Stand;
    let seed = SEED;

    beforeAll(async () => {
      cluster = await startGalera(3, NUMBERED);
      await withConnection(node(0), undefined, connection =>
        connection.query('CREATE DATABASE laas CHARACTER SET utf8mb4; CREATE DATABASE organizations'),
      );
    });
    afterEach(async () => {
      await stand?.[Symbol.asyncDispose]();
      await Promise.all([proxy?.close(), eye?.close()]);
    });
    afterAll(() => cluster?.[Symbol.asyncDispose]());

    const node = (index: number) => {
      const found = cluster.nodes[index];
      if (found === undefined) throw new Error('no such node');
      return found;
    };
    const follow = async (index: number, {cut}: {cut: boolean}) => {
      for (const each of [proxy, eye]) each.retarget(node(index).address);
      if (cut) proxy.cut();
      eye.cut();
      await stand.connect();
    };
    const open = async (side: 'source' | 'target') => {
      [proxy, eye] = [await startProxy(node(FIRST).address), await startProxy(node(FIRST).address)];
      const seen = {...node(FIRST).address, host: eye.host, port: eye.port};
      stand = await Stand.open(
        side === 'target'
          ? {
              source: {server, database: source},
              target: {server: seen, database: 'organizations'},
              via: {target: proxy},
            }
          : {
              source: {server: seen, database: 'laas'},
              target: {server, database: target},
              via: {source: proxy},
            },
      );
      // The test's own rows get greater keys than those of the writers.
      await stand.source.query("INSERT INTO institutes (id, name) VALUES (9000, 'last')");
      await stand.start();
      await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
    };
    const goesOn = async () => {
      await stand.daemon.until('streaming', TAKEOVER_MS);
      await stand.caughtUp(TAKEOVER_MS);
      await stand.equal();
      expect(await stand.letters()).toEqual([]);
      expect(stand.told()).not.toMatch(/"state":"halted"|"position-lost"|"internal"/);
    };
    const runs = async () => ((await stand.daemon.get('/sync/runs')) as {items: unknown[]}).items.length;

    it('as the target: the cut-off node is left, a lost majority is waited for, other writers are survived', async () => {
      await open('target');
      const writers = await startWriters({server, database: source}, 1, seed++);
      await isolate(node(FIRST), true);
      await untilOutside(node(FIRST));
      const {code, stdout} = await stand.cli(['doctor']);
      expect([code, stdout]).toEqual([1, expect.stringContaining('not part of its cluster')]);
      await follow(1, {cut: false});
      await stand.daemon.until('streaming', TAKEOVER_MS);
      await isolate(node(FIRST), false);
      for (const each of cluster.nodes) await untilSynced(each, 3);

      for (const index of [0, 2]) await node(index).freeze();
      await stand.until('a reason', ({replication}) => replication.state === 'starting', 40_000);
      for (const index of [0, 2]) await node(index).thaw();
      for (const each of cluster.nodes) await untilSynced(each, 3);
      await stand.daemon.until('streaming', TAKEOVER_MS);

      // The nodes certify each other's writes: what they reject is retried.
      await withConnection(node(0), 'organizations', async connection => {
        for (let i = 0; i < 300; i++)
          await connection.query(`UPDATE user SET name = 'of another node ${i}'`).catch(() => undefined);
      });
      await writers.stop();
      await stand.caughtUp();
      expect(await stand.daemon.post('/sync/trigger', {mode: 'full'})).toMatchObject({status: 200});
      await goesOn();
    });

    it('as the source: the cut-off node is noticed and left, by GTID; rows of all nodes arrive', async () => {
      await open('source');
      const before = await runs();
      await isolate(node(FIRST), true);
      await untilOutside(node(FIRST));
      await stand.until('a reason', ({reasons}) => reasons.join().includes('its cluster'));
      await follow(1, {cut: false});
      const writers = await Promise.all(
        [0, 1].map(index => startWriters({server: node(index), database: 'laas'}, 1, seed++)),
      );
      await stand.daemon.until('streaming', TAKEOVER_MS);
      await stand.caughtUp();
      for (const each of writers) await each.stop();
      await goesOn();
      expect(await runs()).toBe(before);
    });
  });
});
