import {expect, it} from 'vitest';
import {examine} from '../../src/doctor/doctor.ts';
import {query, withConnection, type Reachable} from '../servers/databases.ts';
import {describeEachEdition} from '../helpers/flavours.ts';
import {startServer} from '../servers/server.ts';
import {isHostile} from '../servers/profile.ts';
import {configOf, withOwnServer, worst} from './doctor-stand.ts';

const serverIdOf = (server: Reachable) =>
  withConnection(server, undefined, async connection =>
    String((await query(connection, 'SELECT @@server_id AS id'))[0]?.['id']),
  );

describeEachEdition('checks of the log and of the topology', ({edition, flavour}) => {
  const own = withOwnServer(edition);
  const {doctor, preflightFault, run} = own;

  // On MariaDB, the account of the hostile profile does not see who else reads the log.
  it.skipIf(isHostile && flavour === 'mariadb')("knows the source's own server id from ours", async () => {
    const id = await serverIdOf(own.server);
    expect(worst(await doctor({REPLICATION_SERVER_ID: id}), 'server-id')).toMatchObject({
      level: 'must-fix',
      message: `our server id ${id} is the source's own`,
    });
    expect(worst(await doctor({REPLICATION_SERVER_ID: '4000000000'}), 'server-id')).toMatchObject({
      level: 'ok',
      message: 'our server id 4000000000 is free',
    });
  });

  // The same.
  it.skipIf(isHostile && flavour === 'mariadb')(
    'finds a replica that has our server id, or does not log replicated changes',
    async () => {
      // MariaDB's default.
      const options = flavour === 'mysql' ? ['--skip-log-replica-updates'] : [];
      await using replica = await startServer({edition, options});
      const onReplica = (sql: string) =>
        withConnection(replica, undefined, connection => connection.query(sql));
      const id = await serverIdOf(replica);
      // An account that may read and stream, and one that may not even read the end of the log.
      const monitor = flavour === 'mysql' ? 'REPLICATION CLIENT' : 'BINLOG MONITOR';
      await onReplica(
        `CREATE USER reader IDENTIFIED BY 'Reader-1'; GRANT SELECT, REPLICATION SLAVE, ${monitor} ON *.* TO reader; CREATE USER blind IDENTIFIED BY 'Blind-1'; GRANT SELECT ON *.* TO blind`,
      );
      const asSource = async (account = {}) =>
        worst(
          await examine(
            configOf(
              {...own.stand, server: replica},
              {DB_DATABASE: 'mysql', ORG_DB_DATABASE: 'mysql', ...account},
            ),
          ),
          'replica-updates',
        );
      const reader = {DB_USERNAME: 'reader', DB_PASSWORD: 'Reader-1'};
      expect((await asSource()).message).toMatch(/^the source is not a replica/);
      expect((await asSource(reader)).level).toBe('ok');
      await onReplica(
        flavour === 'mysql'
          ? `CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=${own.server.port}, SOURCE_USER='${own.server.user}', SOURCE_PASSWORD='${own.server.password}', GET_SOURCE_PUBLIC_KEY=1`
          : `CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${own.server.port}, MASTER_USER='${own.server.user}', MASTER_PASSWORD='${own.server.password}', MASTER_USE_GTID=slave_pos`,
      );
      await onReplica(flavour === 'mysql' ? 'START REPLICA IO_THREAD' : 'START SLAVE');
      await expect
        .poll(async () => worst(await doctor({REPLICATION_SERVER_ID: id}), 'server-id'), {timeout: 20_000})
        .toMatchObject({level: 'must-fix', message: `a replica already uses our server id ${id}`});
      const fault = {
        level: 'must-fix',
        message: expect.stringMatching(/^the source is a replica, and log_\w+_updates is OFF$/),
      };
      expect(await asSource()).toMatchObject(fault);
      await expect.poll(() => asSource(reader), {timeout: 20_000}).toMatchObject(fault);
      if (flavour === 'mysql')
        expect(await asSource({DB_USERNAME: 'blind', DB_PASSWORD: 'Blind-1'})).toMatchObject({
          level: 'warning',
          message: expect.stringContaining('this account cannot see'),
        });
    },
  );

  it.runIf(flavour === 'mysql')('warns of a source without GTIDs', async () => {
    for (const mode of ['ON_PERMISSIVE', 'OFF_PERMISSIVE', 'OFF'])
      await run(`SET GLOBAL gtid_mode = ${mode}`);
    const finding = worst(await doctor(), 'gtid');
    expect(finding).toMatchObject({level: 'warning', message: 'gtid_mode is OFF'});
    for (const statement of String(finding.fix).replace(/--.*/, '').split(';'))
      if (statement.trim() !== '') await run(statement);
    expect(worst(await doctor(), 'gtid').level).toBe('ok');
  });

  it('requires a log that includes the source', async () => {
    await own.server.restart([`--binlog-ignore-db=${own.stand.source}`]);
    expect(worst(await doctor(), 'binlog-filter')).toMatchObject({
      level: 'must-fix',
      message: `binlog_ignore_db excludes ${own.stand.source} from the log`,
    });
    expect(await preflightFault()).toContain('from the log');
    await own.server.restart(['--binlog-do-db=another']);
    expect(worst(await doctor(), 'binlog-filter')).toMatchObject({
      level: 'must-fix',
      message: `binlog_do_db excludes ${own.stand.source} from the log`,
    });
    await own.server.restart([
      '--skip-log-bin',
      ...(flavour === 'mysql' ? ['--skip-log-replica-updates'] : []),
    ]);
    expect(worst(await doctor(), 'binlog')).toMatchObject({
      level: 'must-fix',
      message: 'the binary log is off',
    });
    expect(await preflightFault()).toContain('the binary log is off');
    await own.server.restart([]);
  });

  // MariaDB accepts no id below 1.
  it.runIf(flavour === 'mysql')('requires a source that has a server id', async () => {
    await own.server.restart(['--server-id=0']);
    expect(worst(await doctor(), 'server-id')).toMatchObject({
      level: 'must-fix',
      message: 'server_id of the source is 0',
    });
    const fault = await preflightFault();
    expect(fault).toContain('server_id of the source is 0');
    await run(String(worst(await doctor(), 'server-id').fix));
    expect(worst(await doctor(), 'server-id').level).toBe('ok');
    await run('RESET PERSIST server_id');
    await own.server.restart([]);
  });
});
