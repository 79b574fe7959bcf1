/** Three nodes of Galera as source and target at once: a lost majority, a cut-off node, and several writers. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {continues, CONTINUES_MS, openAddresses, startLoaded} from '../helpers/cluster-stand.ts';
import {SEED, Stand} from '../helpers/fault-stand.ts';
import {startWriters} from '../helpers/fault-writers.ts';
import {describeEachEdition} from '../helpers/flavours.ts';
import {withConnection} from '../servers/databases.ts';
import {
  hasGalera,
  isolate,
  numbered,
  startGalera,
  untilOutside,
  untilSynced,
  type Galera,
} from '../servers/galera.ts';
import type {FaultProxy} from '../servers/proxy.ts';

const SOURCE = 'laas';
const TARGET = 'organizations';
/** The daemon's first node. */
const FIRST = 2;
describeEachEdition(`three nodes (seed ${SEED})`, ({edition}) => {
  describe.skipIf(!hasGalera || edition !== 'mariadb')('of Galera', () => {
    let cluster: Galera;
    /** The address of the daemon, and that of the test's own reads. */
    let proxy: FaultProxy;
    let eye: FaultProxy;
    let stand: Stand;
    let seed = SEED;

    beforeAll(async () => {
      cluster = await startGalera(3, numbered);
      await withConnection(node(0), undefined, connection =>
        connection.query(`CREATE DATABASE ${SOURCE} CHARACTER SET utf8mb4; CREATE DATABASE ${TARGET}`),
      );
      const addresses = await openAddresses(node(FIRST).address);
      ({proxy, eye} = addresses);
      const {seen} = addresses;
      stand = await Stand.open({
        source: {server: seen, database: SOURCE},
        target: {server: seen, database: TARGET},
        via: {source: proxy, target: proxy},
      });
      await startLoaded(stand);
    });
    afterAll(async () => {
      await stand?.[Symbol.asyncDispose]();
      await Promise.all([proxy?.close(), eye?.close()]);
      await cluster?.[Symbol.asyncDispose]();
    });

    const node = (index: number) => cluster.node(index);
    const writeOn = (index: number) => startWriters({server: node(index), database: SOURCE}, 1, seed++);
    const runs = async () => ((await stand.daemon.get('/sync/runs')) as {items: unknown[]}).items.length;

    it('lose and regain their majority: the stream waits, and continues without a copy', async () => {
      const before = await runs();
      for (const index of [0, 1]) await node(index).freeze();
      await untilOutside(node(FIRST));
      await stand.until('a reason', ({reasons}) => reasons.join().includes('its cluster'), 30_000);
      const {code, stdout} = await stand.cli(['doctor']);
      expect([code, stdout]).toEqual([1, expect.stringContaining('not part of its cluster')]);
      for (const index of [0, 1]) await node(index).thaw();
      for (const each of cluster.nodes) await untilSynced(each, 3);
      await stand.connect();
      await continues(stand);
      expect(await runs()).toBe(before);
    });

    it('have several writers: rows of all nodes arrive, and rejected ones are retried', async () => {
      const writers = [await writeOn(0), await writeOn(1)];
      await withConnection(node(0), TARGET, async connection => {
        for (let i = 0; i < 200; i++)
          await connection.query(`UPDATE user SET name = 'of another node ${i}'`).catch(() => undefined);
      });
      for (const each of writers) await each.stop();
      await stand.caughtUp();
      expect(await stand.daemon.post('/sync/trigger', {mode: 'full'})).toMatchObject({status: 200});
      await continues(stand);
    });

    it('cut one off with open connections: the stream moves on without a copy', async () => {
      const before = await runs();
      await isolate(node(FIRST), true);
      await untilOutside(node(FIRST));
      await stand.until('a reason', ({reasons}) => reasons.join().includes('its cluster'));
      for (const each of [proxy, eye]) each.retarget(node(0).address);
      eye.cut();
      await stand.connect();
      const writers = await writeOn(1);
      await stand.daemon.until('streaming', CONTINUES_MS);
      await writers.stop();
      await continues(stand);
      expect(await runs()).toBe(before);
    });
  });
});
