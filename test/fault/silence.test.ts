/** Connections that fall silent one by one: none of them freezes the stream for long, and none delays a stop. */
import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest';
import {BinlogSource} from '../../replicator/source/binlog-source.ts';
import {openSession, rollBack} from '../../src/apply/session.ts';
import {connect as connectAs, queryRows, settledOptions} from '../../src/db/connection.ts';
import {openKnex} from '../../src/db/models.ts';
import {readServerInfo} from '../../src/db/server.ts';
import type {SyncError} from '../../src/errors.ts';
import {silentLogger} from '../helpers/silent-logger.ts';
import {connectionQuery} from '../../src/source/reader.ts';
import {anchorPosition, endSnapshot, openSnapshot} from '../../src/source/watermark.ts';
import {eventually} from '../helpers/eventually.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {type FaultProxy, startProxy} from '../servers/proxy.ts';
import {plan as planFixture} from '../unit/plan-fixture.ts';

const anyPlan = planFixture();

/** The time limit of a stop; the daemon's own limit is lower. */
const STOP_MS = 6000;

describeEachFlavour('a connection that falls silent', ({flavour, server, source, target}) => {
  let stand: Stand;
  let toSource: FaultProxy;
  beforeAll(async () => {
    toSource = await startProxy(server);
    stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      via: {source: toSource},
    });
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (1, 'One', 'one@example.test', 'p')",
    );
  });
  beforeEach(async () => {
    toSource.restore();
    await stand.start();
    await stand.equal();
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
    await toSource?.close();
  });

  const config = () => ({
    host: toSource.host,
    port: toSource.port,
    user: server.user,
    password: server.password,
    database: source,
    tls: 'preferred' as const,
    tlsCa: undefined,
  });
  /** The connections that come through the proxy, as the source sees them. */
  const connections = async () =>
    (
      await stand.sourceRows(
        "SELECT id, SUBSTRING_INDEX(host, ':', -1) AS port, command FROM information_schema.processlist WHERE db = ? OR command LIKE 'Binlog Dump%'",
        [source],
      )
    ).map(row => ({
      id: Number(row['id']),
      port: Number(row['port']),
      isDump: String(row['command']).startsWith('Binlog'),
    }));
  const ended = (done: Promise<unknown>) => {
    let code: unknown;
    void done.then(value => (code = value));
    return eventually(() => code !== undefined && {code}, {timeoutMs: STOP_MS, what: 'the end'});
  };
  const refused = (question: Promise<unknown>) =>
    ended(
      question.then(
        () => 'answered',
        (error: SyncError) => error.code,
      ),
    );

  it('#4 on which the stream asks for a new table does not delay a stop', async () => {
    const dumps = new Set((await connections()).filter(({isDump}) => isDump).map(({port}) => port));
    expect(dumps.size).toBeGreaterThan(0);
    toSource.freeze(port => !dumps.has(port));
    await stand.source.query('ALTER TABLE users ADD COLUMN another INT NULL');
    await stand.source.query("UPDATE users SET first_name = 'Stuck' WHERE id = 1");
    // The stream has reached the statement, and its query for the schema gets no answer.
    await stand.until('being behind', ({replication}) => replication.lagSeconds !== 0);
    expect(await ended(stand.daemon.stop())).toEqual({code: 0});
  });

  it('#4 and is dropped by the source is opened again for the next new table', async () => {
    for (const {id, isDump} of await connections())
      if (!isDump) await stand.source.query(`KILL ${id}`).catch(() => undefined);
    await stand.connect();
    await stand.source.query('ALTER TABLE users DROP COLUMN another');
    await stand.source.query("UPDATE users SET first_name = 'Dropped' WHERE id = 1");
    await stand.equal();
    expect(await ended(stand.daemon.stop())).toEqual({code: 0});
  });

  it('#4 while a reconcile reads does not delay a stop', async () => {
    toSource.blackhole();
    const answer = stand.daemon.post('/sync/trigger', {mode: 'full'}).catch(() => null);
    await stand.until('a run', status => status['currentRun'] !== null);
    expect(await ended(stand.daemon.stop())).toEqual({code: 0});
    await answer;
  });

  it('#3 is closed by a reader, with the error that the source is unreachable', async () => {
    await stand.daemon.stop();
    const connection = await connectAs('source', config(), {statementMs: 300});
    expect(await connectionQuery(connection)('SELECT 1')).toHaveLength(1);
    const slow = await connectAs('source', config());
    toSource.blackhole();
    expect(await refused(connectionQuery(connection)('SELECT 2'))).toEqual({code: 'source-unreachable'});
    expect(await refused(queryRows('source', slow, 'SELECT 3', [], 200))).toEqual({
      code: 'source-unreachable',
    });
    // Neither is used again: a late answer would be read as the answer to the next query.
    toSource.restore();
    for (const one of [connection, slow])
      await expect(queryRows('source', one, 'SELECT 4')).rejects.toMatchObject({code: 'source-unreachable'});
  });

  it('#3 is closed by a writer, even at a COMMIT', async () => {
    await stand.daemon.stop();
    const toTarget = await startProxy(server);
    const session = await openSession({...config(), port: toTarget.port, database: target}, 300);
    await session.query('CREATE TABLE unanswered (n INT)');
    toTarget.muffle();
    await expect(
      session.query('START TRANSACTION; INSERT INTO unanswered VALUES (1); COMMIT'),
    ).rejects.toMatchObject({code: 'target-unreachable'});
    await rollBack(session);
    toTarget.restore();
    await expect(session.query('SELECT 1')).rejects.toMatchObject({code: 'target-unreachable'});
    expect(await stand.targetRows('SELECT n FROM unanswered')).toEqual([{n: 1}]);
    session.close();
    await toTarget.close();
  });

  it('#3 is closed by the bookkeeping, which opens another', async () => {
    await stand.daemon.stop();
    const toTarget = await startProxy(server);
    const knex = await openKnex({...config(), port: toTarget.port, database: target}, silentLogger, 300);
    await knex.raw('SELECT 1');
    toTarget.muffle();
    await expect(knex.raw('SELECT 2')).rejects.toMatchObject({code: 'PROTOCOL_SEQUENCE_TIMEOUT'});
    expect(await knex.raw('SELECT 3 AS n')).toMatchObject([[{n: 3}], expect.anything()]);
    await knex.destroy();
    await toTarget.close();
  });

  it('#3 has 30 s until the source has found the position in its log, and then 3 s', async () => {
    await stand.daemon.stop();
    const control = await connectAs('source', config());
    const info = await readServerInfo('source', control);
    const snapshot = await openSnapshot(control, info, new AbortController().signal);
    const position = await anchorPosition(control, info, snapshot);
    await endSnapshot(control);
    control.destroy();
    let clockMs = 1_000_000;
    const faults: SyncError[] = [];
    const connection = await settledOptions('source', config());
    const open = () => {
      faults.length = 0;
      return new BinlogSource({
        connection,
        database: source,
        serverId: 3_100_000_000 + (flavour === 'mysql' ? 1 : 2),
        position,
        // No mapped row changes.
        plan: () => anyPlan,
        collations: new Map(),
        charsets: new Map(),
        now: () => clockMs,
        onEvent: () => undefined,
        onFault: fault => faults.push(fault),
      });
    };
    const reported = (code: string) =>
      eventually(() => faults[0]?.code === code, {what: `the fault ${code}`});

    toSource.blackhole();
    const searching = open();
    clockMs += 29_000;
    await expect(eventually(() => faults.length > 0, {timeoutMs: 1200})).rejects.toThrow();
    expect(searching.isSearching).toBe(true);
    clockMs += 2000;
    await reported('stream-silent');
    await searching.stop();

    toSource.restore();
    const found = open();
    await eventually(() => !found.isSearching, {what: 'the place'});
    toSource.blackhole();
    // A packet that was on its way may still arrive, and counts as heard then. All steps together are less than 30 s.
    for (let steps = 0; steps < 5 && faults.length === 0; steps++) {
      clockMs += 4000;
      await eventually(() => faults.length > 0, {timeoutMs: 2500}).catch(() => undefined);
    }
    await reported('stream-silent');
    await found.stop();
  });
});
