/** Migrations as a user runs them: up, twice, down, beside what is there, and without the right to. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {cli, environment} from '../helpers/daemon.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {connect, query} from '../servers/databases.ts';

describeEachFlavour('migrate', ({server, source, target}) => {
  let connection: mysql.Connection;
  const env = environment({...server, database: source}, {...server, database: target});
  const tables = async () =>
    (await query(connection, 'SHOW TABLES')).map(row => String(Object.values(row)[0])).sort();
  const OURS = ['sync_checkpoint', 'sync_dead_letter', 'sync_owned', 'sync_run'];
  const THEIRS = ['institute', 'institute_users', 'user', 'user_auth'];

  beforeAll(async () => {
    connection = await connect(server, target);
  });
  afterAll(() => connection?.end());

  it('says in one line which right is missing', async () => {
    const name = `nobody_${target.slice(0, 12)}`;
    await connection.query(
      `CREATE USER '${name}'@'%' IDENTIFIED BY 'secret-of-nobody'; GRANT SELECT ON \`${target}\`.* TO '${name}'@'%'`,
    );
    const account = {...env, ORG_DB_USERNAME: name, ORG_DB_PASSWORD: 'secret-of-nobody', LOG_LEVEL: 'info'};
    const {code, stderr} = await cli(['migrate'], account);
    await connection.query(`DROP USER '${name}'@'%'`);
    expect(code).toBe(1);
    expect(stderr.trim()).toMatch(/^laas-sync: access-denied: the target refused .*\(error 1142\)$/);
    expect(await tables()).not.toContain('sync_checkpoint');
  });

  it('makes what is missing, beside what is there, twice over; and takes down only its own', async () => {
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
});
