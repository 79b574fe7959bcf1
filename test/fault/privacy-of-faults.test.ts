/** Causes every fault that has a code at LOG_LEVEL=trace, beside secret rows: none of their values is reported (docs/invariants.md, 8). */
import {mkdtempSync, readFileSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {BinlogSource} from '../../replicator/source/binlog-source.ts';
import {connect, settledOptions} from '../../src/db/connection.ts';
import {readServerInfo} from '../../src/db/server.ts';
import {ERROR_CODES, type ErrorCode} from '../../src/errors.ts';
import {anchorPosition, endSnapshot, openSnapshot} from '../../src/source/watermark.ts';
import {eventually} from '../helpers/eventually.ts';
import {cli} from '../helpers/daemon.ts';
import {COMPOSITE} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {openWithOwnSource, session, SOURCE_DATABASE, type OwnSource} from '../helpers/own-source.ts';
import {expectNothingTold} from '../helpers/secrets.ts';
import {plan as planFixture} from '../unit/plan-fixture.ts';

const anyPlan = planFixture();

/** The codes that this test does not cause, and why. */
const ELSEWHERE: Partial<Record<ErrorCode, string>> = {
  'invalid-email': 'privacy.test.ts',
  'invalid-password': 'privacy.test.ts',
  'invalid-encoding': 'privacy.test.ts',
  'value-too-long': 'privacy.test.ts',
  'out-of-range': 'privacy.test.ts',
  'unique-conflict': 'privacy.test.ts',
  'delete-blocked': 'privacy.test.ts',
  rejected: 'privacy.test.ts',
  'target-incompatible': 'privacy.test.ts',
  'target-rejected-batch': 'refusals.test.ts',
  'source-rejected-read': 'test/db/refused-reads.test.ts, whose messages have only the number',
  internal: 'test/unit/server/thread.test.ts, by an error that quotes a row',
  'target-newer': 'test/e2e/upgrades.test.ts, before a row is read',
};

/** No statement makes MariaDB log one: it has no partial JSON, and an incident is a log that the server itself lost. */
const NOT_ON_MARIADB: ErrorCode = 'event-unsupported';

const SERVER_ID = 77_777;

describeEachFlavour('the log of a daemon that meets every fault', ({flavour, edition, server}) => {
  let own: OwnSource;
  beforeAll(async () => {
    own = await openWithOwnSource({edition}, server, {
      schema: COMPOSITE,
      env: {
        LOG_LEVEL: 'trace',
        DB_USERNAME: 'reader',
        DB_PASSWORD: 'secret-db-word',
        SYNC_API_TOKEN: 'secret-api-token',
        REPLICATION_SERVER_ID: String(SERVER_ID),
      },
    });
    await own.stand.source.query(
      `CREATE USER 'reader'@'%' IDENTIFIED BY 'secret-db-word'; GRANT ALL ON *.* TO 'reader'@'%';
       INSERT INTO users (id, first_name, last_name, email, password, notes) VALUES (1, 'Secretfirst', 'Secretlast', 'secret.mail@x.test', 'SECRETHASH', '{"a": 1, "b": "Secretfirst Secretfirst"}');
       INSERT INTO institutes (id, name) VALUES (1, 'SecretInstitute')`,
    );
  });
  afterAll(() => own?.[Symbol.asyncDispose]());

  it('has their codes and no value of a row', async () => {
    const {stand} = own;
    const bodies: string[] = [];
    const seen = new Set<string>(Object.keys(ELSEWHERE));
    /** Behind the line that was awaited last. The lines that follow it may be there already. */
    let from = 0;
    const logged = async (text: string, timeoutMs: number) => {
      await stand.explained(
        eventually(() => stand.daemon.log().includes(text, from), {timeoutMs, what: text}),
      );
      from = stand.daemon.log().indexOf(text, from) + text.length;
    };
    const reported = async (code: ErrorCode) => {
      await logged(`"${code}"`, 25_000);
      seen.add(code);
    };
    const streaming = () => logged('replication is streaming', 40_000);
    const get = async (path: string) =>
      bodies.push(
        await (
          await fetch(stand.daemon.url + path, {headers: {authorization: 'Bearer secret-api-token'}})
        ).text(),
      );
    let n = 0;
    const write = () =>
      stand.source.query(
        `UPDATE users SET first_name = 'Secretfirst ${n++}', last_name = 'Secretlast' WHERE id = 1`,
      );

    const refused = await cli(['start'], {
      ...stand.env,
      SYNC_CONFLICTS: 'secret-db-word',
      PORT: 'Secretfirst',
    });
    expect(refused).toMatchObject({code: 78, stderr: expect.stringContaining('SYNC_CONFLICTS')});
    seen.add('config-invalid');
    bodies.push(JSON.stringify(refused));
    await stand.launch();
    await streaming();
    // A first load that is interrupted begins again, and would be in the way of the runs below.
    await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
    // Another instance leads, and a one-off run finds a leader.
    await stand.target.query('UPDATE sync_checkpoint SET fencing_token = fencing_token + 1');
    await write();
    await reported('lease-lost');
    await streaming();
    const held = await stand.cli(['sync']);
    expect(held.code).toBe(75);
    bodies.push(JSON.stringify(held));
    seen.add('lease-held');
    // A lock that stays: the target refuses batch after batch, and a reconcile is requested during another.
    await stand.target.query('START TRANSACTION; SELECT * FROM user FOR UPDATE');
    await write();
    const post = (body: string) =>
      fetch(`${stand.daemon.url}/sync/trigger`, {
        method: 'POST',
        headers: {authorization: 'Bearer secret-api-token', 'content-type': 'application/json'},
        body,
      });
    bodies.push(await (await post('{"mode":"full","wait":false}')).text());
    const second = await post('{"mode":"full"}');
    expect(second.status).toBe(409);
    bodies.push(await second.text());
    seen.add('run-active');
    await stand.target.query('ROLLBACK');
    for (const row of await stand.targetRows(
      'SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()',
    ))
      await stand.target.query(`KILL ${String(row['id'] ?? row['ID'])}`).catch(() => undefined);
    await reported('target-unreachable');
    await streaming();
    // The source restarts, freezes, loses its log, and refuses.
    await own.server.kill();
    await reported('source-unreachable');
    await get('/sync/status');
    // An interrupted run, and a missing bookkeeping table.
    const failed = await (await post('{"mode":"full"}')).text();
    expect(failed).toContain('run-failed');
    seen.add('run-failed');
    bodies.push(failed);
    await stand.target.query('RENAME TABLE sync_dead_letter TO hidden');
    await get('/sync/dead-letters?table=user');
    expect(bodies.at(-1)).toContain('target-incompatible');
    await stand.target.query('RENAME TABLE hidden TO sync_dead_letter');
    await own.server.start();
    await stand.connect();
    await streaming();
    const rival = await openRival(own);
    await reported('stream-displaced');
    await streaming();
    await rival.stop();
    // After the first heartbeat, because the time limit is longer before it.
    await write();
    await stand.explained(
      eventually(
        async () =>
          (await stand.targetRows('SELECT 1 FROM user WHERE name LIKE ?', [`% ${n - 1} %`])).length === 1,
        {what: 'the row'},
      ),
    );
    await own.server.freeze();
    await reported('stream-silent');
    await own.server.thaw();
    await streaming();
    await stand.source.query("SET GLOBAL binlog_row_metadata = 'MINIMAL'");
    const unnamed = await session(own);
    await unnamed.query("UPDATE users SET first_name = 'Secretfirst unnamed' WHERE id = 1");
    await reported('event-undecodable');
    await reported('preflight-failed');
    await get('/sync/status');
    await stand.source.query("SET GLOBAL binlog_row_metadata = 'FULL'");
    await streaming();
    await unnamed.end();
    await stand.source.query('ALTER TABLE users RENAME COLUMN first_name TO given');
    await reported('schema-incompatible');
    await get('/sync/status');
    await stand.source.query('ALTER TABLE users RENAME COLUMN given TO first_name');
    await streaming();
    if (flavour === 'mysql') {
      const partial = await session(own);
      await partial.query("SET SESSION binlog_row_value_options = 'PARTIAL_JSON'");
      await partial.query(
        "UPDATE users SET notes = JSON_SET(notes, '$.a', 2), last_name = 'Secretlast' WHERE id = 1",
      );
      await reported('event-unsupported');
      await partial.end();
    } else seen.add(NOT_ON_MARIADB);
    await stand.source.query(flavour === 'mysql' ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER');
    await write();
    await reported('position-lost');
    await streaming();
    await stand.source.query("ALTER USER 'reader'@'%' ACCOUNT LOCK");
    for (const row of await stand.sourceRows(
      "SELECT id FROM information_schema.processlist WHERE user = 'reader'",
    ))
      await stand.source.query(`KILL ${String(row['id'] ?? row['ID'])}`).catch(() => undefined);
    await reported('access-denied');
    await get('/sync/status');
    await stand.source.query("ALTER USER 'reader'@'%' ACCOUNT UNLOCK");
    await streaming();
    await get('/metrics');
    await expectNothingTold(stand, bodies);
    expect(await stand.daemon.stop()).toBe(0);
    await stand.source.query(
      `INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES (1, 1, 'guest', 'active');
       INSERT INTO users (id, first_name, email, password) VALUES (2, 'Secretfirst', 'secret.mail2@x.test', 'SECRETHASH')`,
    );
    const strict = {...stand.env, SYNC_MAPPING: writeStrictMapping()};
    bodies.push(JSON.stringify(await cli(['sync', '--json'], strict)));
    const letters = await cli(['dead-letters', 'list', '--json'], strict);
    for (const code of ['unmapped-value', 'null-value'] as const) {
      expect(letters.stdout).toContain(code);
      seen.add(code);
    }
    bodies.push(JSON.stringify(letters));
    await expectNothingTold(stand, bodies);
    expect((await stand.cli(['migrate', '--down'])).code).toBe(0);
    const bare = await stand.cli(['sync']);
    expect(bare.code).not.toBe(0);
    expect(JSON.stringify(bare)).toContain('not-migrated');
    seen.add('not-migrated');
    // The text of these two is constant: test/fault/failover-answers.test.ts causes them.
    seen.add('run-interrupted').add('not-leading');
    // Our sessions prevent truncated reads: test/db/counted.test.ts removes that protection.
    seen.add('read-incomplete');
    expect(Object.keys(ERROR_CODES).filter(code => !seen.has(code))).toEqual([]);
  });
});

/** The built-in mapping without `otherwise`, so that unknown roles have no value, and with a name that may be null. */
function writeStrictMapping(): string {
  const builtIn = readFileSync(join(import.meta.dirname, '../../mappings/laas.yaml'), 'utf8');
  const file = join(mkdtempSync(join(tmpdir(), 'laas-sync-strict-')), 'mapping.yaml');
  const withoutOtherwise = builtIn.replace(/^ +otherwise: STUDENT\n/m, '');
  expect(withoutOtherwise).not.toBe(builtIn);
  const strict = withoutOtherwise.replace(/name: \{join: .*\}/, 'name: last_name');
  expect(strict).not.toBe(withoutOtherwise);
  writeFileSync(file, strict);
  return file;
}

/**
 * Another client of the source with the daemon's server id, which does not reconnect when the source ends its
 * stream.
 */
async function openRival({server}: OwnSource) {
  const {host, port, user, password} = server;
  const config = {
    host,
    port,
    user,
    password,
    database: SOURCE_DATABASE,
    tls: 'preferred' as const,
    tlsCa: undefined,
  };
  const control = await connect('source', config);
  const never = new AbortController().signal;
  const info = await readServerInfo('source', control);
  const position = await anchorPosition(control, info, await openSnapshot(control, info, never));
  await endSnapshot(control);
  control.destroy();
  return new BinlogSource({
    connection: await settledOptions('source', config),
    database: 'nothing-of-this-name',
    serverId: SERVER_ID,
    position,
    // No mapped row changes.
    plan: () => anyPlan,
    collations: new Map(),
    charsets: new Map(),
    now: Date.now,
    onEvent: () => undefined,
    onFault: () => undefined,
  });
}
