/** The rules of design.md §2 that only faults in the data show, through the built daemon. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {Stand, SURROGATE} from '../helpers/fault-stand.ts';
import {eventually} from '../helpers/eventually.ts';

/** Wide columns, so that what the target cannot hold can be said; addresses may repeat. */
const WIDE = {
  surrogate: true,
  create: SURROGATE.create
    .replace(', UNIQUE KEY email (email)', '')
    .replace('email VARCHAR(190)', 'email VARCHAR(400)')
    .replace('password VARCHAR(255)', 'password VARCHAR(400)')
    .replace('name VARCHAR(255)', 'name VARCHAR(400)'),
};

/** Tables of others that refer to ours. */
const FOREIGN_TABLES = `
CREATE TABLE badge (id INT PRIMARY KEY, userId BIGINT NOT NULL, FOREIGN KEY (userId) REFERENCES user (userId) ON DELETE CASCADE) ENGINE=InnoDB;
ALTER TABLE user ADD CONSTRAINT not_forbidden CHECK (name <> 'Forbidden');`;

describeEachFlavour('the rules of the data', ({server, source, target}) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      schema: WIDE,
      env: {USER_SYNC_BATCH_SIZE: '200'},
    });
    await stand.target.query(FOREIGN_TABLES);
    await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One'), (2, 'Two')");
    await stand.start();
    await stand.caughtUp();
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
  });

  const user = (
    id: string | number,
    email: string | null,
    more: {name?: string; password?: string; active?: number} = {},
  ) =>
    stand.source.query(
      'INSERT INTO users (id, first_name, email, password, is_active) VALUES (?, ?, ?, ?, ?)',
      [id, more.name ?? `User ${id}`, email, more.password ?? `pw-${id}`, more.active ?? 1],
    );
  const foreignUser = (id: number, email: string) =>
    stand.target.query(
      "INSERT INTO user (userId, name, email, password, createdAt, updatedAt) VALUES (?, 'Foreign', ?, 'theirs', '2020-01-01', '2020-01-01')",
      [id, email],
    );
  const member = (
    institute: number,
    userId: string | number,
    more: {role?: string; status?: string; updated?: string | null} = {},
  ) =>
    stand.source.query(
      'INSERT INTO institute_user (institute_id, user_id, role, status, updated_at) VALUES (?, ?, ?, ?, ?)',
      [institute, userId, more.role ?? 'student', more.status ?? 'active', more.updated ?? null],
    );
  const transaction = async (work: () => Promise<void>) => {
    await stand.source.query('START TRANSACTION');
    await work();
    await stand.source.query('COMMIT');
  };
  const emails = async (low: number, high: number) =>
    Object.fromEntries(
      (
        await stand.targetRows('SELECT userId, email FROM user WHERE userId BETWEEN ? AND ? ORDER BY 1', [
          low,
          high,
        ])
      ).map(row => [row['userId'], row['email']]),
    );
  const users = async (low: number, high: number) => ({
    user: (
      await stand.targetRows('SELECT userId FROM user WHERE userId BETWEEN ? AND ? ORDER BY 1', [low, high])
    ).map(row => Number(row['userId'])),
    auth: (
      await stand.targetRows('SELECT userId FROM user_auth WHERE userId BETWEEN ? AND ? ORDER BY 1', [
        low,
        high,
      ])
    ).map(row => Number(row['userId'])),
    memberships: (
      await stand.targetRows(
        'SELECT instituteId, userId, role FROM institute_users WHERE userId BETWEEN ? AND ? ORDER BY 1, 2',
        [low, high],
      )
    ).map(row => `${row['instituteId']}:${row['userId']} ${row['role']}`),
  });

  it('keeps rows that cannot be written as dead letters, without their values, and their neighbours unharmed', async () => {
    await foreignUser(99, 'taken@example.test');
    await transaction(async () => {
      await user(101, 'good-before@example.test');
      await user(102, 'value-of-no-address');
      await user(103, 'empty@example.test', {password: ''});
      await user(104, `${'long'.repeat(80)}@example.test`);
      await user('18446744073709551615', 'big@example.test');
      await user(105, 'taken@example.test');
      await user(106, 'forbidden@example.test', {name: 'Forbidden'});
      await user(107, 'good-after@example.test');
      await stand.source.query('INSERT INTO institutes (id, name) VALUES (9, ?)', ['wide'.repeat(99)]);
      for (const id of [101, 102, 105, 106, 107]) await member(1, id);
      await member(9, 101);
    });
    await stand.caughtUp();
    const letters = await stand.letters();
    expect(letters.map(letter => letter.replace(/error \d+/, 'error N'))).toEqual([
      'institute 9 value-too-long',
      'user 102 invalid-email',
      'user 103 invalid-password',
      'user 104 value-too-long',
      'user 105 unique-conflict 99',
      'user 106 rejected error N',
      'user 18446744073709551615 out-of-range',
    ]);
    expect(await users(100, 110)).toEqual({
      user: [101, 107],
      auth: [101, 107],
      memberships: ['1:101 STUDENT', '1:107 STUDENT'],
    });
    expect(await stand.targetRows('SELECT name, email, password FROM user WHERE userId = 99')).toEqual([
      {name: 'Foreign', email: 'taken@example.test', password: 'theirs'},
    ]);
    const shown = JSON.stringify([
      await stand.daemon.get('/sync/dead-letters'),
      await stand.targetRows('SELECT * FROM sync_dead_letter'),
    ]);
    expect(shown).not.toMatch(/@|value-of-no-address|longlong|widewide|Forbidden|pw-/);
    expect((await stand.daemon.status()).isHealthy).toBe(true);
    const {code, stdout} = await stand.cli(['verify', '--json']);
    expect({code, stdout}).toMatchObject({code: 0});
  });

  it('heals dead letters when their rows change, or leave', async () => {
    await transaction(async () => {
      await stand.source.query("UPDATE users SET email = 'now-good@example.test' WHERE id = 102");
      await stand.source.query("UPDATE users SET password = 'now-there' WHERE id = 103");
      await stand.source.query("UPDATE users SET email = 'short@example.test' WHERE id = 104");
      await stand.source.query("UPDATE users SET email = 'free@example.test' WHERE id = 105");
      await stand.source.query('UPDATE users SET is_active = 0 WHERE id = 106');
      await stand.source.query('DELETE FROM users WHERE id = 18446744073709551615');
      await stand.source.query("UPDATE institutes SET name = 'Nine' WHERE id = 9");
    });
    await stand.caughtUp();
    expect(await stand.letters()).toEqual([]);
    expect(await users(100, 110)).toEqual({
      user: [101, 102, 103, 104, 105, 107],
      auth: [101, 102, 103, 104, 105, 107],
      memberships: ['1:101 STUDENT', '1:102 STUDENT', '1:105 STUDENT', '1:107 STUDENT', '9:101 STUDENT'],
    });
  });

  it('heals a conflict with a foreign row on request, with dependants, once the value is free', async () => {
    await foreignUser(119, 'theirs@example.test');
    await user(111, 'theirs@example.test');
    await member(2, 111);
    await stand.caughtUp();
    expect(await stand.letters()).toEqual(['user 111 unique-conflict 119']);
    expect((await stand.daemon.post('/sync/dead-letters/retry')).body).toMatchObject({
      retried: 1,
      remaining: 1,
    });
    await stand.target.query("UPDATE user SET email = 'elsewhere@example.test' WHERE userId = 119");
    expect((await stand.daemon.post('/sync/dead-letters/retry')).body).toMatchObject({
      retried: 1,
      remaining: 0,
    });
    expect(await users(111, 111)).toEqual({user: [111], auth: [111], memberships: ['2:111 STUDENT']});
  });

  it('heals dead letters by a reconcile', async () => {
    await foreignUser(129, 'held@example.test');
    await user(121, 'held@example.test');
    await member(2, 121);
    await stand.source.query('INSERT INTO institutes (id, name) VALUES (10, ?)', ['w'.repeat(300)]);
    await member(10, 101);
    await stand.caughtUp();
    expect(await stand.letters()).toEqual(['institute 10 value-too-long', 'user 121 unique-conflict 129']);
    await stand.target.query('DELETE FROM user WHERE userId = 129');
    await stand.target.query('ALTER TABLE institute MODIFY name VARCHAR(400) NOT NULL');
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff'})).status).toBe(200);
    expect(await stand.letters()).toEqual([]);
    expect((await users(101, 101)).memberships).toEqual(['1:101 STUDENT', '9:101 STUDENT', '10:101 STUDENT']);
    expect(await users(121, 121)).toEqual({user: [121], auth: [121], memberships: ['2:121 STUDENT']});
  });

  it('leaves no placeholder where the server refuses a row whose address was on the move', async () => {
    for (const id of [281, 282, 283]) await user(id, `m${id}@example.test`);
    await stand.caughtUp();
    await stand.source.query(
      `UPDATE users SET first_name = IF(id = 282, 'Forbidden', first_name),
         email = CASE id WHEN 281 THEN 'm282@example.test' WHEN 282 THEN 'm281@example.test' ELSE 'new283@example.test' END
       WHERE id IN (281, 282, 283)`,
    );
    await stand.caughtUp();
    expect(await emails(281, 283)).toEqual({
      281: 'm281@example.test',
      282: 'm282@example.test',
      283: 'new283@example.test',
    });
    await stand.source.query("UPDATE users SET first_name = 'Allowed' WHERE id = 282");
    await stand.caughtUp();
    expect(await emails(281, 283)).toEqual({
      281: 'm282@example.test',
      282: 'm281@example.test',
      283: 'new283@example.test',
    });
    expect(await stand.letters()).toEqual([]);
  });

  it('moves addresses about: swapped, rotated, inherited, in one transaction and over many', async () => {
    for (const id of [201, 202, 203, 204, 205]) await user(id, `e${id}@example.test`);
    await stand.caughtUp();
    const set = (id: number, email: string) =>
      stand.source.query('UPDATE users SET email = ? WHERE id = ?', [email, id]);
    await transaction(async () => {
      await set(201, 'e202@example.test');
      await set(202, 'e201@example.test');
    });
    await stand.caughtUp();
    expect(await emails(201, 202)).toEqual({201: 'e202@example.test', 202: 'e201@example.test'});
    // One statement that turns three round, an heir of a deleted row, and one that inherits from an heir.
    await stand.source.query(
      "UPDATE users SET email = CASE id WHEN 203 THEN 'e204@example.test' WHEN 204 THEN 'e205@example.test' ELSE 'e203@example.test' END WHERE id IN (203, 204, 205)",
    );
    await transaction(async () => {
      await stand.source.query('DELETE FROM users WHERE id = 201');
      await user(206, 'e202@example.test');
    });
    await transaction(async () => {
      await set(206, 'other@example.test');
      await set(202, 'e202@example.test');
      await user(207, 'e201@example.test');
    });
    for (let round = 0; round < 30; round++) {
      const [a, b] = round % 2 === 0 ? ['x', 'y'] : ['y', 'x'];
      await set(203, `tmp${round}@example.test`);
      await set(204, `${a}@example.test`);
      await set(203, `${b}@example.test`);
    }
    await stand.caughtUp();
    expect(await emails(201, 207)).toEqual({
      202: 'e202@example.test',
      203: 'x@example.test',
      204: 'y@example.test',
      205: 'e203@example.test',
      206: 'other@example.test',
      207: 'e201@example.test',
    });
    expect(await stand.letters()).toEqual([]);
  });

  it('turns the addresses of very many rows round, whatever the size of a batch, in the stream and in a reconcile', async () => {
    const count = 3000;
    const turn = (by: number) =>
      stand.source.query(
        `UPDATE users SET email = CONCAT('r', MOD(id + ${by}, ${count}), '@example.test') WHERE id BETWEEN 20001 AND ${20000 + count}`,
      );
    const wrong = async () =>
      (
        await stand.targetRows(
          `SELECT COUNT(*) AS n FROM \`${target}\`.user t JOIN \`${source}\`.users s ON s.id = t.userId AND BINARY s.email = BINARY t.email WHERE t.userId BETWEEN 20001 AND ${20000 + count}`,
        )
      )[0]?.['n'];
    await stand.source.query(
      `INSERT INTO users (id, first_name, email, password) WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT 20000 + i + 1000 * k, 'R', CONCAT('first', i, '.', k, '@example.test'), 'p' FROM n, (SELECT 0 k UNION SELECT 1 UNION SELECT 2) ks`,
    );
    for (const by of [0, 1, 7]) {
      await turn(by);
      await stand.caughtUp();
      expect(await stand.letters()).toEqual([]);
      expect(await wrong()).toBe(count);
    }
    await stand.daemon.post('/replication/pause');
    await turn(11);
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff'})).body).toMatchObject({success: true});
    expect(await stand.letters()).toEqual([]);
    expect(await wrong()).toBe(count);
    await stand.daemon.post('/replication/resume');
    await stand.source.query('DELETE FROM users WHERE id BETWEEN 20001 AND 30000');
    await stand.caughtUp();
    expect(await stand.letters()).toEqual([]);
  });

  it('lets the first of two rows keep an address that differs by case, and the second have it when it is free', async () => {
    await user(221, 'Same@example.test');
    await user(222, 'same@EXAMPLE.test');
    await member(1, 222);
    await stand.caughtUp();
    expect(await stand.letters()).toEqual(['user 222 unique-conflict 221']);
    expect(await emails(221, 222)).toEqual({221: 'Same@example.test'});
    expect((await stand.daemon.post('/sync/trigger', {mode: 'full'})).status).toBe(200);
    expect(await stand.letters()).toEqual(['user 222 unique-conflict 221']);
    expect(await emails(221, 222)).toEqual({221: 'Same@example.test'});
    await stand.source.query('DELETE FROM users WHERE id = 221');
    await stand.caughtUp();
    await eventually(async () => (await stand.letters()).length === 0, {what: 'the heir'});
    expect(await users(221, 222)).toEqual({user: [222], auth: [222], memberships: ['1:222 STUDENT']});
    expect(await emails(221, 222)).toEqual({222: 'same@EXAMPLE.test'});
  });

  it('never touches foreign rows, and adopts one that the source has too', async () => {
    await foreignUser(301, 'foreign301@example.test');
    await foreignUser(302, 'foreign302@example.test');
    await stand.target.query(
      "INSERT INTO institute (instituteId, name, createdAt, updatedAt) VALUES (30, 'Theirs', '2020-01-01', '2020-01-01')",
    );
    await user(301, 'ours301@example.test');
    await stand.caughtUp();
    for (const mode of ['diff', 'full'])
      expect((await stand.daemon.post('/sync/trigger', {mode, allowDeletes: true})).status).toBe(200);
    expect(await emails(301, 302)).toEqual({301: 'ours301@example.test', 302: 'foreign302@example.test'});
    await stand.source.query('DELETE FROM users WHERE id = 301');
    // A key that only others have: its delete at the source is no business of theirs.
    await user(302, 'foreign302@example.test', {active: 0});
    await stand.source.query('DELETE FROM users WHERE id = 302');
    await stand.caughtUp();
    expect(await emails(301, 302)).toEqual({302: 'foreign302@example.test'});
    expect(await stand.targetRows('SELECT name FROM institute WHERE instituteId = 30')).toEqual([
      {name: 'Theirs'},
    ]);
  });

  it('keeps a row that foreign rows refer to, and deletes it once they are gone', async () => {
    await user(401, 'kept401@example.test');
    await user(402, 'kept402@example.test');
    await member(1, 401);
    await stand.caughtUp();
    await stand.target.query(
      "INSERT INTO institute_users (instituteId, userId, role, isActive, createdAt, updatedAt) VALUES (30, 401, 'ADMIN', 1, '2020-01-01', '2020-01-01')",
    );
    await stand.target.query('INSERT INTO badge VALUES (1, 402)');
    await stand.source.query('DELETE FROM users WHERE id IN (401, 402)');
    await stand.caughtUp();
    expect(await stand.letters()).toEqual([
      'user 401 delete-blocked institute_users',
      'user 402 delete-blocked badge',
    ]);
    expect((await users(401, 402)).memberships).toEqual(['30:401 ADMIN']);
    expect(await stand.targetRows('SELECT id FROM badge')).toEqual([{id: 1}]);
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff', allowDeletes: true})).status).toBe(200);
    expect(await stand.targetRows('SELECT id FROM badge')).toEqual([{id: 1}]);
    await stand.target.query('DELETE FROM badge');
    await stand.target.query('DELETE FROM institute_users WHERE instituteId = 30');
    expect((await stand.daemon.post('/sync/dead-letters/retry')).body).toMatchObject({remaining: 0});
    expect(await users(401, 402)).toEqual({user: [], auth: [], memberships: []});
  });

  it('lets the right one of several source rows count for a membership, and the next when it goes', async () => {
    await user(501, 'many@example.test');
    await member(1, 501, {role: 'admin', status: 'inactive', updated: '2024-06-01 00:00:00'});
    await member(1, 501, {role: 'teacher', updated: '2024-01-01 00:00:00'});
    await member(1, 501, {role: 'staff', updated: '2024-02-01 00:00:00'});
    await member(1, 501, {role: 'director', updated: '2024-02-01 00:00:00'});
    await member(1, 501, {role: 'student', updated: null});
    const expected = ['DIRECTOR', 'STAFF', 'FACULTY', 'STUDENT', 'ADMIN'];
    const role = async () => (await users(501, 501)).memberships[0]?.split(' ')[1];
    for (const [i, wanted] of expected.entries()) {
      await stand.caughtUp();
      expect(await role()).toBe(wanted);
      const name = ['director', 'staff', 'teacher', 'student', 'admin'][i];
      await stand.source.query('DELETE FROM institute_user WHERE user_id = 501 AND role = ?', [name]);
    }
    await stand.caughtUp();
    expect(await role()).toBeUndefined();
  });

  it('brings along, takes away and moves what hangs on users and institutes', async () => {
    await stand.source.query("INSERT INTO institutes (id, name) VALUES (60, 'Sixty'), (61, NULL)");
    await user(601, 'in@example.test', {active: 0});
    await user(602, 'stays@example.test');
    for (const [institute, id] of [
      [60, 601],
      [61, 601],
      [60, 602],
      [61, 602],
    ] as const)
      await member(institute, id);
    await stand.caughtUp();
    expect(await users(601, 602)).toEqual({user: [602], auth: [602], memberships: ['60:602 STUDENT']});
    await stand.source.query('UPDATE users SET is_active = 1 WHERE id = 601');
    await stand.source.query("UPDATE institutes SET name = 'Sixty-one' WHERE id = 61");
    await stand.caughtUp();
    expect((await users(601, 602)).memberships).toEqual([
      '60:601 STUDENT',
      '60:602 STUDENT',
      '61:601 STUDENT',
      '61:602 STUDENT',
    ]);
    await stand.source.query('UPDATE users SET email = NULL WHERE id = 602');
    await stand.source.query('UPDATE institutes SET name = NULL WHERE id = 60');
    await stand.caughtUp();
    expect(await users(601, 602)).toEqual({user: [601], auth: [601], memberships: ['61:601 STUDENT']});
    await stand.source.query('UPDATE users SET id = 603 WHERE id = 601');
    await stand.source.query('UPDATE institutes SET id = 63 WHERE id = 61');
    await stand.caughtUp();
    expect(await users(601, 603)).toEqual({user: [603], auth: [603], memberships: ['63:603 STUDENT']});
    await stand.source.query('DELETE FROM institutes WHERE id = 63');
    await stand.caughtUp();
    expect(await users(601, 603)).toEqual({user: [603], auth: [603], memberships: []});
  });

  it('keeps ids exact to 64 bits', async () => {
    await user('9007199254740993', 'odd@example.test');
    await user('9223372036854775807', 'last@example.test');
    await member(1, '9007199254740993');
    await stand.caughtUp();
    const found = await stand.targetRows(
      'SELECT CAST(u.userId AS CHAR) id, u.email, CAST(m.userId AS CHAR) belongs FROM user u LEFT JOIN institute_users m USING (userId) WHERE u.userId > 9000000000000000 ORDER BY u.userId',
    );
    expect(found).toEqual([
      {id: '9007199254740993', email: 'odd@example.test', belongs: '9007199254740993'},
      {id: '9223372036854775807', email: 'last@example.test', belongs: null},
    ]);
    await stand.source.query('DELETE FROM users WHERE id > 9000000000000000');
    await stand.caughtUp();
    expect(await stand.targetRows('SELECT userId FROM user WHERE userId > 9000000000000000')).toEqual([]);
  });

  it('asks before it deletes very many rows, and deletes them when it may', async () => {
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) WITH RECURSIVE n AS (SELECT 7001 i UNION ALL SELECT i + 1 FROM n WHERE i < 7200) SELECT i, 'N', CONCAT('n', i, '@example.test'), 'p' FROM n",
    );
    await stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, role, status) SELECT 1, id, 'student', 'active' FROM users WHERE id BETWEEN 7001 AND 7200",
    );
    await stand.caughtUp();
    expect((await users(7001, 7200)).memberships).toHaveLength(200);
    const since = Date.now() - 1000;
    await stand.source.query('TRUNCATE institute_user');
    expect(await stand.recovery(since)).toMatchObject({state: 'needs-confirmation'});
    expect((await users(7001, 7200)).memberships).toHaveLength(200);
    const status = await stand.until('a reason', ({reasons}) =>
      reasons.some(reason => reason.includes('confirmation')),
    );
    expect(status.isHealthy).toBe(false);
    // The rest goes on meanwhile.
    await stand.source.query("UPDATE users SET first_name = 'Later' WHERE id = 7001");
    await stand.caughtUp();
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff', allowDeletes: true})).body).toMatchObject(
      {success: true},
    );
    expect(await stand.targetRows('SELECT COUNT(*) n FROM institute_users')).toEqual([{n: 0}]);
    await stand.until('health', ({isHealthy}) => isHealthy);
  });
});

describe('what an operator may choose', () => {
  describeEachFlavour('SYNC_DELETES=keep and SYNC_CONFLICTS=newest', ({server, source, target}) => {
    let stand: Stand;
    beforeAll(async () => {
      stand = await Stand.open({
        source: {server, database: source},
        target: {server, database: target},
        env: {SYNC_DELETES: 'keep', SYNC_CONFLICTS: 'newest'},
      });
      await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One')");
      await stand.source.query(
        "INSERT INTO users (id, first_name, email, password, updated_at) VALUES (1, 'A', 'a@example.test', 'p', '2024-01-01'), (2, 'B', 'b@example.test', 'p', '2024-01-01'), (3, 'C', 'c@example.test', 'p', '2024-01-01')",
      );
      await stand.source.query(
        'INSERT INTO institute_user (institute_id, user_id) VALUES (1, 1), (1, 2), (1, 3)',
      );
      await stand.start();
      await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
    });
    afterAll(async () => {
      await stand?.[Symbol.asyncDispose]();
    });
    const names = async () =>
      (await stand.targetRows('SELECT name FROM user ORDER BY userId')).map(row => row['name']);

    it('keeps a later edit of the target, and overwrites an earlier one', async () => {
      await stand.target.query("UPDATE user SET name = 'Later', updatedAt = '2025-01-01' WHERE userId = 1");
      await stand.target.query("UPDATE user SET name = 'Earlier', updatedAt = '2023-01-01' WHERE userId = 2");
      for (const mode of ['diff', 'full'])
        expect((await stand.daemon.post('/sync/trigger', {mode})).status).toBe(200);
      expect(await names()).toEqual(['Later', 'B', 'C']);
      await stand.source.query("UPDATE users SET first_name = 'A2', updated_at = '2024-06-01' WHERE id = 1");
      await stand.source.query("UPDATE users SET first_name = 'B2', updated_at = '2024-06-01' WHERE id = 2");
      // Not through marks: nothing is ever deleted here.
      await eventually(async () => (await names())[1] === 'B2', {what: 'the update'});
      expect(await names()).toEqual(['Later', 'B2', 'C']);
      await stand.source.query("UPDATE users SET first_name = 'A3', updated_at = '2026-01-01' WHERE id = 1");
      await eventually(async () => (await names())[0] === 'A3', {what: 'the newer update'});
    });

    it('never deletes', async () => {
      await stand.source.query('DELETE FROM users WHERE id = 1');
      await stand.source.query('UPDATE users SET is_active = 0 WHERE id = 2');
      await stand.source.query('DELETE FROM institute_user WHERE user_id = 3');
      await stand.source.query(
        "UPDATE users SET first_name = 'Last', updated_at = '2026-01-01' WHERE id = 3",
      );
      await eventually(async () => (await names())[2] === 'Last', {what: 'the update'});
      for (const mode of ['diff', 'full'])
        expect((await stand.daemon.post('/sync/trigger', {mode, allowDeletes: true})).status).toBe(200);
      expect(await names()).toHaveLength(3);
      expect(await stand.targetRows('SELECT userId FROM institute_users')).toHaveLength(3);
      expect(await stand.targetRows('SELECT userId FROM user_auth')).toHaveLength(3);
    });
  });
});
