/** The connection of the lease: its end means that the lease is lost. */
import {expect, it, vi} from 'vitest';
import {KnownWrites} from '../../src/apply/checkpoint.ts';
import {loadConfig} from '../../src/config.ts';
import {tryAcquireLease} from '../../src/db/lease.ts';
import {environment} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {migrate} from '../helpers/in-process.ts';
import {startProxy} from '../servers/proxy.ts';

/** A clock that stands still, so that no renewal notices the end first. */
vi.mock('../../src/db/lease-row.ts', async original => ({...(await original<object>()), RENEW_MS: 2 ** 30}));

describeEachFlavour('the lease', ({server, source, target}) => {
  it('is lost as soon as its connection ends, before the next renewal', async () => {
    await using proxy = await startProxy(server);
    const env = environment(
      {...server, database: source},
      {...server, host: proxy.host, port: proxy.port, database: target},
    );
    await migrate(env);
    const {target: config, name: stream} = loadConfig(env);
    const lease = await tryAcquireLease({config, stream, holder: 'test', writes: new KnownWrites()});
    if (lease === null) throw new Error('no lease');
    expect(lease.lost.aborted).toBe(false);
    proxy.cut();
    await eventually(() => lease.lost.aborted, {timeoutMs: 10_000, what: 'a lost lease'});
    expect(lease.lost.reason).toMatchObject({code: 'target-unreachable'});
    await lease.release();
  });
});
