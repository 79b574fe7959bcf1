/** The answers to POST /sync/trigger while the target fails over: the fault is temporary, and what to do. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {eventually} from '../helpers/eventually.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {untilWaiting} from '../helpers/lock-waits.ts';
import {connect, query} from '../servers/databases.ts';
import {startProxy, type FaultProxy} from '../servers/proxy.ts';

describeEachFlavour('A trigger during a failover of the target', ({server, source, target}) => {
  let proxy: FaultProxy;
  let stand: Stand;
  beforeAll(async () => {
    proxy = await startProxy(server);
    stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      via: {target: proxy},
    });
    await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One')");
    await stand.start();
    await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
    await proxy?.close();
  });
  const trigger = async () => {
    const response = await fetch(`${stand.daemon.url}/sync/trigger`, {
      method: 'POST',
      body: '{"mode":"full"}',
    });
    return {
      status: response.status,
      retryAfter: response.headers.get('retry-after'),
      body: (await response.json()) as Record<string, unknown>,
    };
  };

  it('is answered by 503, whether it interrupts the run or finds no leader', async () => {
    const holder = await connect(server, target);
    await holder.query('START TRANSACTION; SELECT 1 FROM institute WHERE instituteId = 1 FOR UPDATE');
    const answer = trigger();
    await untilWaiting(stand.target, async id => {
      const of = 'SELECT 1 FROM information_schema.processlist WHERE id = ? AND db = ?';
      return (await query(stand.target, of, [id, target])).length === 1;
    });
    await proxy.refuse(true);
    proxy.cut();
    expect(await answer).toMatchObject({
      status: 503,
      retryAfter: '5',
      body: {
        success: false,
        error: 'run-interrupted',
        message: expect.stringContaining('GET /readyz'),
        runId: expect.any(String),
      },
    });
    await eventually(async () => {
      expect(await trigger()).toMatchObject({
        status: 503,
        retryAfter: '5',
        body: {success: false, error: 'not-leading', message: expect.stringContaining('GET /readyz')},
      });
      return true;
    });
    await holder.query('ROLLBACK');
    await holder.end();
    await proxy.refuse(false);
    await stand.daemon.until('streaming');
    expect(await trigger()).toMatchObject({status: 200, body: {success: true}});
  });
});
