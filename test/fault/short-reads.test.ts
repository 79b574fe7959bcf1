/** Reads that end early and rows in flight: no phantom is reported, and no good row deleted (docs/invariants.md, 4). */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {cli} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {SEED, Stand, TIMEOUT_MS} from '../helpers/fault-stand.ts';
import {startWriters} from '../helpers/fault-writers.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {randomFrom} from '../helpers/workload.ts';
import {type FaultProxy, startProxy} from '../servers/proxy.ts';

const USERS = 3000;
const CUTS = Number(process.env['CUTS'] ?? 6);
const ROUNDS = Number(process.env['ROUNDS'] ?? 1);
const AT_ONCE = 6;

describeEachFlavour(`#26 a reconcile and a verify (seed ${SEED})`, ({server, source, target}) => {
  let stand: Stand;
  let toSource: FaultProxy;
  /** A proxy of its own, so that its reads are cut in the middle. */
  let toSourceForVerify: FaultProxy;
  beforeAll(async () => {
    [toSource, toSourceForVerify] = await Promise.all([startProxy(server), startProxy(server)]);
    stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      via: {source: toSource},
      env: {USER_SYNC_BATCH_SIZE: '500'},
    });
    await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One')");
    // Keys that sort differently as text and as numbers.
    await stand.source.query(
      `INSERT INTO users (id, first_name, email, password) WITH RECURSIVE n AS (SELECT 0 i UNION ALL SELECT i + 1 FROM n WHERE i < 59)
         SELECT 60 * a.i + b.i + 1, CONCAT('Name', b.i), CONCAT('n', a.i, '.', b.i, '@example.test'), 'p' FROM n a, n b WHERE 60 * a.i + b.i < ${USERS}`,
    );
    await stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type) SELECT 1, id, 'staff' FROM users",
    );
    await stand.start();
    await stand.equal();
    await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
    await stand.target.query(`
      CREATE TABLE deleted (what VARCHAR(30));
      CREATE TRIGGER d1 AFTER DELETE ON user FOR EACH ROW INSERT INTO deleted VALUES ('user');
      CREATE TRIGGER d2 AFTER DELETE ON institute_users FOR EACH ROW INSERT INTO deleted VALUES ('institute_users');
      CREATE TRIGGER d3 AFTER DELETE ON user_auth FOR EACH ROW INSERT INTO deleted VALUES ('user_auth');
      CREATE TRIGGER d4 AFTER DELETE ON institute FOR EACH ROW INSERT INTO deleted VALUES ('institute')`);
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
    await toSource?.close();
    await toSourceForVerify?.close();
  });

  it(
    'whose connection ends in the middle of a read delete nothing, with no result',
    {timeout: TIMEOUT_MS},
    async () => {
      const random = randomFrom(SEED);
      const outcomes = new Set<number | null>();
      for (let i = 0; i < CUTS; i++) {
        await stand.daemon.until('streaming', 40_000);
        toSource.cutAfterBytes(1000 + Math.floor(random() * 200_000), 'toClient');
        // Every other cut certainly comes before its end.
        const within = i % 2 === 0 ? 3000 : 12_000;
        toSourceForVerify.cutAfterBytes(1000 + Math.floor(random() * within), 'toClient');
        const [run, verify] = await Promise.all([
          stand.daemon.post('/sync/trigger', {mode: 'full', allowDeletes: true}),
          cli(['verify', '--json'], {...stand.env, DB_PORT: String(toSourceForVerify.port)}),
        ]);
        expect([200, 409, 500]).toContain(run.status);
        // Equal, or no verdict: never a false drift.
        expect([0, 2], verify.stdout).toContain(verify.code);
        outcomes.add(run.status).add(verify.code);
      }
      toSource.cut();
      expect([...outcomes]).toContain(500);
      expect([...outcomes]).toContain(2);
      await stand.daemon.until('streaming', 40_000);
      await stand.equal();
      expect(await stand.targetRows('SELECT what, COUNT(*) n FROM deleted GROUP BY what')).toEqual([]);
    },
  );

  it('beside writers report no row that is in flight', {timeout: TIMEOUT_MS}, async () => {
    const place = {server, database: source};
    const writers = await startWriters(place, 3, SEED);
    try {
      await eventually(() => writers.written > 50, {what: 'the writers'});
      // Each waits until differences are stable, which takes a while beside writers on hot rows.
      for (let i = 0; i < ROUNDS; i++) {
        const {code, stdout} = await stand.cli(['verify', '--json']);
        expect(code, stdout).toBe(0);
      }
    } finally {
      await writers.stop();
    }
    await stand.caughtUp();
    await stand.equal();
  });

  it('beside children that come and go report no row that is in flight', {timeout: TIMEOUT_MS}, async () => {
    await stand.source.query(
      `REPLACE INTO institutes (id, name) VALUES (1, 'One');
       INSERT IGNORE INTO institute_user (institute_id, user_id, user_type) SELECT 1, id, 'staff' FROM users`,
    );
    await stand.caughtUp();
    await stand.equal();
    const stop = new AbortController();
    const toggling = toggle(stop.signal);
    try {
      for (let i = 0; i < ROUNDS; i++) {
        const verdicts = Array.from({length: AT_ONCE}, () => stand.cli(['verify', '--json']));
        for (const {code, stdout} of await Promise.all(verdicts)) expect(code, stdout).toBe(0);
      }
    } finally {
      stop.abort();
      await toggling;
    }
    await stand.caughtUp();
    await stand.equal();
  });

  /** Lets all memberships of an institute leave and enter again, each as it was. */
  async function toggle(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await stand.source.query("UPDATE institutes SET name = IF(name IS NULL, 'One', NULL) WHERE id = 1");
    }
  }
});
