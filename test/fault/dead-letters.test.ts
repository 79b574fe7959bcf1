/**
 * Rows that cannot be written wait as dead letters without their values, until they can be written or are
 * deleted (docs/rules.md, Dead letters).
 */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import type {Stand} from '../helpers/fault-stand.ts';
import {openRuleStand, rowsOf} from '../helpers/rule-rows.ts';

describeEachFlavour('dead letters', ({server, source, target}) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await openRuleStand(
      {server, source, target},
      "ALTER TABLE user ADD CONSTRAINT not_forbidden CHECK (name <> 'Forbidden')",
    );
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
  });
  const {user, foreignUser, member, transaction, emails, users} = rowsOf(() => stand);

  it('keeps rows that cannot be written as dead letters, without their values', async () => {
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

  it('removes dead letters when their rows are corrected, or leave', async () => {
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

  it('removes a conflict with a foreign row on request, once the value is free', async () => {
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

  it('removes dead letters by a reconcile', async () => {
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

  it('removes them with a membership that could not be changed and is deleted', async () => {
    await user(131, 'member131@example.test');
    await member(1, 131);
    await stand.caughtUp();
    await stand.target.query(
      "ALTER TABLE institute_users ADD CONSTRAINT no_director CHECK (role <> 'DIRECTOR' OR userId <> 131)",
    );
    await stand.source.query("UPDATE institute_user SET user_type = 'director' WHERE user_id = 131");
    await stand.caughtUp();
    expect(await stand.letters()).toEqual([expect.stringMatching('institute_users 1:131 rejected')]);
    await stand.source.query('DELETE FROM institute_user WHERE user_id = 131');
    await stand.caughtUp();
    expect((await users(131, 131)).memberships).toEqual([]);
    expect(await stand.letters()).toEqual([]);
  });

  it('are not counted as repaired, nor are the rows that wait with them', async () => {
    await foreignUser(149, 'held149@example.test');
    await user(141, 'held149@example.test');
    await stand.caughtUp();
    await stand.target.query(
      "UPDATE user SET name = 'Drifted' WHERE userId = 101; DELETE FROM user_auth WHERE userId = 101",
    );
    const [row] = await stand.sourceRows('SELECT COUNT(*) AS n FROM users WHERE is_active = 1');
    const compared = Number(row?.['n']) - 1;
    const {stdout} = await stand.cli(['verify', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      tables: {user: {compared, different: 1, deadLetters: 1}, user_auth: {compared, missing: 1}},
    });
    for (const mode of ['full', 'diff'])
      expect((await stand.daemon.post('/sync/trigger', {mode})).body).toMatchObject({
        tables: {
          user: {compared, repaired: mode === 'full' ? 1 : 0},
          user_auth: {compared, repaired: mode === 'full' ? 1 : 0},
        },
      });
    await stand.source.query('DELETE FROM users WHERE id = 141');
    await stand.caughtUp();
  });

  it('leaves no placeholder if the server refuses a row whose address was moving', async () => {
    for (const id of [281, 282, 283]) await user(id, `m${id}@example.test`);
    await stand.caughtUp();
    await stand.source.query(
      `UPDATE users SET first_name = IF(id = 282, 'Forbidden', first_name),
         email = CASE id WHEN 281 THEN 'm282@example.test' WHEN 282 THEN 'm281@example.test' ELSE 'new283@example.test' END
       WHERE id IN (281, 282, 283)`,
    );
    await stand.caughtUp();
    // The refused row is stale, and gives way to the one that wants its address.
    expect(await emails(281, 283)).toEqual({281: 'm282@example.test', 283: 'new283@example.test'});
    expect((await stand.letters()).map(letter => letter.slice(0, 17))).toEqual(['user 282 rejected']);
    await stand.source.query("UPDATE users SET first_name = 'Allowed' WHERE id = 282");
    await stand.caughtUp();
    expect(await emails(281, 283)).toEqual({
      281: 'm282@example.test',
      282: 'm281@example.test',
      283: 'new283@example.test',
    });
    expect(await stand.letters()).toEqual([]);
  });

  it('are removed by a reconcile if their rows are on neither side', async () => {
    await stand.target.query(
      `INSERT INTO sync_dead_letter (stream, target_table, row_key, code, position, first_seen_at, last_seen_at, attempts)
         VALUES ('default', 'user', '190', 'invalid-email', '', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), 1)`,
    );
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff'})).status).toBe(200);
    expect(await stand.letters()).toEqual([]);
  });
});
