/** A run while the stream does not run, and the source's address leads to a replica that is behind. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {startLoaded} from '../helpers/cluster-stand.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {withConnection} from '../servers/databases.ts';
import {startProxy, type FaultProxy} from '../servers/proxy.ts';
import {replicate, startReplica} from '../servers/replica.ts';
import {startServer, type TestServer} from '../servers/server.ts';

describeEachFlavour('a reconcile without a stream', ({edition, server, source, target}) => {
  let first: TestServer;
  let replica: TestServer;
  let proxy: FaultProxy;
  let stand: Stand;
  beforeAll(async () => {
    first = await startServer({edition});
    await withConnection(first, undefined, connection =>
      connection.query(`CREATE DATABASE ${source} CHARACTER SET utf8mb4`),
    );
    proxy = await startProxy(first);
    stand = await Stand.open({
      source: {server: first, database: source},
      target: {server, database: target},
      via: {source: proxy},
    });
    await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'old'), (2, 'old')");
    replica = await startReplica(edition, first);
    await startLoaded(stand);
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
    await proxy?.close();
    await Promise.all([first?.dispose(), replica?.dispose()]);
  });

  const names = async () =>
    (await stand.targetRows('SELECT name FROM institute WHERE instituteId <= 2')).map(({name}) => name);
  const run = async () => {
    const {body} = await stand.daemon.post('/sync/trigger', {mode: 'full', wait: false});
    const {lastRun} = await stand.until(
      'the end of the run',
      // The record may show the end a moment before the next run may begin.
      ({lastRun: last, currentRun}) => last?.runId === body['runId'] && currentRun === null,
      40_000,
    );
    return lastRun;
  };

  it('#50 does not replace newer rows by those of a replica that is behind', async () => {
    await stand.caughtUp();
    const [row] = await stand.sourceRows('SELECT COUNT(*) AS rowCount FROM institutes');
    await expect
      .poll(
        () =>
          withConnection(replica, undefined, async connection => {
            const [rows] = await connection.query(`SELECT COUNT(*) AS rowCount FROM ${source}.institutes`);
            return (rows as unknown[])[0];
          }),
        {timeout: 20_000},
      )
      .toEqual(row);
    await replicate(edition, replica, false);
    await stand.source.query("UPDATE institutes SET name = 'new' WHERE id <= 2");
    await stand.caughtUp();
    await stand.daemon.post('/replication/pause', {});
    proxy.retarget(replica);

    expect(await run()).toMatchObject({
      state: 'failed',
      error: expect.stringMatching(/^source-unreachable: the source lacks transactions that were applied/),
    });
    expect(await names()).toEqual(['new', 'new']);
  });

  it('runs when the replica has caught up', async () => {
    await replicate(edition, replica, true);
    expect(await run()).toMatchObject({state: 'succeeded'});
    expect(await names()).toEqual(['new', 'new']);
    await stand.daemon.post('/replication/resume', {});
    await stand.equal();
  });

  it('is not needed when the stream moves to a replica that catches up', async () => {
    proxy.retarget(first);
    proxy.cut();
    await stand.caughtUp();
    const runs = async () => (await stand.targetRows('SELECT run_id FROM sync_run')).length;
    const before = await runs();
    await replicate(edition, replica, false);
    await stand.source.query("UPDATE institutes SET name = 'newer' WHERE id <= 2");
    await stand.caughtUp();
    // The thread that receives runs, so that the server counts as a replica; the one that applies waits for the lock.
    await withConnection(replica, undefined, async connection => {
      await connection.query('FLUSH TABLES WITH READ LOCK');
      await replicate(edition, replica, true);
      proxy.retarget(replica);
      proxy.cut();
      // Long enough for the stream to look at the replica's position.
      const beat = async () =>
        Number((await stand.targetRows("SELECT beat FROM sync_lease WHERE stream = 'default'"))[0]?.['beat']);
      const seen = await beat();
      await expect.poll(beat, {timeout: 20_000}).toBeGreaterThan(seen + 2);
      await connection.query('UNLOCK TABLES');
    });
    await stand.caughtUp();
    await stand.equal();
    expect(stand.logText()).not.toContain('"position-lost"');
    expect(await runs()).toBe(before);
  });
});
