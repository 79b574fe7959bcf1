import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {examine} from '../../src/doctor/doctor.ts';
import {holds, parseGrants} from '../../src/doctor/grants.ts';
import {cli, DaemonProcess, type Environment} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {SOURCE_SCHEMAS} from '../helpers/schemas.ts';
import {query, withConnection} from '../servers/databases.ts';
import {
  configOf,
  environmentOf,
  faultsOf,
  findingsOf,
  preflightFaultOf,
  worst,
  type Stand,
} from './doctor-stand.ts';

const PASSWORD = 'Least-privilege-1';

/** The statements of one block of docs/grants.md. */
function documented(block: string): string {
  const text = readFileSync(join(import.meta.dirname, '../../docs/grants.md'), 'utf8');
  const found = new RegExp(`^\`\`\`sql ${block}\\n(.*?)^\`\`\``, 'ms').exec(text)?.[1];
  if (found === undefined) throw new Error(`docs/grants.md has no block ${block}`);
  return found;
}

describeEachFlavour('the documented grants', ({flavour, server, source, target}) => {
  const stand: Stand = {server, source, target};
  const reader = `r_${source.slice(0, 12)}`;
  const writer = `w_${source.slice(0, 12)}`;
  const accounts = {
    DB_USERNAME: reader,
    DB_PASSWORD: PASSWORD,
    ORG_DB_USERNAME: writer,
    ORG_DB_PASSWORD: PASSWORD,
  };
  const run = (sql: string) => withConnection(server, source, connection => connection.query(sql));
  const grant = (block: string) =>
    run(
      documented(block)
        .replaceAll('`laas`', `\`${source}\``)
        .replaceAll('`organizations`', `\`${target}\``)
        .replaceAll('laas_reader', reader)
        .replaceAll('laas_writer', writer)
        .replaceAll('<password>', PASSWORD),
    );
  const doctor = (extra: Environment = accounts) => examine(configOf(stand, extra));
  const preflightFault = () => preflightFaultOf(stand, accounts);

  beforeAll(async () => {
    await run(SOURCE_SCHEMAS[0]?.create ?? '');
    await run(
      "INSERT INTO users (id, first_name, email, password) VALUES (1, 'Ada', 'ada@example.test', 'secret'), (2, 'Bob', 'bob@example.test', 'secret')",
    );
    await run(
      "INSERT INTO institutes (id, name) VALUES (1, 'One'); INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES (1, 1, 'admin', 'active')",
    );
  });
  afterAll(() => run(`DROP USER IF EXISTS '${reader}'@'%', '${writer}'@'%'`));

  it('without an account, the doctor says that it is refused, and what to do', async () => {
    const findings = await doctor();
    expect(findingsOf(findings, 'reachable')).toHaveLength(2);
    expect(worst(findings, 'reachable')).toMatchObject({
      level: 'must-fix',
      message: expect.stringContaining('refuses the account (error 1045)'),
    });
  });

  it('are enough to migrate, sync and verify, and the doctor finds nothing', async () => {
    await run(`CREATE USER '${reader}'@'%' IDENTIFIED BY '${PASSWORD}'`);
    expect(worst(await doctor(), 'privilege-needed')).toMatchObject({
      level: 'must-fix',
      fix: expect.stringContaining(`GRANT SELECT ON \`${source}\`.*`),
    });
    await run(`DROP USER '${reader}'@'%'`);
    await grant(`source ${flavour}`);
    await grant('target run');
    const env = environmentOf(stand, accounts);
    expect(worst(await doctor(), 'privilege-needed')).toMatchObject({
      level: 'must-fix',
      side: 'target',
      message: `the account lacks CREATE, ALTER on ${target}`,
    });
    await grant(`target migrate ${flavour}`);
    expect(await cli(['migrate'], env)).toMatchObject({code: 0});
    await grant(`target settle ${flavour}`);
    expect(faultsOf(await doctor())).toEqual([]);
    expect(await preflightFault()).toBe('');
    expect(await cli(['doctor'], env)).toMatchObject({code: 0});
    expect(await cli(['sync'], env)).toMatchObject({code: 0});
    expect(await cli(['verify'], env)).toMatchObject({code: 0, stdout: expect.stringContaining('equal')});
  });

  it('may be given table by table, and the doctor names the tables that lack one', async () => {
    const account = `t_${source.slice(0, 12)}`;
    const on = (table: string) => `\`${target}\`.\`${table}\``;
    const tables = await withConnection(server, target, connection =>
      query(
        connection,
        'SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()',
      ),
    );
    await run(`CREATE USER '${account}'@'%' IDENTIFIED BY '${PASSWORD}'`);
    try {
      for (const {name} of tables)
        await run(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${on(String(name))} TO '${account}'@'%'`);
      const found = async () =>
        findingsOf(await doctor({...accounts, ORG_DB_USERNAME: account}), 'privilege-needed').filter(
          ({level, side}) => level !== 'ok' && side === 'target',
        );
      expect(await found()).toEqual([]);
      await run(
        `REVOKE INSERT, DELETE ON ${on('user')} FROM '${account}'@'%'; GRANT INSERT (userId) ON ${on('user')} TO '${account}'@'%';
         REVOKE UPDATE ON ${on('sync_owned')} FROM '${account}'@'%'`,
      );
      const faults = await found();
      expect(faults.map(({message}) => message).toSorted()).toEqual([
        'the account lacks INSERT, DELETE on user',
        'the account lacks UPDATE on sync_owned',
      ]);
      for (const {fix} of faults) await run(String(fix));
      expect(await found()).toEqual([]);
    } finally {
      await run(`DROP USER '${account}'@'%'`);
    }
  });

  it('are enough to stream, deletes included', async () => {
    const daemon = await DaemonProcess.start(environmentOf(stand, accounts));
    try {
      await eventually(async () => (await daemon.status()).replication.state === 'streaming', {
        timeoutMs: 30_000,
      });
      await run("UPDATE users SET first_name = 'Ada Augusta' WHERE id = 1; DELETE FROM users WHERE id = 2");
      await eventually(async () => {
        const rows = await withConnection(server, target, connection =>
          query(connection, 'SELECT userId, name FROM user'),
        );
        expect(rows).toEqual([{userId: 1, name: 'Ada Augusta'}]);
        return true;
      });
      for (const mode of ['diff', 'full'])
        expect(await daemon.post('/sync/trigger', {mode, allowDeletes: true})).toMatchObject({status: 200});
      expect(await daemon.post('/sync/verify')).toMatchObject({status: 200, body: {equal: true}});
      expect(await daemon.post('/sync/dead-letters/retry')).toMatchObject({status: 200});
      await daemon.post('/replication/pause');
      await daemon.until('paused');
      await daemon.post('/replication/resume');
      await daemon.until('streaming');
      expect((await daemon.status()).reasons).toEqual([]);
    } finally {
      expect(await daemon.stop()).toBe(0);
    }
  });

  it('are enough for every other command, without a daemon', async () => {
    const env = environmentOf(stand, {...accounts, PORT: '1'});
    const looks = ['status', 'status --json', 'dead-letters list', 'verify'];
    const outcomes = await Promise.all(looks.map(command => cli(command.split(' '), env)));
    expect(outcomes.map(({code, stderr}) => [code, code === 0 ? '' : stderr])).toEqual(
      looks.map(() => [0, '']),
    );
    for (const command of ['dead-letters retry', 'sync --mode full'])
      expect([command, await cli(command.split(' '), env)]).toMatchObject([command, {code: 0}]);
    // A start with existing tables needs no further privilege.
    expect(await cli(['migrate'], env)).toMatchObject({code: 0});
    expect(await cli(['migrate', '--down'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('access-denied'),
    });
    await grant('target down');
    expect(await cli(['migrate', '--down'], env)).toMatchObject({code: 0});
    await run(`REVOKE DROP ON \`${target}\`.* FROM '${writer}'@'%'`);
    await grant(`target migrate ${flavour}`);
    expect(await cli(['migrate'], env)).toMatchObject({code: 0});
    await grant(`target settle ${flavour}`);
  });

  it('each missing grant is reported, with the SQL that grants it', async () => {
    const monitor = flavour === 'mariadb' ? 'BINLOG MONITOR' : 'REPLICATION CLIENT';
    for (const privilege of ['REPLICATION SLAVE', monitor]) {
      await run(`REVOKE ${privilege} ON *.* FROM '${reader}'@'%'`);
      const finding = worst(await doctor(), 'privilege-needed');
      expect(finding).toMatchObject({level: 'must-fix', message: `the account lacks ${privilege}`});
      expect(await preflightFault()).toContain(String(finding.fix));
      await run(String(finding.fix).replace(/ -- .*/, ''));
      expect(worst(await doctor(), 'privilege-needed').level).toBe('ok');
    }
    for (const privilege of ['SELECT', 'INSERT', 'UPDATE', 'DELETE']) {
      await run(`REVOKE ${privilege} ON \`${target}\`.* FROM '${writer}'@'%'`);
      const finding = findingsOf(await doctor(), 'privilege-needed').find(({side}) => side === 'target');
      expect(finding).toMatchObject({level: 'must-fix', message: expect.stringContaining(privilege)});
      await run(`GRANT ${privilege} ON \`${target}\`.* TO '${writer}'@'%'`);
    }
  });

  it('table by table are enough to read, and a table without one is named', async () => {
    await run(`REVOKE SELECT ON \`${source}\`.* FROM '${reader}'@'%'`);
    for (const table of ['users', 'institutes'])
      await run(`GRANT SELECT ON \`${source}\`.${table} TO '${reader}'@'%'`);
    const finding = findingsOf(await doctor(), 'privilege-needed').find(({level}) => level === 'must-fix');
    expect(finding).toMatchObject({
      message: 'the account may not read institute_user',
      fix: `GRANT SELECT ON \`${source}\`.* TO '${reader}'@'%';`,
    });
    await run(String(finding?.fix));
    expect(faultsOf(await doctor())).toEqual([]);
  });

  it('count if they come from a role that is active', async () => {
    const role = `o_${source.slice(0, 12)}`;
    await run(
      `CREATE ROLE ${role}; GRANT REPLICATION SLAVE ON *.* TO ${role}; REVOKE REPLICATION SLAVE ON *.* FROM '${reader}'@'%'; GRANT ${role} TO '${reader}'@'%'`,
    );
    expect(worst(await doctor(), 'privilege-needed')).toMatchObject({
      level: 'must-fix',
      fix: expect.stringContaining('SET DEFAULT ROLE'),
    });
    await run(`SET DEFAULT ROLE ${role} ${flavour === 'mariadb' ? 'FOR' : 'TO'} '${reader}'@'%'`);
    expect(faultsOf(await doctor())).toEqual([]);
    await run(`GRANT REPLICATION SLAVE ON *.* TO '${reader}'@'%'; DROP ROLE ${role}`);
  });

  it('more than them on the source is a warning with its REVOKE', async () => {
    await run(`GRANT INSERT, DELETE ON \`${source}\`.* TO '${reader}'@'%'`);
    const finding = worst(await doctor(), 'privilege-excess');
    expect(finding).toMatchObject({
      level: 'warning',
      fix: `REVOKE INSERT, DELETE ON \`${source}\`.* FROM '${reader}'@'%';`,
    });
    await run(String(finding.fix));
    expect(worst(await doctor(), 'privilege-excess').level).toBe('ok');
  });
});

describe('SHOW GRANTS', () => {
  const {grants, roles} = parseGrants([
    "GRANT USAGE ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*0123'",
    'GRANT SELECT, INSERT (`a`, `b`) ON `laas\\_x%`.* TO `a`@`%`',
    'GRANT ALL PRIVILEGES ON `organizations`.`user` TO `a`@`%` WITH GRANT OPTION',
    'GRANT EXECUTE ON PROCEDURE `laas`.`p` TO `a`@`%`',
    "GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION",
    'GRANT `reader`@`%`,`other`@`%` TO `a`@`%`',
  ]);
  const parsed = {grants, roles};

  it('is read with patterns, columns and roles', () => {
    expect(roles).toEqual(['`reader`@`%`', '`other`@`%`']);
    expect(holds(parsed, 'SELECT', 'laas_x1')).toBe(true);
    expect(holds(parsed, 'SELECT', 'laasyx1')).toBe(false);
    expect(holds(parsed, 'INSERT', 'laas_x1')).toBe(false);
    expect(holds(parsed, 'DELETE', 'organizations', 'user')).toBe(true);
    expect(holds(parsed, 'DELETE', 'organizations', 'institute')).toBe(false);
    expect(holds(parsed, 'REPLICATION SLAVE', '*')).toBe(false);
  });
});
