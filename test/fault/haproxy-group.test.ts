/** A group of MySQL members behind haproxy as the target: the daemon knows only the proxy's address. */
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest';
import {continues, startLoaded} from '../helpers/cluster-stand.ts';
import {SEED, Stand} from '../helpers/fault-stand.ts';
import {startWriters, type Writers} from '../helpers/fault-writers.ts';
import {describeEachFlavour, isShort} from '../helpers/flavours.ts';
import {withConnection} from '../servers/databases.ts';
import {hasGroups, heal, startGroup, switchTo, untilPrimary, type Group} from '../servers/group.ts';
import {checkAccount, Haproxy, hasHaproxy} from '../servers/haproxy.ts';
import {startProxy, type FaultProxy} from '../servers/proxy.ts';
import type {TestServer} from '../servers/server.ts';

const TARGET = 'organizations';
/** Whether the proxy closes the connections to a member that it leaves, as the documents advise, or keeps them. */
const CLOSED_OR_KEPT = isShort ? [{cut: true}] : [{cut: true}, {cut: false}];

describeEachFlavour(`a target behind haproxy (seed ${SEED})`, ({edition, server, source}) => {
  describe.skipIf(!hasGroups || !hasHaproxy() || edition !== 'mysql')('of Group Replication', () => {
    let group: Group;
    let haproxy: Haproxy;
    /** The address of the test's own reads. */
    let eye: FaultProxy;
    let stand: Stand;
    let primary: TestServer;
    let writers: Writers;
    let seed = SEED;

    beforeAll(async () => {
      group = await startGroup(3);
      primary = await untilPrimary(group.members);
      await withConnection(primary, undefined, connection =>
        connection.query(`CREATE DATABASE ${TARGET}; ${checkAccount('group')}`),
      );
      haproxy = await Haproxy.start('group', group.members);
      eye = await startProxy(primary.address);
      stand = await Stand.open({
        source: {server, database: source},
        target: {server: {...primary.address, host: eye.host, port: eye.port}, database: TARGET},
        via: {target: haproxy},
      });
      await startLoaded(stand);
    });
    afterAll(async () => {
      await stand?.[Symbol.asyncDispose]();
      await Promise.all([eye?.close(), haproxy?.[Symbol.asyncDispose]()]);
      await group?.[Symbol.asyncDispose]();
    });
    beforeEach(async () => {
      await heal(group);
      writers = await startWriters({server, database: source}, 1, seed++);
    });
    afterEach(() => writers?.stop());

    const others = () => group.members.filter(member => member !== primary);
    /** Starts haproxy again, so that the daemon's connections are all at the primary. */
    const setUp = async ({cut}: {cut: boolean}) => {
      await haproxy.restart({keepsSessions: !cut});
      await stand.caughtUp();
    };
    /** Waits until haproxy leads to the new primary. The test's own reads follow. */
    const follow = async () => {
      const next = await untilPrimary(others());
      expect(await haproxy.untilElsewhere(group.members, [primary])).toBe(next);
      primary = next;
      eye.retarget(next.address);
      eye.cut();
      await stand.connect();
    };

    it.for(CLOSED_OR_KEPT)('continues after a planned switch, connections cut: $cut', async how => {
      await setUp(how);
      const [next] = others();
      if (next === undefined) throw new Error('no other member');
      await switchTo(next);
      await follow();
      await continues(stand, writers);
    });

    it.for(isShort ? [] : CLOSED_OR_KEPT)(
      'continues when the primary is frozen, connections cut: $cut',
      async how => {
        await setUp(how);
        const frozen = primary;
        await frozen.freeze();
        await follow();
        await continues(stand, writers);
        await frozen.thaw();
      },
    );

    it.skipIf(isShort)('leaves a member that left the group, and still answers', async () => {
      await setUp({cut: false});
      await withConnection(primary, undefined, connection => connection.query('STOP GROUP_REPLICATION'));
      await follow();
      await continues(stand, writers);
    });

    it.skipIf(isShort)('waits while the majority is lost, and continues when it is back', async () => {
      await setUp({cut: true});
      for (const member of others()) await member.freeze();
      await haproxy.untilNowhere();
      for (const member of others()) await member.thaw();
      await heal(group);
      primary = await untilPrimary(group.members);
      eye.retarget(primary.address);
      await stand.connect();
      await continues(stand, writers);
    });

    // This test is the last one, because it leaves the group incomplete.
    it('continues when the primary is killed', async () => {
      await setUp({cut: true});
      await primary.kill();
      await follow();
      await continues(stand, writers);
      expect(await stand.daemon.post('/sync/trigger', {mode: 'full'})).toMatchObject({status: 200});
      await stand.equal();
    });
  });
});
