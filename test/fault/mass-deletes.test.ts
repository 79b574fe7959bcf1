/** Mass deletes need a confirmation (docs/rules.md, Mass deletes). */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import type {Stand} from '../helpers/fault-stand.ts';
import {openRuleStand, rowsOf} from '../helpers/rule-rows.ts';

describeEachFlavour('very many deletes', ({server, source, target}) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await openRuleStand({server, source, target});
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
  });
  const {users} = rowsOf(() => stand);

  it('#20 that a TRUNCATE causes wait for a confirmation', async () => {
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) WITH RECURSIVE n AS (SELECT 7001 i UNION ALL SELECT i + 1 FROM n WHERE i < 7200) SELECT i, 'N', CONCAT('n', i, '@example.test'), 'p' FROM n",
    );
    await stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type, status) SELECT 1, id, 'student', 'active' FROM users WHERE id BETWEEN 7001 AND 7200",
    );
    await stand.caughtUp();
    expect((await users(7001, 7200)).memberships).toHaveLength(200);
    await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
    const since = Date.now();
    await stand.source.query('TRUNCATE institute_user');
    expect(await stand.recovery(since)).toMatchObject({state: 'needs-confirmation'});
    expect((await users(7001, 7200)).memberships).toHaveLength(200);
    const status = await stand.until('a reason', ({reasons}) =>
      reasons.some(reason => reason.includes('confirmation')),
    );
    expect(status.isHealthy).toBe(false);
    const {items} = (await stand.daemon.get('/sync/runs')) as {items: Record<string, unknown>[]};
    expect(items[0]).toMatchObject({
      state: 'needs-confirmation',
      error: expect.stringMatching(/200 of institute_users/),
    });
    expect(await stand.daemon.get(`/sync/runs/${String(items[0]?.['runId'])}`)).toMatchObject({
      state: 'needs-confirmation',
    });
    // The stream continues meanwhile.
    await stand.source.query("UPDATE users SET first_name = 'Later' WHERE id = 7001");
    await stand.caughtUp();
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff', allowDeletes: true})).body).toMatchObject(
      {success: true},
    );
    expect(await stand.targetRows('SELECT COUNT(*) n FROM institute_users')).toEqual([{n: 0}]);
    await stand.until('health', ({isHealthy}) => isHealthy);
  });

  it('are those above both the ratio and a hundred', async () => {
    await stand.daemon.stop();
    const fill = (from: number, count: number) =>
      stand.source.query(
        `INSERT INTO users (id, first_name, email, password) WITH RECURSIVE n AS (SELECT ${from} i UNION ALL SELECT i + 1 FROM n WHERE i < ${from + count - 1}) SELECT i, 'B', CONCAT('b', i, '@example.test'), 'p' FROM n`,
      );
    const drop = (count: number) => stand.source.query(`DELETE FROM users ORDER BY id LIMIT ${count}`);
    const sync = async (...args: string[]) => {
      const result = await stand.cli(['sync', ...args]);
      const [run] = await stand.targetRows('SELECT state FROM sync_run ORDER BY started_at DESC LIMIT 1');
      const [left] = await stand.targetRows('SELECT COUNT(*) n FROM user');
      return {state: run?.['state'], left: left?.['n'], code: result.code};
    };
    await stand.source.query('DELETE FROM users');
    await fill(1, 505);
    expect(await sync('--allow-deletes')).toMatchObject({state: 'succeeded', left: 505});
    await drop(101); // a fifth exactly
    expect(await sync()).toMatchObject({state: 'succeeded', left: 404});
    await drop(100); // more than a fifth, and not more than a hundred
    expect(await sync()).toMatchObject({state: 'succeeded', left: 304});
    await fill(1001, 200);
    expect(await sync()).toMatchObject({state: 'succeeded', left: 504});
    await drop(101); // just above a fifth, and more than a hundred
    expect(await sync()).toMatchObject({state: 'needs-confirmation', left: 504});
    expect(await sync('--allow-deletes')).toMatchObject({state: 'succeeded', left: 403, code: 0});
  });

  it('are in the JSON of a run, which has the fields of the API and no others', async () => {
    const {stdout} = await stand.cli(['sync', '--json']);
    expect(Object.keys(Object(JSON.parse(stdout)))).toEqual([
      'runId',
      'trigger',
      'mode',
      'state',
      'startedAt',
      'endedAt',
      'durationMs',
      'tables',
      'error',
    ]);
  });
});
