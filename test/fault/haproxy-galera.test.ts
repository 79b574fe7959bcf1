/** Three nodes of Galera behind haproxy, as source and target at once: the daemon knows only the proxy's address. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {continues, startLoaded} from '../helpers/cluster-stand.ts';
import {SEED, Stand} from '../helpers/fault-stand.ts';
import {startWriters} from '../helpers/fault-writers.ts';
import {describeEachEdition, isShort} from '../helpers/flavours.ts';
import {withConnection} from '../servers/databases.ts';
import {
  bootstrap,
  hasGalera,
  hasStateTransfer,
  isolate,
  numbered,
  startGalera,
  untilOutside,
  untilSynced,
  type Galera,
} from '../servers/galera.ts';
import {checkAccount, Haproxy, hasHaproxy} from '../servers/haproxy.ts';
import {startProxy, type FaultProxy} from '../servers/proxy.ts';
import type {TestServer} from '../servers/server.ts';

const SOURCE = 'laas';
const TARGET = 'organizations';
describeEachEdition(`a cluster behind haproxy (seed ${SEED})`, ({edition}) => {
  describe.skipIf(!hasGalera || !hasHaproxy() || edition !== 'mariadb')('of Galera', () => {
    let cluster: Galera;
    let haproxy: Haproxy;
    /** The address of the test's own reads. */
    let eye: FaultProxy;
    let stand: Stand;
    let current: TestServer;
    let seed = SEED;

    beforeAll(async () => {
      cluster = await startGalera(3, numbered);
      const [first] = cluster.nodes;
      if (first === undefined) throw new Error('no nodes');
      current = first;
      await withConnection(first, undefined, connection =>
        connection.query(
          `CREATE DATABASE ${SOURCE} CHARACTER SET utf8mb4; CREATE DATABASE ${TARGET}; ${checkAccount('galera')}`,
        ),
      );
      haproxy = await Haproxy.start('galera', cluster.nodes);
      eye = await startProxy(first.address);
      const seen = {...first.address, host: eye.host, port: eye.port};
      stand = await Stand.open({
        source: {server: seen, database: SOURCE},
        target: {server: seen, database: TARGET},
        via: {source: haproxy, target: haproxy},
      });
      await startLoaded(stand);
    });
    afterAll(async () => {
      await stand?.[Symbol.asyncDispose]();
      await Promise.all([eye?.close(), haproxy?.[Symbol.asyncDispose]()]);
      await cluster?.[Symbol.asyncDispose]();
    });

    const runs = async () => (await stand.targetRows('SELECT run_id FROM sync_run')).length;
    const write = () => startWriters({server: current, database: SOURCE}, 1, seed++);
    const setUp = async ({cut}: {cut: boolean}) => {
      await haproxy.restart({keepsSessions: !cut});
      await follow([]);
    };
    /** Waits until new connections lead to another node, and lets the test's own reads follow. */
    const follow = async (left: readonly TestServer[] = [current]) => {
      current = await haproxy.untilElsewhere(cluster.nodes, left);
      eye.retarget(current.address);
      eye.cut();
      await stand.connect();
    };
    /** Rows that are written from now on arrive in time, and all are right, without a copy. */
    const continuesWithoutCopy = async (before: number) => {
      const writers = await write();
      await continues(stand, writers);
      expect(await runs()).toBe(before);
    };
    const desync = (node: TestServer, on: boolean) =>
      withConnection(node, undefined, connection =>
        connection.query(`SET GLOBAL wsrep_desync = ${on ? 'ON' : 'OFF'}`),
      );

    const PLANNED = isShort ? [{cut: true}] : [{cut: true}, {cut: false}];
    it.for(PLANNED)('continues when an operator removes the writer, connections cut: $cut', async how => {
      await setUp(how);
      await continuesWithoutCopy(await runs());
      const before = await runs();
      const left = current;
      const writers = await write();
      await desync(left, true);
      await follow();
      await writers.stop();
      await continuesWithoutCopy(before);
      await desync(left, false);
      await untilSynced(left, 3);
      await continuesWithoutCopy(before);
      // A node that returns does not get its connections back.
      await haproxy.untilEverywhere();
      expect(await haproxy.leadsTo(), haproxy.log().slice(-3000)).not.toBe(left.port);
    });

    it.for(isShort ? [] : [{cut: true}, {cut: false}])(
      'continues when the writer is frozen, connections cut: $cut',
      async how => {
        await setUp(how);
        await continuesWithoutCopy(await runs());
        const before = await runs();
        const frozen = current;
        await frozen.freeze();
        await follow();
        await untilSynced(current, 2);
        await continuesWithoutCopy(before);
        await frozen.thaw();
        for (const node of cluster.nodes) await untilSynced(node, 3);
        await continuesWithoutCopy(before);
      },
    );

    /** A node that returns needs the data of another one. */
    const itReceives = it.skipIf(isShort || !hasStateTransfer);

    itReceives('continues when the writer has lost its cluster, and rejoins', async () => {
      await setUp({cut: false});
      await continuesWithoutCopy(await runs());
      const before = await runs();
      const lost = current;
      await isolate(lost, true);
      await untilOutside(lost);
      await follow();
      await continuesWithoutCopy(before);
      await isolate(lost, false);
      await untilSynced(lost, 3);
      await continuesWithoutCopy(before);
    });

    itReceives('continues at a node that got all its data by a state transfer', async () => {
      await setUp({cut: true});
      await continuesWithoutCopy(await runs());
      const before = await runs();
      const emptied = cluster.nodes.find(node => node !== current);
      if (emptied === undefined) throw new Error('no other node');
      const left = cluster.nodes.filter(node => node !== emptied);
      await emptied.stop();
      const writers = await write();
      await cluster.startEmpty(emptied);
      await untilSynced(emptied, 3);
      for (const node of left) await desync(node, true);
      await follow(left);
      expect(current).toBe(emptied);
      await writers.stop();
      await continuesWithoutCopy(before);
      for (const node of left) await desync(node, false);
      for (const node of left) await untilSynced(node, 3);
    });

    itReceives('waits while the majority is lost, and continues when it is restored', async () => {
      await setUp({cut: true});
      await continuesWithoutCopy(await runs());
      const before = await runs();
      const killed = cluster.nodes.filter(node => node !== current);
      await Promise.all(killed.map(node => node.kill()));
      await haproxy.untilNowhere();
      await bootstrap(current);
      await follow([]);
      await continuesWithoutCopy(before);
      for (const node of killed) {
        await cluster.startEmpty(node);
        await untilSynced(node, 2 + killed.indexOf(node));
      }
      await continuesWithoutCopy(before);
    });

    // This test is the last one, because the node does not return.
    it('continues when the writer is killed', async () => {
      await setUp({cut: true});
      await continuesWithoutCopy(await runs());
      const before = await runs();
      const writers = await write();
      await current.kill();
      await writers.stop().catch(() => undefined);
      await follow();
      await untilSynced(current, 2);
      await continuesWithoutCopy(before);
      expect(await stand.daemon.post('/sync/trigger', {mode: 'full'})).toMatchObject({status: 200});
      await stand.equal();
    });
  });
});
