/** A group of MySQL members as the target: a member that loses the role of the primary still answers. */
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest';
import {loadConfig} from '../../src/config.ts';
import {examine} from '../../src/doctor/doctor.ts';
import {environment, type DaemonProcess} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {continues, CONTINUES_MS, openAddresses, startLoaded} from '../helpers/cluster-stand.ts';
import {SEED, Stand} from '../helpers/fault-stand.ts';
import {startWriters, type Writers} from '../helpers/fault-writers.ts';
import {describeEachFlavour, isShort} from '../helpers/flavours.ts';
import {query, withConnection} from '../servers/databases.ts';
import {
  type Group,
  hasGroups,
  heal,
  membersOf,
  startGroup,
  switchTo,
  untilOnline,
  untilPrimary,
} from '../servers/group.ts';
import type {FaultProxy} from '../servers/proxy.ts';
import type {TestServer} from '../servers/server.ts';

const TARGET = 'organizations';
/** More elections than this in one fault mean that two instances, or two connections, depose each other. */
const MAX_ELECTIONS = 4;

describeEachFlavour(`a target on a group of members (seed ${SEED})`, ({edition, server, source}) => {
  describe.skipIf(!hasGroups || edition !== 'mysql')('of Group Replication', () => {
    let group: Group;
    /** The address of the daemon, which leads to the primary after each fault. */
    let proxy: FaultProxy;
    /** The address of the test's own reads. */
    let eye: FaultProxy;
    let stand: Stand;
    let primary: TestServer;
    let writers: Writers;
    let seed = SEED;

    beforeAll(async () => {
      group = await startGroup(3);
      primary = await untilPrimary(group.members);
      await withConnection(primary, undefined, connection => connection.query(`CREATE DATABASE ${TARGET}`));
      const addresses = await openAddresses(primary.address);
      ({proxy, eye} = addresses);
      stand = await Stand.open({
        source: {server, database: source},
        target: {server: addresses.seen, database: TARGET},
        via: {target: proxy},
      });
      await startLoaded(stand);
    });
    afterAll(async () => {
      await stand?.[Symbol.asyncDispose]();
      await Promise.all([proxy?.close(), eye?.close()]);
      await group?.[Symbol.asyncDispose]();
    });
    beforeEach(async () => {
      await heal(group);
      writers = await startWriters({server, database: source}, 1, seed++);
    });
    afterEach(() => writers?.stop());

    const others = () => group.members.filter(member => member !== primary);
    const another = () => {
      const [member] = others();
      if (member === undefined) throw new Error('no other member');
      return member;
    };
    /** Leads new connections to the primary; `cut` ends those that are open, as a proxy may or may not. */
    const follow = async (now: TestServer, {cut}: {cut: boolean}) => {
      primary = now;
      for (const each of [proxy, eye]) each.retarget(now.address);
      if (cut) proxy.cut();
      eye.cut();
      await stand.connect();
    };
    const elections = () => stand.logText().split('"lease.acquired"').length;
    /** The stream continues in time, and every row is right; no row became a dead letter. */
    const continuesWithOneLeader = async () => {
      const before = elections();
      await continues(stand, writers);
      expect(elections() - before).toBeLessThan(MAX_ELECTIONS);
      expect(await stand.daemon.post('/sync/trigger', {})).toMatchObject({status: 200});
    };

    it('is known to doctor: a secondary member must not be the target', async () => {
      const clusterOf = async (member: TestServer) => {
        const findings = await examine(loadConfig({...stand.env, ORG_DB_PORT: String(member.port)}));
        return findings.filter(({side, check}) => side === 'target' && check === 'cluster');
      };
      expect(await clusterOf(primary)).toMatchObject([{level: 'ok'}]);
      expect(await clusterOf(another())).toMatchObject([
        {
          level: 'must-fix',
          message: expect.stringContaining('SECONDARY'),
          fix: expect.stringContaining('ORG_DB_HOST'),
        },
      ]);
    });

    it('#48 refuses a table without a primary key: doctor says so, the stream halts', async () => {
      await writers.stop();
      await stand.caughtUp();
      await stand.target.query(
        'ALTER TABLE user_auth ADD UNIQUE KEY u (userId), DROP PRIMARY KEY; ALTER TABLE user_auth MODIFY userId BIGINT NULL; ALTER TABLE sync_run DROP PRIMARY KEY',
      );
      const keys = async () =>
        (await examine(loadConfig(stand.env))).filter(({check}) => check === 'cluster-keys');
      const findings = await keys();
      expect(findings).toMatchObject([
        {level: 'must-fix', message: expect.stringContaining('sync_run')},
        {
          level: 'must-fix',
          message: expect.stringContaining('user_auth'),
          why: expect.stringContaining('3098'),
        },
      ]);
      await stand.source.query(
        "INSERT INTO users (id, first_name, email, password) VALUES (9500, 'x', 'keyless@example.test', 'p')",
      );
      const {reasons} = await stand.until('the halt', ({replication}) => replication.state === 'halted');
      expect(reasons.join()).toMatch(/target-incompatible.*primary key.*3098/);
      for (const {fix} of findings) await stand.target.query(fix ?? '');
      expect(await keys()).toMatchObject([{level: 'ok'}]);
      await stand.daemon.until('streaming', CONTINUES_MS);
      await stand.equal();
      expect(await stand.letters()).toEqual([]);
      await stand.daemon.stop();
      await stand.start();
    });

    it('#53 takes a large transaction in parts, if it accepts only small ones', async () => {
      const set = async (bytes: string) => {
        for (const member of group.members)
          await withConnection(member, undefined, connection =>
            connection.query(`SET GLOBAL group_replication_transaction_size_limit = ${bytes}`),
          );
      };
      await set('200000');
      const users = Array.from({length: 5000}, (_, i) => `(${20_000 + i}, 'a', 'a${i}@example.test', 'p')`);
      await stand.source.query(`INSERT INTO users (id, first_name, email, password) VALUES ${users.join()}`);
      await continuesWithOneLeader();
      await set('DEFAULT');
      await stand.source.query('DELETE FROM users WHERE id >= 20000');
      await stand.caughtUp();
    });

    it.for([{cut: false}, {cut: true}])('moves with a planned switch, connections cut: $cut', async how => {
      const next = another();
      await switchTo(next);
      await follow(next, how);
      await continuesWithOneLeader();
    });

    it.skipIf(isShort)('leaves a member that left the group, and still answers', async () => {
      const left = primary;
      await withConnection(left, undefined, connection => connection.query('STOP GROUP_REPLICATION'));
      await follow(await untilPrimary(others()), {cut: false});
      await continuesWithOneLeader();
    });

    it('leaves a member that the group expelled, and that answers again', async () => {
      const expelled = primary;
      await expelled.freeze();
      const next = await untilPrimary(others());
      await follow(next, {cut: false});
      await expelled.thaw();
      await continuesWithOneLeader();
    });

    it('waits while the majority is lost, and continues when it is back', async () => {
      for (const member of others()) await member.freeze();
      await eventually(
        async () => (await membersOf(primary)).filter(({state}) => state === 'UNREACHABLE').length === 2,
        {timeoutMs: 20_000, what: 'a lost majority'},
      );
      const status = await stand.until(
        'a reason',
        ({isHealthy, replication}) => !isHealthy || replication.state !== 'streaming',
      );
      expect(status.replication.state).not.toBe('halted');
      for (const member of others()) await member.thaw();
      await untilOnline(primary, 3);
      await follow(await untilPrimary(group.members), {cut: false});
      await continuesWithOneLeader();
    });

    it('two daemons on two members: whose member is the primary leads', async () => {
      await writers.stop();
      await stand.daemon.stop();
      const at = (member: TestServer) =>
        stand.launch(environment({...server, database: source}, {...member.address, database: TARGET}));
      const next = another();
      const [first, second] = [await at(primary), await at(next)];
      const state = async (daemon: DaemonProcess) => (await daemon.status()).replication.state;
      const until = (daemon: DaemonProcess, ...wanted: string[]) =>
        eventually(async () => wanted.includes(await state(daemon)), {
          timeoutMs: CONTINUES_MS,
          what: wanted.join(),
        });
      await until(first, 'streaming');
      await until(second, 'standby', 'starting');
      await switchTo(next);
      await until(second, 'streaming');
      await until(first, 'standby', 'starting');
      await follow(next, {cut: true});
      await stand.caughtUp();
      await stand.equal();
      const [row] = await withConnection(next, TARGET, connection =>
        query(connection, 'SELECT COUNT(*) AS letters FROM sync_dead_letter'),
      );
      expect(Number(row?.['letters'])).toBe(0);
      for (const daemon of [first, second]) await daemon.stop();
      await stand.start();
    });

    // This test is the last one, because it leaves the group incomplete.
    it('moves when the primary is killed', async () => {
      const killed = primary;
      await killed.kill();
      await follow(await untilPrimary(others()), {cut: true});
      await continuesWithOneLeader();
    });
  });
});
