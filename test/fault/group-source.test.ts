/** A group of MySQL members as the source: its GTIDs are the same on every member. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {loadConfig} from '../../src/config.ts';
import {examine} from '../../src/doctor/doctor.ts';
import {CONTINUES_MS, openAddresses, startLoaded} from '../helpers/cluster-stand.ts';
import {eventually} from '../helpers/eventually.ts';
import {SEED, Stand} from '../helpers/fault-stand.ts';
import {startWriters} from '../helpers/fault-writers.ts';
import {describeEachFlavour, isShort} from '../helpers/flavours.ts';
import {query, withConnection} from '../servers/databases.ts';
import {
  cloneFromAnother,
  hasGroups,
  heal,
  startGroup,
  switchTo,
  untilOnline,
  untilPrimary,
  type Group,
} from '../servers/group.ts';
import type {FaultProxy} from '../servers/proxy.ts';
import type {TestServer} from '../servers/server.ts';

const SOURCE = 'laas';

describeEachFlavour(`a source on a group of members (seed ${SEED})`, ({edition, server, target}) => {
  describe.skipIf(!hasGroups || edition !== 'mysql')('of Group Replication', () => {
    let group: Group;
    let proxy: FaultProxy;
    let eye: FaultProxy;
    let stand: Stand;
    let primary: TestServer;
    let seed = SEED;

    beforeAll(async () => {
      // The default of MySQL before 9.0: a member that leaves its group keeps its connections.
      group = await startGroup(3, [
        '--loose-group-replication-exit-state-action=READ_ONLY',
        '--plugin-load-add=mysql_clone.so',
      ]);
      primary = await untilPrimary(group.members);
      await withConnection(primary, undefined, connection =>
        connection.query(`CREATE DATABASE ${SOURCE} CHARACTER SET utf8mb4`),
      );
      const addresses = await openAddresses(primary.address);
      ({proxy, eye} = addresses);
      stand = await Stand.open({
        source: {server: addresses.seen, database: SOURCE},
        target: {server, database: target},
        via: {source: proxy},
      });
      await startLoaded(stand);
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
    const follow = async (now: TestServer, {cut, but}: {cut: boolean; but?: FaultProxy}) => {
      primary = now;
      for (const each of [proxy, eye]) if (each !== but) each.retarget(now.address);
      if (cut) proxy.cut();
      eye.cut();
      await stand.connect();
    };
    const runs = async () => ((await stand.daemon.get('/sync/runs')) as {items: unknown[]}).items.length;
    /** The stream continues from its position by GTIDs, without a copy. */
    const continuesWithoutCopy = async (before: number) => {
      await write();
      await stand.equal();
      expect(stand.logText()).not.toMatch(/"position-lost"|"reconcile.owed"|"state":"halted"/);
      expect(await runs()).toBe(before);
      expect(await stand.letters()).toEqual([]);
    };

    it.for([{cut: true}, {cut: false}])(
      'continues after a planned switch, connections cut: $cut',
      async how => {
        const before = await runs();
        await write();
        const [next] = others();
        if (next === undefined) throw new Error('no other member');
        await switchTo(next);
        await follow(next, how);
        await continuesWithoutCopy(before);
      },
    );

    it.for([{recovering: false}, {recovering: true}].filter(({recovering}) => !isShort || !recovering))(
      'waits for a member that is behind, without a copy (recovering: $recovering)',
      async ({recovering}) => {
        // The previous test may have left the daemon's connections on another member.
        await follow(primary, {cut: true});
        await write();
        const before = await runs();
        const [next] = others();
        if (next === undefined) throw new Error('no other member');
        const run = (sql: string) => withConnection(next, undefined, connection => connection.query(sql));
        if (recovering) await run('STOP GROUP_REPLICATION');
        await withConnection(next, undefined, async connection => {
          if (recovering) await write();
          // The member answers reads, and applies nothing.
          await connection.query('FLUSH TABLES WITH READ LOCK');
          if (recovering) await run('START GROUP_REPLICATION');
          else await write();
          const logged = stand.logText().length;
          await follow(next, {cut: true});
          const waits = async () => {
            const sql =
              "SELECT 1 FROM performance_schema.processlist WHERE INFO LIKE 'START TRANSACTION WITH%'";
            return (await query(connection, sql)).length > 0;
          };
          const passed = await eventually(
            async () => {
              const log = stand.logText().slice(logged);
              if (log.includes('"position-lost"')) return 'position-lost';
              return (log.includes('has not applied yet') || (await waits())) && 'waits';
            },
            {what: 'the wait'},
          );
          expect(passed).toBe('waits');
          await connection.query('UNLOCK TABLES');
        });
        await untilOnline(next, 3);
        await switchTo(next);
        await continuesWithoutCopy(before);
      },
    );

    it.skipIf(isShort)('leaves a member that left the group, and still answers', async () => {
      const before = await runs();
      await write();
      await withConnection(primary, undefined, connection => connection.query('STOP GROUP_REPLICATION'));
      await follow(await untilPrimary(others()), {cut: false});
      await continuesWithoutCopy(before);
      await heal(group);
    });

    it.skipIf(isShort)('continues on a member whose data was cloned from another', async () => {
      const before = await runs();
      const [next] = others();
      if (next === undefined) throw new Error('no other member');
      await cloneFromAnother(next);
      await untilOnline(next, 3);
      await write();
      await switchTo(next);
      await follow(next, {cut: true});
      await continuesWithoutCopy(before);
    });

    it('#46 leaves a member that the group has lost, whose connections stay open', async () => {
      const before = await runs();
      // The previous test may have left the daemon's connections on another member.
      await follow(primary, {cut: true});
      await write();
      const lost = primary;
      const [next] = others();
      if (next === undefined) throw new Error('no other member');
      await withConnection(lost, undefined, connection =>
        connection.query('CREATE DATABASE apart; CREATE TABLE apart.t (id INT PRIMARY KEY)'),
      );
      await switchTo(next);
      // The daemon's address leads to the old member for some time.
      const address = proxy;
      await follow(next, {cut: false, but: address});
      // A row that the member cannot apply: it leaves the group, in the state ERROR.
      const alone = (sql: string) =>
        withConnection(lost, undefined, connection =>
          connection.query(`SET GLOBAL super_read_only = OFF; SET sql_log_bin = 0; ${sql}`),
        );
      await alone('DROP TABLE apart.t');
      await withConnection(next, undefined, connection => connection.query('INSERT INTO apart.t VALUES (1)'));
      const {replication} = await stand.until('a reason', ({reasons}) =>
        reasons.join().includes('has left its group'),
      );
      expect(replication.state).toBe('starting');
      address.retarget(next.address);
      await continuesWithoutCopy(before);
      await alone('CREATE TABLE apart.t (id INT PRIMARY KEY)');
      await heal(group);
    });

    it('is checked by doctor: the state of its member, and settings to avoid', async () => {
      const grant = 'GRANT SELECT ON performance_schema.replication_group_members TO plain';
      const run = (sql: string) => withConnection(primary, undefined, connection => connection.query(sql));
      await run(
        `CREATE USER plain IDENTIFIED BY 'plain'; GRANT SELECT ON ${SOURCE}.* TO plain; GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO plain`,
      );
      const doctor = async (server: TestServer) =>
        (
          await examine(
            loadConfig({
              ...stand.env,
              DB_PORT: String(server.port),
              DB_USERNAME: 'plain',
              DB_PASSWORD: 'plain',
            }),
          )
        )
          .filter(
            ({side, check}) =>
              side === 'source' && (check.startsWith('cluster') || check === 'privilege-excess'),
          )
          .filter(({level}) => level !== 'ok');
      expect((await doctor(primary)).map(({fix}) => fix).join()).toContain(
        'GRANT SELECT ON performance_schema',
      );
      await run(grant);
      const [exit, ...more] = await doctor(primary);
      expect(exit).toMatchObject({check: 'cluster-exit', level: 'warning'});
      expect(more).toEqual([]);
      await run(exit?.fix ?? '');
      expect(await doctor(primary)).toEqual([]);
      await run('SELECT group_replication_switch_to_multi_primary_mode()');
      const [writers] = await doctor(primary);
      expect(writers).toMatchObject({check: 'cluster-writers'});
      await run(writers?.fix ?? '');
      expect(await doctor(primary)).toEqual([]);
      await run('STOP GROUP_REPLICATION');
      expect(await doctor(primary)).toMatchObject([{check: 'cluster', level: 'must-fix'}]);
      const left = primary;
      await follow(await untilPrimary(others()), {cut: true});
      await withConnection(left, undefined, connection => connection.query('START GROUP_REPLICATION'));
      await heal(group);
    });

    it('continues after the death of the primary', async () => {
      const before = await runs();
      await write();
      await primary.kill();
      await follow(await untilPrimary(others()), {cut: true});
      await continuesWithoutCopy(before);
    });
  });
});
