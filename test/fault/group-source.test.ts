/** A group of MySQL members as the source: its GTIDs are the same on every member. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {SEED, Stand} from '../helpers/fault-stand.ts';
import {startWriters} from '../helpers/fault-writers.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {withConnection} from '../servers/databases.ts';
import {hasGroups, heal, startGroup, switchTo, untilPrimary, type Group} from '../servers/group.ts';
import {startProxy, type FaultProxy} from '../servers/proxy.ts';
import type {TestServer} from '../servers/server.ts';

const SOURCE = 'laas';
const CONTINUES_MS = 10_000;

describeEachFlavour(`a source on a group of members (seed ${SEED})`, ({edition, server, target}) => {
  describe.skipIf(!hasGroups || edition !== 'mysql')('of Group Replication', () => {
    let group: Group;
    let proxy: FaultProxy;
    let eye: FaultProxy;
    let stand: Stand;
    let primary: TestServer;
    let seed = SEED;

    beforeAll(async () => {
      group = await startGroup(3);
      primary = await untilPrimary(group.members);
      await withConnection(primary, undefined, connection =>
        connection.query(`CREATE DATABASE ${SOURCE} CHARACTER SET utf8mb4`),
      );
      [proxy, eye] = [await startProxy(primary.address), await startProxy(primary.address)];
      stand = await Stand.open({
        source: {server: {...primary.address, host: eye.host, port: eye.port}, database: SOURCE},
        target: {server, database: target},
        via: {source: proxy},
      });
      // The test's own rows get greater keys than those of the writers.
      await stand.source.query("INSERT INTO institutes (id, name) VALUES (9000, 'last')");
      await stand.start();
      await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
    });
    afterAll(async () => {
      await stand?.[Symbol.asyncDispose]();
      await Promise.all([proxy?.close(), eye?.close()]);
      await group?.[Symbol.asyncDispose]();
    });

    const others = () => group.members.filter(member => member !== primary);
    const write = async () => {
      const writers = await startWriters({server: primary, database: SOURCE}, 1, seed++);
      await stand.explained(
        stand.daemon.until('streaming', CONTINUES_MS).then(() => stand.caughtUp(CONTINUES_MS)),
      );
      await writers.stop();
    };
    const follow = async (now: TestServer, {cut}: {cut: boolean}) => {
      primary = now;
      for (const each of [proxy, eye]) each.retarget(now.address);
      if (cut) proxy.cut();
      eye.cut();
      await stand.connect();
    };
    const runs = async () => ((await stand.daemon.get('/sync/runs')) as {items: unknown[]}).items.length;
    /** By its GTIDs the stream goes on where it was, without a copy. */
    const goesOn = async (before: number) => {
      await write();
      await stand.equal();
      expect(stand.told()).not.toMatch(/"position-lost"|"reconcile.owed"|"state":"halted"/);
      expect(await runs()).toBe(before);
      expect(await stand.letters()).toEqual([]);
    };

    it.for([{cut: true}, {cut: false}])(
      'goes on after a planned switch, connections cut: $cut',
      async how => {
        const before = await runs();
        await write();
        const [next] = others();
        if (next === undefined) throw new Error('no other member');
        await switchTo(next);
        await follow(next, how);
        await goesOn(before);
      },
    );

    it('leaves a member that left the group, and still answers', async () => {
      const before = await runs();
      await write();
      await withConnection(primary, undefined, connection => connection.query('STOP GROUP_REPLICATION'));
      await follow(await untilPrimary(others()), {cut: false});
      await goesOn(before);
      await heal(group);
    });

    it('goes on after the death of the primary', async () => {
      const before = await runs();
      await write();
      await primary.kill();
      await follow(await untilPrimary(others()), {cut: true});
      await goesOn(before);
    });
  });
});
