/**
 * Bookkeeping tables that somebody drops or empties while the daemon runs: `migrate` creates them again, and no
 * row is lost.
 */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {rowsOf, WIDE} from '../helpers/rule-rows.ts';
import {migrate} from '../helpers/in-process.ts';

const DROPPED = ['sync_owned', 'sync_dead_letter', 'sync_checkpoint'];

describeEachFlavour('a lost bookkeeping table', ({server, source, target}) => {
  let stand: Stand;
  let id = 0;
  beforeAll(async () => {
    stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      schema: WIDE,
    });
    await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One')");
    for (const first of [1, 2, 3]) await user(first, `first${first}@example.test`);
    await user(4, 'nobody');
    await stand.start();
    await stand.caughtUp();
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
  });
  const {user, member} = rowsOf(() => stand);

  for (const table of DROPPED)
    it(`such as ${table} is reported, and exists again after migrate`, async () => {
      await stand.target.query(`DROP TABLE ${table}`);
      id += 10;
      await user(id, `gone${id}@example.test`);
      await member(1, id);
      await user(id + 1, `no address ${id}`);
      await stand.until(
        'the reason',
        ({isHealthy, reasons}) =>
          !isHealthy && reasons.some(reason => /target-incompatible.*laas-sync/.test(reason)),
        40_000,
      );
      const found = await stand.cli(['doctor', '--json']);
      expect(found.stdout).toContain('the bookkeeping tables, or some of them, do not exist');
      await migrate(stand.env);
      await stand.until('the stream', ({replication}) => replication.state === 'streaming', 60_000);
      await stand.caughtUp(60_000);
      await stand.until('the reconcile', ({lastRun}) => lastRun?.state !== 'running', 60_000);
      await stand.equal();
      expect((await stand.daemon.post('/sync/trigger', {mode: 'diff'})).status).toBe(200);
      expect(await stand.letters()).toContain(`user ${id + 1} invalid-email`);
      expect((await stand.cli(['verify'])).code).toBe(0);
    });

  it('of runs makes the status unhealthy, and a request for a run says why', async () => {
    await stand.target.query('DROP TABLE sync_run');
    await stand.until('the reason', ({reasons}) =>
      reasons.some(reason => /no reconcile can run: target-incompatible.*laas-sync migrate/.test(reason)),
    );
    expect(await stand.daemon.post('/sync/trigger', {})).toMatchObject({
      status: 503,
      body: {error: 'target-incompatible'},
    });
    expect(await stand.daemon.get('/sync/runs')).toMatchObject({error: 'target-incompatible'});
    await migrate(stand.env);
    await stand.until('health', ({isHealthy}) => isHealthy);
    expect((await stand.daemon.post('/sync/trigger', {})).status).toBe(200);
  });

  it('of ownership that is empty at a start is filled again', async () => {
    await stand.daemon.stop();
    await stand.target.query('DELETE FROM sync_owned');
    await stand.start();
    await stand.recovery(0, 60_000);
    await stand.source.query('DELETE FROM users WHERE id IN (1, 10)');
    await stand.caughtUp();
    await stand.equal();
  });
});
