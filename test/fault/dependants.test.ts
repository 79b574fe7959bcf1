/**
 * Memberships and auth rows enter, leave and move with their users and institutes (docs/rules.md, Rows that
 * enter or leave).
 */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import type {Stand} from '../helpers/fault-stand.ts';
import {openRuleStand, rowsOf} from '../helpers/rule-rows.ts';

describeEachFlavour('dependants', ({server, source, target}) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await openRuleStand({server, source, target});
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
  });
  const {user, member, users} = rowsOf(() => stand);

  it('of several source rows for one membership count in turn as rows are deleted', async () => {
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
      await stand.source.query('DELETE FROM institute_user WHERE user_id = 501 AND user_type = ?', [name]);
    }
    await stand.caughtUp();
    expect(await role()).toBeUndefined();
  });

  it('#2 live and die with their parents, whether or not cascades are in the log', async () => {
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

  it('have ids exact to 64 bits', async () => {
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
});
