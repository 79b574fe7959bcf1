/** The HTTP contract on a running daemon: shapes, numbers, refusals, metrics. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {z} from 'zod';
import {apiSchemas} from '../../src/server/mapped-schemas.ts';
import {eventually} from '../helpers/eventually.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {LAAS} from '../helpers/laas-mapping.ts';
import {samplesOf} from '../helpers/metrics.ts';
import {openWithOwnSource} from '../helpers/own-source.ts';

const FULL = 'the-full-token';
const READ = 'the-read-token';
const USERS = 40;
const schemas = apiSchemas(LAAS);

describeEachFlavour('the HTTP contract', ({edition, server, source, target}) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      env: {SYNC_API_TOKEN: FULL, SYNC_READ_TOKEN: READ, SYNC_NAME: 'contract'},
    });
    await stand.source.query(
      `INSERT INTO institutes (id, name) VALUES (1, 'One');
       INSERT INTO users (id, first_name, email, password) WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < ${USERS}) SELECT i, 'n', CONCAT(IF(i <= 3, 'no at ', 'at@'), i), 'p' FROM n;
       INSERT INTO institute_user (institute_id, user_id, user_type) SELECT 1, id, 'student' FROM users`,
    );
    await stand.start();
    await stand.until('the first load', ({lastRun}) => lastRun?.state === 'succeeded');
  });
  afterAll(() => stand?.[Symbol.asyncDispose]());

  const ask = (path: string, init: RequestInit = {}, token = FULL) =>
    fetch(stand.daemon.url + path, {...init, headers: {authorization: `Bearer ${token}`}});
  const post = (path: string, body?: string, token = FULL) =>
    ask(path, {method: 'POST', ...(body === undefined ? {} : {body})}, token);

  describe('answers in the documented shape, with exactly its fields', () => {
    /** A schema drops unknown fields, so equality means that there were none. */
    const isExactly = (schema: z.ZodType, body: unknown) => expect(schema.parse(body)).toEqual(body);

    it('a status, with the counts of both sides', async () => {
      const status = await stand.until(
        'current counts',
        ({organizationService, deadLetters}) =>
          (organizationService as {users: number} | null)?.users === USERS - 3 && deadLetters === 3,
        // They are counted again as soon as a run that wrote rows has ended, and not only at the next interval.
        5_000,
      );
      isExactly(schemas.status, status);
      expect(status).toMatchObject({
        name: 'contract',
        isHealthy: true,
        deadLetters: 3,
        sourceDatabase: {users: USERS, institutes: 1, instituteUsers: USERS, userAuth: USERS},
        organizationService: {
          users: USERS - 3,
          institutes: 1,
          instituteUsers: USERS - 3,
          userAuth: USERS - 3,
        },
      });
    });

    it('a run that was triggered, its record, and the list of runs', async () => {
      await stand.target.query("UPDATE user SET name = 'drifted' WHERE userId IN (5, 6)");
      const response = await post('/sync/trigger', '{"mode":"diff"}');
      expect(response.status).toBe(200);
      const body = (await response.json()) as z.infer<typeof schemas.triggerResult>;
      isExactly(schemas.triggerResult, body);
      expect(body).toMatchObject({
        success: true,
        message: 'Data synchronization completed successfully',
        tables: {
          institute: {compared: 1, repaired: 0, deleted: 0},
          user: {repaired: 2, deleted: 0},
        },
      });
      const run = await (await ask(`/sync/runs/${body.runId}`)).json();
      isExactly(schemas.run, run);
      expect(run).toMatchObject({
        runId: body.runId,
        trigger: 'api',
        mode: 'diff',
        state: 'succeeded',
        durationMs: body.durationMs,
        tables: body.tables,
        error: null,
      });
      const started = await post('/sync/trigger', '{"wait":false}');
      expect(started.status).toBe(202);
      const {runId} = (await started.json()) as {runId: string};
      await stand.until('its end', ({lastRun}) => lastRun?.runId === runId);
      isExactly(schemas.runPage, await (await ask('/sync/runs')).json());
    });

    it('a verdict, dead letters, an empty retry’s answer', async () => {
      const verdict = (await (await post('/sync/verify')).json()) as z.infer<typeof schemas.verdict>;
      isExactly(schemas.verdict, verdict);
      expect(verdict).toMatchObject({equal: true, tables: {user: {missing: 0, different: 0, extra: 0}}});
      isExactly(schemas.deadLetterPage, await (await ask('/sync/dead-letters')).json());
      expect(await (await post('/sync/dead-letters/retry')).json()).toMatchObject({retried: 3, remaining: 3});
    });
  });

  it.each(['/sync/runs', '/sync/dead-letters'])(
    '%s pages through everything once, in one order',
    async path => {
      const whole = (await (await ask(`${path}?limit=200`)).json()) as {
        items: unknown[];
        next: string | null;
      };
      expect(whole.items.length).toBeGreaterThan(2);
      expect(whole.next).toBeNull();
      const paged: unknown[] = [];
      let after = '';
      do {
        const page = await ask(`${path}?limit=1${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`);
        const {items, next} = (await page.json()) as typeof whole;
        expect(items).toHaveLength(1);
        paged.push(...items);
        after = next ?? '';
      } while (after !== '' && paged.length <= whole.items.length);
      expect(paged).toEqual(whole.items);
    },
  );

  it('refuses in one shape of body, and logs each under the id that it answers with', async () => {
    const refused: [number, string, Promise<Response>, string?][] = [
      [400, 'invalid-request', post('/sync/trigger', '{"mode":"half"}'), 'mode'],
      [400, 'invalid-request', post('/sync/trigger', '{"mode"'), 'body'],
      [400, 'invalid-request', post('/sync/trigger', '{"modus":"diff"}'), 'modus'],
      [400, 'invalid-request', ask('/sync/runs?limit=0'), 'limit'],
      [400, 'invalid-request', ask('/sync/runs?after=zzz'), 'after'],
      [400, 'invalid-request', ask('/sync/dead-letters?after=zzz'), 'after'],
      [400, 'invalid-request', ask('/sync/dead-letters?table=users'), 'table'],
      [401, 'unauthorized', ask('/sync/status', {}, 'wrong')],
      [401, 'unauthorized', fetch(`${stand.daemon.url}/metrics`)],
      [403, 'forbidden', post('/sync/trigger', '{}', READ)],
      [403, 'forbidden', post('/replication/pause', undefined, READ)],
      [404, 'not-found', ask('/sync/runs/none'), 'id'],
      [404, 'not-found', ask('/nowhere')],
      [405, 'method-not-allowed', ask('/sync/trigger')],
      [413, 'body-too-large', post('/sync/trigger', `{"mode":"${'x'.repeat(20_000)}"}`), 'body'],
    ];
    for (const [status, error, answer, field] of refused) {
      const response = await answer;
      const body = (await response.json()) as Record<string, unknown>;
      expect([response.status, body['error'], body['field']]).toEqual([status, error, field]);
      expect(Object.keys(body).sort()).toEqual(
        [
          'success',
          'error',
          'message',
          'timestamp',
          'requestId',
          ...(field === undefined ? [] : ['field']),
        ].sort(),
      );
      expect(response.headers.get('x-request-id')).toBe(body['requestId']);
      // The answer and the log arrive by different ways.
      await eventually(() => stand.daemon.log().includes(String(body['requestId'])), {what: 'its log line'});
    }
    expect(stand.daemon.log()).not.toContain(FULL);
  });

  it('an active run: 409; the probes need no token', async () => {
    const lock = 'START TRANSACTION; SELECT * FROM user WHERE userId = 7 FOR UPDATE';
    await stand.target.query("UPDATE user SET name = 'drifted' WHERE userId = 7");
    await stand.target.query(lock);
    const first = post('/sync/trigger');
    try {
      await stand.until('a run', ({currentRun}) => currentRun !== null);
      const second = await post('/sync/trigger');
      expect([second.status, ((await second.json()) as {error: string}).error]).toEqual([409, 'run-active']);
      expect((await fetch(`${stand.daemon.url}/healthz`)).status).toBe(200);
      expect((await fetch(`${stand.daemon.url}/readyz`)).status).toBe(200);
    } finally {
      await stand.target.query('ROLLBACK');
    }
    expect((await first).status).toBe(200);
  });

  it('every documented metric has the value of the work that was done', async () => {
    const before = await metrics();
    await stand.source.query(
      `INSERT INTO institutes (id, name) VALUES (2, 'Two'), (3, 'Three');
       DELETE FROM institutes WHERE id = 3;
       UPDATE users SET first_name = 'again' WHERE id BETWEEN 10 AND 14`,
    );
    await stand.equal();
    await stand.target.query("UPDATE user SET name = 'drifted' WHERE userId IN (20, 21, 22)");
    await post('/sync/trigger');
    // The bytes are read once a second, and unknown until then.
    await stand.until(
      'quiet',
      ({replication}) => replication.lagSeconds === 0 && replication.lagBytes !== null,
    );
    const after = await metrics();
    const value = (name: string) => after.get(name);
    const grown = (name: string) => (after.get(name) ?? Number.NaN) - (before.get(name) ?? Number.NaN);
    expect(grown('sync_rows_applied_total{table="user",kind="upsert"}')).toBe(5);
    expect(grown('sync_rows_applied_total{table="institute",kind="upsert"}')).toBeGreaterThanOrEqual(1);
    expect(grown('sync_transactions_applied_total')).toBeGreaterThanOrEqual(3);
    expect(grown('sync_batches_applied_total')).toBeGreaterThanOrEqual(1);
    expect(grown('sync_table_batches_applied_total{table="institute"}')).toBeGreaterThanOrEqual(1);
    for (const name of [
      'sync_batch_rows',
      'sync_batch_bytes',
      'sync_batch_seconds',
      'sync_commit_to_visible_seconds',
    ]) {
      expect(grown(`${name}_count`), name).toBeGreaterThanOrEqual(1);
      expect(grown(`${name}_sum`), name).toBeGreaterThan(0);
      expect(value(`${name}_bucket{le="+Inf"}`), name).toBe(value(`${name}_count`));
    }
    expect(grown('sync_reconcile_seconds_count{mode="diff",state="succeeded"}')).toBe(1);
    expect(grown('sync_drift_rows_total{table="user",kind="repaired"}')).toBe(3);
    expect(grown('sync_drift_rows_total{table="user",kind="deleted"}')).toBe(0);
    expect(value('sync_dead_letters{code="invalid-email"}')).toBe(3);
    // The target is on the same server: its own log entries may be on their way.
    expect(value('sync_lag_seconds')).toBeLessThan(5);
    expect(value('sync_lag_bytes')).toBeLessThan(100_000);
    expect(value('sync_last_contact_seconds')).toBeLessThan(10);
    expect(value('sync_leader')).toBe(1);
    expect(value('sync_healthy')).toBe(1);
    expect(value('sync_state{state="streaming"}')).toBe(1);
    expect(value('sync_rows{side="source",table="user"}')).toBe(USERS);
    expect([...after.keys()].find(name => name.startsWith('sync_build_info'))).toMatch(
      /version="\d+\.\d+\.\d+"/,
    );
  });

  it('changes without row images are a warning in the status until a reconcile', async () => {
    // On a server of its own: every other stream that reads from it runs a reconcile, too.
    await using own = await openWithOwnSource({edition}, server);
    await own.stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (30, 'n', 'at@30', 'p')",
    );
    await own.stand.start();
    const before = (await own.stand.until('the first load', ({lastRun}) => lastRun?.state === 'succeeded'))
      .lastRun as {runId: string};
    await own.stand.source.query(
      "SET SESSION binlog_format = 'STATEMENT'; UPDATE users SET first_name = 'hidden' WHERE id = 30; SET SESSION binlog_format = 'ROW'",
    );
    const {warnings, isHealthy} = await own.stand.until(
      'the run that covers it',
      ({lastRun}) => lastRun !== null && lastRun.state === 'succeeded' && lastRun.runId !== before.runId,
    );
    expect(warnings).toContainEqual(
      expect.stringMatching(
        /^changes at \S+Z were logged without row images \(a change in statement format\); a reconcile/,
      ),
    );
    expect(isHealthy).toBe(true);
    await own.stand.equal();
  });

  it('a lost connection is counted, by reason', async () => {
    const total = async () =>
      [...(await metrics())]
        .filter(([name]) => name.startsWith('sync_reconnects_total'))
        .reduce((sum, [, count]) => sum + count, 0);
    const before = await total();
    // Streams of other tests read from this server, too.
    const dumps = await stand.sourceRows(
      "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%' AND db = ?",
      [source],
    );
    expect(dumps).toHaveLength(1);
    for (const {id} of dumps) await stand.source.query('KILL ?', [id]);
    await stand.explained(expect.poll(total, {timeout: 15_000}).toBeGreaterThan(before));
    await stand.daemon.until('streaming');
  });

  it('a client that guesses tokens must wait, even with the right one at last', async () => {
    let status = 401;
    for (let i = 0; i < 40 && status === 401; i++) ({status} = await ask('/sync/status', {}, `guess-${i}`));
    expect(status).toBe(429);
    const right = await ask('/sync/status');
    expect([right.status, Number(right.headers.get('retry-after')) > 0]).toEqual([429, true]);
  });

  it('ends with the stop of its server in the log', async () => {
    expect(await stand.daemon.stop()).toBe(0);
    const events = stand.daemon
      .log()
      .split('\n')
      .map(line => /"event":"([^"]+)"/.exec(line)?.[1]);
    expect(events).toContain('http.listening');
    expect(events).toContain('http.stopped');
  });

  const metrics = async () => samplesOf(await (await ask('/metrics')).text(), 'contract');
});
