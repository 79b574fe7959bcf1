/** Rows that a run deletes are counted when they are deleted, and so are their dependants. */
import {afterEach, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {untilWaiting} from '../helpers/lock-waits.ts';
import {WIDE} from '../helpers/rule-rows.ts';
import {connect, emptyDatabases, query} from '../servers/databases.ts';

describeEachFlavour('#41 The brake on mass deletes', ({server, source, target}) => {
  let stand: Stand | undefined;
  afterEach(async () => {
    await stand?.[Symbol.asyncDispose]();
    stand = undefined;
    await emptyDatabases(server, source, target);
  });
  const open = async (batchRows: number): Promise<Stand> => {
    const opened = (stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      schema: WIDE,
      env: {USER_SYNC_BATCH_SIZE: String(batchRows)},
    }));
    await opened.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One'), (2, 'Two')");
    await opened.source.query(
      "INSERT INTO users (id, first_name, email, password) WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, 'N', CONCAT('n', i, '@example.test'), 'p' FROM n",
    );
    await opened.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type, status) SELECT IF(id <= 300, 1, 2), id, 'student', 'active' FROM users WHERE id <= 400",
    );
    await opened.start();
    await opened.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
    await opened.daemon.post('/replication/pause', {});
    return opened;
  };
  const left = async (of: Stand, table: string) =>
    Number((await of.targetRows(`SELECT COUNT(*) n FROM ${table}`))[0]?.['n']);

  it.each([1000, 50])(
    'counts rows that leave the source between its two passes, in batches of %i',
    async batchRows => {
      const opened = await open(batchRows);
      // Few rows, in many ranges: the second pass reads only these ranges.
      await opened.source.query('DELETE FROM institute_user WHERE user_id % 100 = 1');
      await opened.source.query('DELETE FROM users WHERE id % 100 = 1');
      // The memberships are walked last: when the first pass writes the last of them, it has read all of the
      // source.
      await opened.target.query("UPDATE institute_users SET role = 'ADMIN' WHERE userId = 400");
      const holder = await connect(server, target);
      await holder.query('START TRANSACTION; SELECT 1 FROM institute_users WHERE userId = 400 FOR UPDATE');
      const run = opened.daemon.post('/sync/trigger', {mode: 'diff'});
      await untilWaiting(opened.target, async id => {
        const of = 'SELECT 1 FROM information_schema.processlist WHERE id = ? AND db = ?';
        return (await query(opened.target, of, [id, target])).length === 1;
      });
      await opened.source.query('TRUNCATE institute_user');
      await opened.source.query('DELETE FROM users');
      await holder.query('COMMIT');
      await holder.end();
      expect((await run).body).toMatchObject({success: false, state: 'needs-confirmation'});
      // A fifth of the rows at most.
      expect(await left(opened, 'user')).toBeGreaterThanOrEqual(720);
      expect(await left(opened, 'institute_users')).toBeGreaterThanOrEqual(300);
      expect((await opened.daemon.post('/sync/trigger', {allowDeletes: true})).body).toMatchObject({
        success: true,
      });
      expect(await left(opened, 'user')).toBe(0);
    },
  );

  it('counts the memberships that are deleted with an institute', async () => {
    const opened = await open(1000);
    await opened.source.query('UPDATE institutes SET name = NULL WHERE id = 1').catch(async () => {
      await opened.source.query('ALTER TABLE institutes MODIFY name VARCHAR(255) NULL');
      await opened.source.query('UPDATE institutes SET name = NULL WHERE id = 1');
    });
    expect((await opened.daemon.post('/sync/trigger', {mode: 'diff'})).body).toMatchObject({
      success: false,
      state: 'needs-confirmation',
      message: expect.stringContaining('300 of institute_users'),
    });
    expect(await left(opened, 'institute_users')).toBe(400);
  });

  it('counts the memberships that are deleted with users', async () => {
    const opened = await open(1000);
    await opened.source.query('UPDATE users SET is_active = 0 WHERE id BETWEEN 201 AND 330');
    expect((await opened.daemon.post('/sync/trigger', {mode: 'diff'})).body).toMatchObject({
      success: false,
      state: 'needs-confirmation',
      message: expect.stringContaining('130 of institute_users'),
    });
    expect([await left(opened, 'user'), await left(opened, 'institute_users')]).toEqual([900, 400]);
  });

  it('deletes a user_auth row whose user is missing on both sides', async () => {
    const opened = await open(1000);
    await opened.source.query(
      'DELETE FROM institute_user WHERE user_id = 900; DELETE FROM users WHERE id = 900',
    );
    await opened.target.query(
      'SET FOREIGN_KEY_CHECKS = 0; DELETE FROM user WHERE userId = 900; SET FOREIGN_KEY_CHECKS = 1',
    );
    const {body} = await opened.daemon.post('/sync/trigger', {mode: 'diff'});
    expect(body, opened.logText()).toMatchObject({success: true, tables: {user_auth: {deleted: 1}}});
    expect(await opened.targetRows('SELECT 1 FROM user_auth WHERE userId = 900')).toEqual([]);
  });
});
