/** The choices of an operator: which side wins a conflict, and whether rows are deleted. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {eventually} from '../helpers/eventually.ts';

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
    // Without caughtUp(): its mark would never be deleted here.
    await eventually(async () => (await names())[1] === 'B2', {what: 'the update'});
    expect(await names()).toEqual(['Later', 'B2', 'C']);
    await stand.source.query("UPDATE users SET first_name = 'A3', updated_at = '2026-01-01' WHERE id = 1");
    await eventually(async () => (await names())[0] === 'A3', {what: 'the newer update'});
  });

  it('lets the source win at equal times, fractional seconds included', async () => {
    await stand.target.query("UPDATE user SET name = 'Same', updatedAt = '2024-01-01' WHERE userId = 3");
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff'})).status).toBe(200);
    expect((await names())[2]).toBe('C');
    await stand.target.query(
      "UPDATE user SET name = 'Later', updatedAt = '2024-01-01 00:00:00.001' WHERE userId = 3",
    );
    for (const mode of ['diff', 'full'])
      expect((await stand.daemon.post('/sync/trigger', {mode})).status).toBe(200);
    expect((await names())[2]).toBe('Later');
    await stand.source.query(
      "UPDATE users SET first_name = 'C2', updated_at = '2024-01-01 00:00:01' WHERE id = 3",
    );
    await eventually(async () => (await names())[2] === 'C2', {what: 'the newer update'});
  });

  it('keeps the old row, with its unique values, if a key changes', async () => {
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password, updated_at) VALUES (10, 'Ten', 'ten@example.test', 'p', '2024-01-01'), (11, 'Eleven', 'eleven@example.test', 'p', '2024-01-01')",
    );
    await eventually(async () => (await names()).length === 5, {what: 'the rows'});
    await stand.source.query("UPDATE users SET id = 12, email = 'twelve@example.test' WHERE id = 10");
    await stand.source.query('UPDATE users SET id = 13 WHERE id = 11');
    await eventually(async () => (await names()).length === 6, {what: 'the row under its new key'});
    await eventually(async () => (await stand.letters()).length === 1, {what: 'the dead letter'});
    // The kept row keeps the address.
    expect(await stand.letters()).toEqual(['user 13 unique-conflict 11']);
    expect(await stand.targetRows('SELECT userId, email FROM user WHERE userId >= 10 ORDER BY 1')).toEqual([
      {userId: 10, email: 'ten@example.test'},
      {userId: 11, email: 'eleven@example.test'},
      {userId: 12, email: 'twelve@example.test'},
    ]);
    await stand.source.query('DELETE FROM users WHERE id IN (12, 13)');
    await eventually(async () => (await stand.letters()).length === 0, {what: 'the end of the dead letter'});
    await stand.target.query('DELETE FROM user_auth WHERE userId >= 10; DELETE FROM user WHERE userId >= 10');
  });

  it('never deletes', async () => {
    await stand.source.query('DELETE FROM users WHERE id = 1');
    await stand.source.query('UPDATE users SET is_active = 0 WHERE id = 2');
    await stand.source.query('DELETE FROM institute_user WHERE user_id = 3');
    await stand.source.query("UPDATE users SET first_name = 'Last', updated_at = '2026-01-01' WHERE id = 3");
    await eventually(async () => (await names())[2] === 'Last', {what: 'the update'});
    for (const mode of ['diff', 'full'])
      expect((await stand.daemon.post('/sync/trigger', {mode, allowDeletes: true})).status).toBe(200);
    expect(await names()).toHaveLength(3);
    expect(await stand.targetRows('SELECT userId FROM institute_users')).toHaveLength(3);
    expect(await stand.targetRows('SELECT userId FROM user_auth')).toHaveLength(3);
  });

  it('counts rows that it keeps apart, and reports no drift for them', async () => {
    const kept = {institute: {kept: 0}, user: {kept: 2}, institute_users: {kept: 2}, user_auth: {kept: 2}};
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff'})).body).toMatchObject({tables: kept});
    const {code, stdout} = await stand.cli(['verify', '--json']);
    expect({code, ...(JSON.parse(stdout) as object)}).toMatchObject({
      code: 0,
      equal: true,
      tables: {...kept, user: {kept: 2, extra: 0, foreign: 0}},
    });
  });

  it('drops the dead letter of a row that left the source, and keeps the row', async () => {
    await stand.source.query("UPDATE users SET email = 'no address', updated_at = '2027-01-01' WHERE id = 3");
    await eventually(async () => (await stand.letters()).length === 1, {what: 'the dead letter'});
    await stand.source.query('DELETE FROM users WHERE id = 3');
    await eventually(async () => (await stand.letters()).length === 0, {what: 'the end of the dead letter'});
    expect(await names()).toHaveLength(3);
  });
});
