/** Migrations as a user runs them: up, twice, down, beside existing tables, and without the privilege. */
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {cli, DaemonProcess, environment} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour, isShort} from '../helpers/flavours.ts';
import {connect, query} from '../servers/databases.ts';

async function mappingFile(text: string): Promise<[folder: string, path: string]> {
  const folder = await mkdtemp(join(tmpdir(), 'laas-sync-migrate-'));
  const path = join(folder, 'mapping.yaml');
  await writeFile(path, text);
  return [folder, path];
}

describeEachFlavour('migrate', ({flavour, server, source, target}) => {
  let connection: mysql.Connection;
  const env = environment({...server, database: source}, {...server, database: target});
  const tables = async () =>
    (await query(connection, 'SHOW TABLES')).map(row => String(Object.values(row)[0])).sort();
  const OURS = [
    'sync_checkpoint',
    'sync_dead_letter',
    'sync_lease',
    'sync_owned',
    'sync_owned_key',
    'sync_run',
  ];
  const THEIRS = ['institute', 'institute_users', 'user', 'user_auth'];

  beforeAll(async () => {
    connection = await connect(server, target);
  });
  afterAll(() => connection?.end());

  it('says in one line which privilege is missing', async () => {
    const name = `nobody_${target.slice(0, 12)}`;
    await connection.query(
      `CREATE USER '${name}'@'%' IDENTIFIED BY 'secret-of-nobody'; GRANT SELECT ON \`${target}\`.* TO '${name}'@'%'`,
    );
    const account = {...env, ORG_DB_USERNAME: name, ORG_DB_PASSWORD: 'secret-of-nobody', LOG_LEVEL: 'info'};
    const {code, stderr} = await cli(['migrate'], account);
    await connection.query(`DROP USER '${name}'@'%'`);
    expect(code).toBe(1);
    expect(stderr.trim()).toMatch(
      /^laas-sync: access-denied: the target refused .*\(error 1142\): laas-sync doctor prints/,
    );
    expect(await tables()).not.toContain('sync_checkpoint');
  });

  it('creates only what is missing, and drops only its own tables', async () => {
    await connection.query('DROP TABLE IF EXISTS sync_migrations, sync_migrations_lock');
    await connection.query(
      'CREATE TABLE institute (id INT AUTO_INCREMENT PRIMARY KEY, instituteId BIGINT NOT NULL UNIQUE, name VARCHAR(100) NOT NULL, imageUrl TEXT, createdAt DATETIME(3) NOT NULL, updatedAt DATETIME(3) NOT NULL)',
    );
    for (let i = 0; i < 2; i++) {
      expect((await cli(['migrate'], env)).code).toBe(0);
      expect(await tables()).toEqual(expect.arrayContaining([...OURS, ...THEIRS]));
    }
    const [columns] = await query(connection, "SHOW COLUMNS FROM institute LIKE 'id'");
    expect(columns).toBeDefined();
    expect((await cli(['migrate', '--down'], env)).code).toBe(0);
    const left = await tables();
    expect(left).toEqual(expect.arrayContaining(THEIRS));
    for (const table of OURS) expect(left).not.toContain(table);
    expect((await cli(['migrate'], env)).code).toBe(0);
  });

  it('runs once, even if several run at a time or one was killed in the middle', async () => {
    expect((await cli(['migrate', '--down'], env)).code).toBe(0);
    const several = await Promise.all([1, 2, 3].map(() => cli(['migrate'], env)));
    expect(several.map(({code, stderr}) => [code, code === 0 ? '' : stderr])).toEqual(
      [1, 2, 3].map(() => [0, '']),
    );
    expect(await query(connection, 'SELECT name FROM sync_migrations ORDER BY 1')).toEqual([
      {name: '0001-bookkeeping'},
      {name: '0002-organization-tables'},
      {name: '0003-restored-targets'},
      {name: '0004-mapping'},
      {name: '0005-lease'},
    ]);
    // The record of knex while it migrates, which a killed process leaves behind.
    await connection.query(
      "DELETE FROM sync_migrations WHERE name LIKE '0002%'; UPDATE sync_migrations_lock SET is_locked = 1",
    );
    expect(await cli(['migrate'], env)).toMatchObject({code: 0});
  });

  it('creates bookkeeping tables that somebody dropped, and names them', async () => {
    expect((await cli(['migrate'], env)).code).toBe(0);
    const whole = await tables();
    const ours = whole.filter(name => name.startsWith('sync_') && name !== 'sync_migrations_lock');
    for (const dropped of [
      ...ours.slice(0, isShort ? 2 : undefined).map(name => [name]),
      ours.filter(name => name !== 'sync_migrations').slice(1, 4),
    ]) {
      await connection.query(`DROP TABLE ${dropped.join(', ')}`);
      const {code, stderr} = await cli(['migrate'], {...env, LOG_LEVEL: 'info'});
      expect(code).toBe(0);
      // The lease serves as the lock of migrations, and exists before them.
      const created = dropped.filter(name => name !== 'sync_lease' && name !== 'sync_migrations');
      for (const name of created) expect(stderr).toContain(`"${name}"`);
      expect(await tables()).toEqual(whole);
    }
  });

  it('creates each table by one statement, and adds a key that an older version lacks', async () => {
    const keys = async () =>
      (
        await query(
          connection,
          "SELECT DISTINCT INDEX_NAME AS name FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME LIKE 'sync%' ORDER BY 1",
        )
      ).map(row => row['name']);
    expect((await cli(['migrate', '--down'], env)).code).toBe(0);
    await connection.query(
      'DROP TABLE IF EXISTS institute_users, user_auth, user, institute, sync_migrations, sync_migrations_lock',
    );
    // A table that one statement creates and another one completes needs the ALTER privilege.
    const name = `maker_${target.slice(0, 12)}`;
    await connection.query(
      `CREATE USER '${name}'@'%' IDENTIFIED BY 'Only-rows-1'; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, REFERENCES ON \`${target}\`.* TO '${name}'@'%'`,
    );
    const made = await cli(['migrate'], {...env, ORG_DB_USERNAME: name, ORG_DB_PASSWORD: 'Only-rows-1'});
    await connection.query(`DROP USER '${name}'@'%'`);
    expect(made).toMatchObject({code: 0});
    expect(await keys()).toEqual(['sync_dead_letter_code', 'sync_run_started']);
    await connection.query(
      'ALTER TABLE sync_run DROP INDEX sync_run_started; ALTER TABLE sync_dead_letter DROP INDEX sync_dead_letter_code; DELETE FROM sync_migrations',
    );
    // Beside tables of the owner that cannot be referred to.
    await connection.query(
      'DROP TABLE institute_users, user_auth, user; CREATE TABLE user (userId BIGINT UNSIGNED PRIMARY KEY, name VARCHAR(255) NOT NULL, email VARCHAR(190) NOT NULL, password VARCHAR(255) NOT NULL, createdAt DATETIME NOT NULL, updatedAt DATETIME NOT NULL)',
    );
    expect(await cli(['migrate'], env)).toMatchObject({code: 0});
    expect(await keys()).toEqual(['sync_dead_letter_code', 'sync_run_started']);
    expect(await tables()).toEqual(expect.arrayContaining([...OURS, ...THEIRS]));
  });

  it('names the table whose statement in the mapping is refused', async () => {
    const [folder, path] = await mappingFile(
      'version: 1\ntables:\n  extra: {from: users, key: id, columns: {id: id}, create: CREATE TABLE extra (id WRONG)}\n',
    );
    const {code, stderr} = await cli(['migrate'], {...env, SYNC_MAPPING: path, LOG_LEVEL: 'info'});
    await rm(folder, {recursive: true});
    // The driver has a name for the second number, which is that of another error of MySQL.
    const number = flavour === 'mysql' ? 1064 : 4161;
    expect([code, stderr.trim()]).toEqual([
      1,
      `laas-sync: target-incompatible: the target refused the statement of create: for the table extra (error ${number}): correct it in the mapping, or create the table by hand`,
    ]);
  });

  it('is requested by every command that finds an old database', async () => {
    expect((await cli(['migrate', '--down'], env)).code).toBe(0);
    const commands = [['sync'], ['status'], ['dead-letters'], ['dead-letters', 'retry'], ['verify']];
    const outcomes = await Promise.all(commands.map(command => cli(command, {...env, LOG_LEVEL: 'info'})));
    for (const [i, {code, stderr}] of outcomes.entries()) {
      expect([commands[i], code]).toEqual([commands[i], commands[i]?.[0] === 'verify' ? 2 : 1]);
      expect(stderr.trim()).toBe(
        'laas-sync: not-migrated: the bookkeeping tables are missing or older than this version: run laas-sync migrate',
      );
    }
  });

  it('is done by start, or refused with the privilege that is missing', async () => {
    expect((await cli(['migrate', '--down'], env)).code).toBe(0);
    const name = `runner_${target.slice(0, 12)}`;
    await connection.query(
      `CREATE USER '${name}'@'%' IDENTIFIED BY 'Only-rows-1'; GRANT SELECT, INSERT, UPDATE, DELETE ON \`${target}\`.* TO '${name}'@'%'`,
    );
    const account = {...env, ORG_DB_USERNAME: name, ORG_DB_PASSWORD: 'Only-rows-1', LOG_LEVEL: 'info'};
    const refused = await cli(['start'], account);
    await connection.query(`DROP USER '${name}'@'%'`);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /laas-sync: not-migrated: the bookkeeping tables are missing .* the account may not create them \(error 1142\): run laas-sync migrate with an account that may/,
      ),
    });
    const daemon = await DaemonProcess.start(env);
    await eventually(async () => (await tables()).includes('sync_run'), {timeoutMs: 20_000});
    expect(await daemon.stop()).toBe(0);
  });
});
