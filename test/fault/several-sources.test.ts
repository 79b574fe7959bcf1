/** A source whose address leads to several servers at once: a proxy that distributes connections, a reader's name. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {eventually} from '../helpers/eventually.ts';
import {SURROGATE, Stand} from '../helpers/fault-stand.ts';
import {startLoaded} from '../helpers/cluster-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {query, withConnection} from '../servers/databases.ts';
import {startProxy, type FaultProxy} from '../servers/proxy.ts';
import {startServer, type TestServer} from '../servers/server.ts';

describeEachFlavour('a source of two servers', ({edition, server, source, target}) => {
  let first: TestServer;
  let other: TestServer;
  let proxy: FaultProxy;
  let stand: Stand;
  beforeAll(async () => {
    [first, other] = await Promise.all([startServer({edition}), startServer({edition})]);
    for (const each of [first, other])
      await withConnection(each, undefined, connection =>
        connection.query(`CREATE DATABASE ${source} CHARACTER SET utf8mb4`),
      );
    await withConnection(other, source, connection => connection.query(SURROGATE.create));
    proxy = await startProxy(first);
    stand = await Stand.open({
      source: {server: first, database: source},
      target: {server, database: target},
      via: {source: proxy},
    });
    for (const each of [first, other]) await write(each, 'old');
    await startLoaded(stand);
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
    await proxy?.close();
    await Promise.all([first?.dispose(), other?.dispose()]);
  });

  const write = (to: TestServer, name: string) =>
    withConnection(to, source, async connection => {
      for (let id = 1; id <= 5; id++)
        await connection.query('REPLACE INTO institutes (id, name) VALUES (?, ?)', [id, name]);
    });
  /** The server that the stream reads from: the one with its dump. */
  const dumps = (of: TestServer) =>
    withConnection(of, undefined, async connection => {
      const rows = await query(
        connection,
        "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'",
      );
      return rows.map(({id}) => Number(id));
    });

  it('is reconciled with the one that the stream reads from, not the one that lags', async () => {
    await write(first, 'new');
    await stand.caughtUp();
    // Most connections lead to the other one.
    proxy.retarget(other, other, other, first);
    for (let i = 0; i < 3; i++) {
      const {body} = await stand.daemon.post('/sync/trigger', {mode: 'full', wait: false});
      const {lastRun} = await stand.until(
        'the end of the run',
        // The record may show the end a moment before the next run may begin.
        ({lastRun: run, currentRun}) => run?.runId === body['runId'] && currentRun === null,
      );
      expect(lastRun?.state).toBe('succeeded');
    }
    await stand.equal();
  });

  it('is measured on the one that the stream reads from', async () => {
    await write(other, 'new');
    await withConnection(other, source, connection =>
      connection.query("INSERT INTO institutes (id, name) VALUES (9000, 'last')"),
    );
    // The end of the log that the stream leaves is far beyond every offset of the other server.
    for (let i = 0; i < 9; i++) await stand.source.query('FLUSH BINARY LOGS');
    await stand.until('the end', ({replication}) => replication.lagSeconds === 0);
    proxy.retarget(other);
    const startedMs = Date.now();
    for (const id of await dumps(first)) await stand.source.query(`KILL ${id}`);
    await stand.recovery(startedMs);
    // The source may notice late that an earlier attempt has ended.
    await eventually(async () => (await dumps(other)).length === 1, {what: 'one stream'});
    await stand.until('the end', ({replication}) => replication.lagSeconds === 0);
    expect(stand.logText()).not.toContain('"stream-silent"');
    await stand.equal();
  });
});
