import {beforeAll, describe, expect, it} from 'vitest';
import {KnownWrites} from '../../src/apply/checkpoint.ts';
import {tryAcquireLease} from '../../src/db/lease.ts';
import {lockName} from '../../src/db/named-lock.ts';
import {judgeLease} from '../../src/doctor/bookkeeping-checks.ts';
import {examine} from '../../src/doctor/doctor.ts';
import {cli} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {connect, query, withConnection} from '../servers/databases.ts';
import {startProxy} from '../servers/proxy.ts';
import {configOf, environmentOf, furnish, worst, type Stand} from './doctor-stand.ts';

describeEachFlavour('bookkeeping that the doctor checks', ({server, source, target}) => {
  const stand: Stand = {server, source, target};
  const doctor = (extra = {}) => examine(configOf(stand, extra));
  const onTarget = (sql: string) => withConnection(server, target, connection => connection.query(sql));

  beforeAll(() => furnish(stand));

  it('says who leads, which other streams write, and which have ended', async () => {
    const config = configOf(stand);
    expect(worst(await doctor(), 'lease').message).toBe('nobody has led this stream yet');
    const lease = await tryAcquireLease({
      config: config.target,
      stream: 'default',
      holder: 'host-a:1',
      writes: new KnownWrites(),
    });
    expect(worst(await doctor(), 'lease')).toMatchObject({level: 'ok', message: 'host-a:1 leads default'});
    expect(worst(await doctor({SYNC_NAME: 'blue'}), 'lease')).toMatchObject({
      level: 'warning',
      message: 'another stream, default, also writes to this database (host-a:1)',
    });
    await lease?.release();
    expect(worst(await doctor(), 'lease').message).toBe('nobody leads default now');
    const stale = worst(await doctor({SYNC_NAME: 'blue'}), 'lease');
    expect(stale).toMatchObject({
      level: 'warning',
      message: 'a stream default was once led by host-a:1, and nobody leads it now',
    });
    await onTarget(String(stale.fix));
    expect(worst(await doctor({SYNC_NAME: 'blue'}), 'lease').message).toBe('nobody has led this stream yet');
  });

  it('finds a lease that a connection holds for a dead leader, and the KILL frees it', async () => {
    const {target: config} = configOf(stand);
    await using between = await startProxy(server);
    // As through a pool that resets the session: the server does not end it.
    const dead = await connect({...server, port: between.port}, target);
    dead.on('error', () => undefined);
    await query(dead, 'SELECT GET_LOCK(?, 0)', [lockName(target, 'default')]);
    await onTarget(
      "INSERT INTO sync_checkpoint (stream, leader) VALUES ('default', 'host-a:1') ON DUPLICATE KEY UPDATE leader = 'host-a:1'",
    );
    between.blackhole();
    expect(
      await tryAcquireLease({config, stream: 'default', holder: 'host-b:1', writes: new KnownWrites()}),
    ).toBeNull();
    const stale = await eventually(
      async () => {
        const finding = worst(await doctor(), 'lease');
        return finding.level === 'must-fix' ? finding : false;
      },
      {timeoutMs: 15_000, intervalMs: 500},
    );
    expect(stale.message).toMatch(
      /^the lease of default is held by connection \d+, which has been silent for \d+ s$/,
    );
    await onTarget(String(stale.fix));
    const lease = await eventually(
      async () =>
        (await tryAcquireLease({config, stream: 'default', holder: 'host-b:1', writes: new KnownWrites()})) ??
        undefined,
    );
    expect(worst(await doctor(), 'lease')).toMatchObject({level: 'ok', message: 'host-b:1 leads default'});
    await lease.release();
    dead.destroy();
  });

  it('distinguishes bookkeeping of an older version from that of a newer one', async () => {
    await onTarget("DELETE FROM sync_migrations WHERE name LIKE '0002%'");
    expect(worst(await doctor(), 'migrated')).toMatchObject({
      level: 'warning',
      message: 'the bookkeeping tables are of an older version',
      fix: 'laas-sync migrate',
    });
    expect(await cli(['migrate'], environmentOf(stand))).toMatchObject({code: 0});
    await onTarget("INSERT INTO sync_migrations (name, batch) VALUES ('0999-of-the-future', 2)");
    expect(worst(await doctor(), 'migrated')).toMatchObject({
      level: 'must-fix',
      message: 'the bookkeeping tables were created by a newer version of laas-sync',
    });
    await onTarget("DELETE FROM sync_migrations WHERE name LIKE '0999%'");
    expect(worst(await doctor(), 'migrated').level).toBe('ok');
  });
});

describe('a lease with a holder', () => {
  const facts = {stream: 'default', leader: 'host-a:1', holder: 42, idleSeconds: 600, isRenewed: false};

  it('is stale if its holder has long been silent', () => {
    expect(judgeLease(facts, 'default')).toMatchObject([{level: 'must-fix', fix: 'KILL 42;'}]);
    expect(judgeLease(facts, 'other')).toMatchObject([{level: 'warning', fix: 'KILL 42;'}]);
  });

  it('is fine if it is renewed, or cannot be read', () => {
    expect(judgeLease({...facts, idleSeconds: 1}, 'default')).toMatchObject([{level: 'ok'}]);
    expect(judgeLease({...facts, idleSeconds: null}, 'default')).toMatchObject([{level: 'ok'}]);
    expect(judgeLease({...facts, isRenewed: true}, 'default')).toMatchObject([{level: 'ok'}]);
  });
});
