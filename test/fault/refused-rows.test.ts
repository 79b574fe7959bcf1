/** A row that the target refuses for any reason becomes a dead letter, and every other row is written. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {Stand, SURROGATE} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {deleteObstacles, LONG_ID, obstacles, PACKET_BYTES, run} from '../helpers/obstacles.ts';
import {withConnection} from '../servers/databases.ts';
import {startServer, type TestServer} from '../servers/server.ts';

/** Enough rows that they are sent in bulk, if the server supports it. */
const GOOD = 300;
const SCHEMA = {
  surrogate: true,
  create: SURROGATE.create.replace('first_name VARCHAR(120)', 'first_name MEDIUMTEXT'),
};

describeEachFlavour('a row that the target refuses', ({flavour, edition, server, source}) => {
  const all = obstacles(flavour);
  const letters = all.map(({letter}) => letter).toSorted();
  const badIds = all.map(({id}) => id).join(', ');
  let own: TestServer;
  let stand: Stand;
  beforeAll(async () => {
    own = await startServer({edition, options: [`--max-allowed-packet=${PACKET_BYTES}`]});
    await withConnection(own, undefined, connection =>
      connection.query('CREATE DATABASE organizations CHARACTER SET utf8mb4'),
    );
    stand = await Stand.open({
      source: {server, database: source},
      target: {server: own, database: 'organizations'},
      schema: SCHEMA,
    });
    await stand.target.query('ALTER TABLE user MODIFY name MEDIUMTEXT NOT NULL');
    await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One')");
    const user = (id: string, name = "'First'") =>
      `SELECT ${id}, ${name}, CONCAT('n', ${id}, '@example.test'), 'p' FROM n`;
    await stand.source.query(
      `INSERT INTO users (id, first_name, email, password)
         WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < ${GOOD}) ${user('i')}`,
    );
    for (const {id} of all)
      await stand.source.query(
        'INSERT INTO users (id, first_name, email, password) VALUES (?, REPEAT(?, ?), ?, ?)',
        [id, 'n', id === LONG_ID ? 2 * PACKET_BYTES : 5, `n${id}@example.test`, 'p'],
      );
    await stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type, status) SELECT 1, id, 'student', 'active' FROM users",
    );
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
    await own?.dispose();
  });

  const put = async () => {
    for (const obstacle of all) await run(stand.target, obstacle.put);
  };
  /** All rows that nothing refuses are written, and all refused rows are listed. */
  const othersArrive = async (name: string) => {
    await stand.explained(
      expect.poll(async () => (await stand.letters()).toSorted(), {timeout: 30_000}).toEqual(letters),
    );
    for (const [table, and] of [
      ['user', `AND name LIKE '%${name}'`],
      ['user_auth', ''],
      ['institute_users', ''],
    ])
      expect(
        await stand.targetRows(`SELECT COUNT(*) AS n FROM ${table} WHERE userId <= ${GOOD} ${and}`),
      ).toEqual([{n: GOOD}]);
    const status = await stand.daemon.status();
    expect({state: status.replication.state, reasons: status.reasons}).toEqual({
      state: 'streaming',
      reasons: [],
    });
  };
  const heals = async () => {
    for (const obstacle of all.toReversed()) await run(stand.target, obstacle.takeAway);
    await stand.connect();
    const {body} = await stand.daemon.post('/sync/dead-letters/retry');
    expect(body).toMatchObject({retried: all.length, remaining: 0});
    await stand.equal();
    expect(await stand.letters()).toEqual([]);
  };

  it('#30 #40 costs a first load nothing but itself', async () => {
    await put();
    await stand.start();
    await stand.until('the load', ({lastRun}) => lastRun !== null && lastRun.state !== 'running', 60_000);
    expect((await stand.daemon.status()).lastRun?.state).toBe('succeeded');
    await othersArrive('First');
    await heals();
  });

  it('costs a reconcile nothing but itself', async () => {
    for (const table of ['user_auth', 'institute_users', 'user'])
      await stand.target.query(`DELETE FROM ${table}`);
    await put();
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff'})).status).toBe(200);
    await othersArrive('First');
    await heals();
  });

  it('#40 costs the stream nothing but itself', async () => {
    for (const table of ['user_auth', 'institute_users', 'user'])
      await stand.target.query(`DELETE FROM ${table} WHERE userId IN (${badIds})`);
    await put();
    await stand.source.query('START TRANSACTION');
    await stand.source.query("UPDATE users SET last_name = 'Streamed'");
    await stand.source.query("UPDATE institute_user SET status = 'inactive'");
    await stand.source.query('COMMIT');
    await stand.caughtUp();
    await othersArrive('Streamed');
    await heals();
  });

  it('does not affect other deletes if it must not be deleted', async () => {
    const kept = deleteObstacles();
    for (const obstacle of kept) await run(stand.target, obstacle.put);
    await stand.source.query('DELETE FROM users WHERE id BETWEEN 11 AND 40');
    await stand.source.query('DELETE FROM institute_user WHERE user_id BETWEEN 41 AND 50');
    await stand.caughtUp();
    const listed = await stand.letters();
    for (const {letter} of kept) expect(listed).toContain(letter);
    expect(
      await stand.targetRows('SELECT userId AS id FROM user WHERE userId BETWEEN 11 AND 40 ORDER BY 1'),
    ).toEqual(kept.map(({id}) => ({id})));
    expect((await stand.daemon.status()).reasons).toEqual([]);
    for (const obstacle of kept) await run(stand.target, obstacle.takeAway);
    expect((await stand.daemon.post('/sync/dead-letters/retry')).body).toMatchObject({remaining: 0});
    await stand.equal();
  });
});
