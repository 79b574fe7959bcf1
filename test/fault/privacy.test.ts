/** No value of a row, no password and no token reaches a log, a metric, a table of ours or an answer (docs/invariants.md, 8). */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {SOURCE_DATABASE, startSource} from '../helpers/own-source.ts';
import {WIDE} from '../helpers/rule-rows.ts';
import {expectNothingTold} from '../helpers/secrets.ts';
import {connect} from '../servers/databases.ts';
import type {TestServer} from '../servers/server.ts';

const HEADERS = {authorization: 'Bearer secret-api-token'};

describeEachFlavour('the log of failing paths at LOG_LEVEL=trace', ({flavour, edition, server, target}) => {
  let own: TestServer;
  let stand: Stand;
  const account = `priv_${flavour}`;
  beforeAll(async () => {
    const connection = await connect(server);
    await connection.query(
      `CREATE USER '${account}'@'%' IDENTIFIED BY 'secret-db-word'; GRANT ALL ON ${target}.* TO '${account}'@'%'`,
    );
    await connection.end();
    own = await startSource({edition});
    stand = await Stand.open({
      source: {server: own, database: SOURCE_DATABASE},
      target: {server, database: target},
      schema: WIDE,
      env: {
        LOG_LEVEL: 'trace',
        SYNC_API_TOKEN: 'secret-api-token',
        SYNC_READ_TOKEN: 'secret-read-token',
        ORG_DB_USERNAME: account,
        ORG_DB_PASSWORD: 'secret-db-word',
      },
    });
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
    await own?.dispose();
    const connection = await connect(server);
    await connection.query(`DROP USER IF EXISTS '${account}'@'%'`);
    await connection.end();
  });

  const get = async (path: string) => (await fetch(stand.daemon.url + path, {headers: HEADERS})).text();
  const post = async (path: string, body?: string, headers: Record<string, string> = HEADERS) =>
    (
      await fetch(stand.daemon.url + path, {
        method: 'POST',
        headers: {...headers, 'content-type': 'application/json'},
        ...(body === undefined ? {} : {body}),
      })
    ).text();

  it('holds no value of a row, no password and no token', async () => {
    const bodies: string[] = [];
    const users = (id: number, email: string, name = 'Secretfirst', password = '$2b$10$SECRETHASH') =>
      stand.source.query(
        "INSERT INTO users (id, first_name, last_name, email, password) VALUES (?, ?, 'Secretlast', ?, ?)",
        [id, name, email, password],
      );
    await stand.target.query("ALTER TABLE user ADD CONSTRAINT c1 CHECK (name NOT LIKE 'Secretfirst Bad%')");
    await stand.target.query(
      "CREATE TRIGGER tell BEFORE INSERT ON institute FOR EACH ROW BEGIN DECLARE m TEXT; IF NEW.name LIKE '%told%' THEN SET m = CONCAT('no ', NEW.name); SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = m; END IF; END",
    );
    await stand.launch();
    await eventually(
      () => ['replication is streaming', 'http.listening'].every(each => stand.daemon.log().includes(each)),
      {timeoutMs: 30_000, what: 'streaming'},
    );
    // Refused rows of each kind.
    await stand.target.query(
      "INSERT INTO user (userId, name, email, password, createdAt, updatedAt) VALUES (99, 'Secretfirst', 'secret.mail99@x.test', 'SECRETHASH', '2020-01-01', '2020-01-01')",
    );
    await users(1, 'secret.mail1@x.test');
    await users(2, 'secret.mail-no-address');
    await users(3, 'secret.mail3@x.test', 'Secretfirst', '');
    await users(4, `secret.mail${'4'.repeat(300)}@x.test`);
    await users(5, 'secret.mail99@x.test');
    await users(6, 'secret.mail1@x.test');
    await users(7, 'secret.mail7@x.test', 'Secretfirst Bad');
    await users(8, 'secret.mail8@x.test', 'Secretfirst', `SECRETHASH${'x'.repeat(300)}`);
    await stand.source.query(
      "INSERT INTO institutes (id, name, imageUrl) VALUES (1, 'SecretInstitute', 'secretpicture'), (2, 'SecretInstitute told', 'secretpicture'), (3, REPEAT('SecretInstitute', 20), NULL)",
    );
    await stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type) VALUES (1, 1, 'admin')",
    );
    await eventually(async () => (await stand.letters()).length === 9, {what: 'the dead letters'}).catch(
      async error => {
        throw new Error(`${String(error)} ${JSON.stringify(await stand.letters())}`, {cause: error});
      },
    );
    // A statement in the log that holds values, and one that halts.
    const other = await connect(own, SOURCE_DATABASE);
    await other.query(
      "SET SESSION binlog_format = 'STATEMENT'; UPDATE users SET first_name = 'Secretfirst', last_name = 'Secretlast' WHERE id = 1",
    );
    await other.end();
    await stand.source.query(
      "ALTER TABLE users COMMENT 'Secretfirst', RENAME COLUMN first_name TO given_name",
    );
    await eventually(() => stand.daemon.log().includes('replication.halted'), {what: 'a halt'});
    bodies.push(await get('/sync/status'));
    await stand.source.query('ALTER TABLE users RENAME COLUMN given_name TO first_name');
    await eventually(() => stand.daemon.log().split('replication is streaming').length > 2, {
      timeoutMs: 20_000,
      what: 'streaming again',
    });
    // The target's tables do not fit, its rows are locked, its connections are killed.
    await stand.target.query('RENAME TABLE user_auth TO away');
    await users(20, 'secret.mail20@x.test');
    await eventually(async () => /target-incompatible|target-rejected/.test(await get('/sync/status')), {
      what: 'an unfit target',
    });
    bodies.push(await get('/sync/status'), await post('/sync/trigger', '{}'));
    await stand.target.query('RENAME TABLE away TO user_auth');
    const processes = await stand.targetRows('SELECT id FROM information_schema.processlist WHERE user = ?', [
      account,
    ]);
    for (const row of processes)
      await stand.target.query(`KILL ${String(row['id'] ?? row['ID'])}`).catch(() => undefined);
    await eventually(
      async () => (await stand.targetRows('SELECT 1 FROM user_auth WHERE userId = 20')).length === 1,
      {timeoutMs: 30_000, what: 'recovery'},
    );
    // A refusal that does not seem to be about a row, and quotes one.
    await stand.target.query(
      "CREATE TRIGGER stuck BEFORE INSERT ON user_auth FOR EACH ROW BEGIN DECLARE m TEXT; SET m = CONCAT('no ', NEW.password); SIGNAL SQLSTATE 'HY000' SET MESSAGE_TEXT = m; END",
    );
    await users(21, 'secret.mail21@x.test');
    await eventually(
      async () =>
        (
          await stand.targetRows(
            "SELECT 1 FROM sync_dead_letter WHERE target_table = 'user_auth' AND row_key = '21' AND code = 'rejected'",
          )
        ).length === 1,
      {what: 'the dead letter'},
    );
    bodies.push(await get('/sync/status'), await get('/sync/dead-letters'));
    await stand.target.query('DROP TRIGGER stuck');
    bodies.push(await post('/sync/dead-letters/retry', '{}'));
    await eventually(
      async () => (await stand.targetRows('SELECT 1 FROM user_auth WHERE userId = 21')).length === 1,
      {timeoutMs: 30_000, what: 'the row'},
    );
    // Answers, and requests that are wrong in many ways.
    for (const mode of ['diff', 'full']) bodies.push(await post('/sync/trigger', `{"mode":"${mode}"}`));
    bodies.push(await post('/sync/dead-letters/retry'), await post('/sync/verify'));
    bodies.push(
      await post('/sync/trigger', '{"mode":"secret.mail"}'.replace('secret.mail', 'other')),
      await post('/sync/trigger', '{"wait": broken'),
    );
    bodies.push(
      await post('/sync/trigger', '{}', {authorization: 'Bearer wrong-token-word'}),
      await post('/sync/trigger', '{}', {authorization: 'Basic wrong-token-word'}),
    );
    bodies.push(await (await fetch(`${stand.daemon.url}/sync/status?token=wrong-token-word`)).text());
    for (const path of [
      '/sync/status',
      '/sync/runs',
      '/sync/dead-letters',
      '/metrics',
      '/healthz',
      '/readyz',
      '/openapi.json',
      '/nowhere',
    ])
      bodies.push(await get(path));
    await expectNothingTold(stand, bodies);
    expect(await stand.daemon.stop()).toBe(0);
    expect(stand.daemon.log()).not.toContain('laas_test"');
  });
});
