/**
 * Connections that fall silent, are cut or refused, and servers that stop and return: the daemon recovers
 * without help, and the status reports the fault meanwhile.
 */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {SEED, Stand, TIMEOUT_MS} from '../helpers/fault-stand.ts';
import {startWriters} from '../helpers/fault-writers.ts';
import {eventually} from '../helpers/eventually.ts';
import {randomFrom} from '../helpers/workload.ts';
import {connect} from '../servers/databases.ts';
import {type FaultProxy, startProxy} from '../servers/proxy.ts';
import {startServer, type TestServer} from '../servers/server.ts';

const CUTS = Number(process.env['CUTS'] ?? 12);

describeEachFlavour(`connections (seed ${SEED})`, ({server, source, target}) => {
  let stand: Stand;
  let toSource: FaultProxy;
  let toTarget: FaultProxy;
  beforeAll(async () => {
    toSource = await startProxy(server);
    toTarget = await startProxy(server);
    stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      via: {source: toSource, target: toTarget},
    });
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (1, 'One', 'one@example.test', 'p'), (2, 'Two', 'two@example.test', 'p')",
    );
    await stand.start();
    await stand.equal();
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
    await toSource?.close();
    await toTarget?.close();
  });
  const rename = (name: string) => stand.source.query('UPDATE users SET first_name = ? WHERE id = 1', [name]);

  it('#3 #27 to the source that fall silent are found within seconds', async () => {
    toSource.blackhole();
    const silentMs = performance.now();
    await rename('InSilence');
    const status = await stand.until(
      'a reason',
      ({replication, reasons, warnings}) =>
        replication.state !== 'streaming' &&
        /stream-silent|source-unreachable/.test([...reasons, ...(warnings as string[])].join()),
    );
    expect(performance.now() - silentMs).toBeLessThan(10_000);
    expect(status.replication.lagSeconds === null || status.replication.lagSeconds > 0).toBe(true);
    toSource.restore();
    await stand.daemon.until('streaming', 40_000);
    await stand.equal();
  });

  it('to the target that fall silent cost nothing but time', async () => {
    toTarget.blackhole();
    await rename('TargetSilent');
    await stand.until(
      'a reason',
      ({replication, reasons, warnings}) =>
        replication.state !== 'streaming' &&
        /target-unreachable|lease-lost/.test([...reasons, ...(warnings as string[])].join()),
      30_000,
    );
    toTarget.restore();
    await stand.daemon.until('streaming', 40_000);
    await stand.equal();
  });

  it('to the target that fall silent, even at a COMMIT, are closed within seconds', async () => {
    const applied = async () =>
      Number((await stand.targetRows('SELECT rows_applied AS n FROM sync_checkpoint'))[0]?.['n']);
    const {reconnects} = (await stand.daemon.status()).replication;
    const before = await applied();
    toTarget.muffle();
    await rename('Unanswered');
    await eventually(async () => (await applied()) === before + 1, {
      what: 'the commit, which is not answered',
    });
    await stand.until('a new start', ({replication}) => replication.reconnects > reconnects);
    await stand.daemon.until('streaming', 40_000);
    await rename('Answered');
    await stand.equal();
    expect(await applied()).toBe(before + 2);
  });

  it('that are cut at random bytes lose nothing and repeat nothing', {timeout: TIMEOUT_MS}, async () => {
    const random = randomFrom(SEED);
    const applied = async () =>
      Number((await stand.targetRows('SELECT rows_applied AS n FROM sync_checkpoint'))[0]?.['n']);
    const writers = await startWriters({server, database: source}, 2, SEED);
    try {
      for (let i = 0; i < CUTS; i++) {
        const proxy = random() < 0.5 ? toSource : toTarget;
        proxy.cutAfterBytes(Math.floor(random() * 20_000), random() < 0.5 ? 'toClient' : 'toServer');
        const before = await applied();
        // Until after the cut, which comes when enough bytes have passed.
        await eventually(async () => (await applied()) > before + 50, {timeoutMs: 60_000, what: 'progress'});
      }
    } finally {
      await writers.stop();
      for (const proxy of [toSource, toTarget]) proxy.cut();
    }
    await stand.daemon.until('streaming', 40_000);
    await stand.caughtUp();
    await stand.equal();
  });

  it('refused for a while are tried again', async () => {
    await toTarget.refuse(true);
    toTarget.cut();
    await rename('Refused');
    await stand.until('a reason', ({replication}) => replication.state !== 'streaming');
    await toTarget.refuse(false);
    await stand.daemon.until('streaming', 40_000);
    await stand.equal();
  });

  it('#27 #30 wait for a lock on the target’s rows, while lag grows', async () => {
    // Rows of its own: the writers of the previous test may have deactivated or deleted any other row.
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (7001, 'Free', 'free1@example.test', 'p'), (7002, 'Free', 'free2@example.test', 'p')",
    );
    await stand.equal();
    const holder = await connect(server, target);
    try {
      await holder.query('START TRANSACTION; SELECT * FROM user FOR UPDATE');
      await stand.source.query("UPDATE users SET first_name = 'Locked' WHERE id = 7001");
      await stand.source.query("UPDATE users SET first_name = 'Too' WHERE id = 7002");
      // Longer than one lock wait: it is retried.
      await stand.until('lag', ({replication}) => (replication.lagSeconds ?? 0) > 15, 30_000);
    } finally {
      await holder.query('ROLLBACK');
      await holder.end();
    }
    await stand.equal(30_000);
    expect(await stand.letters()).toEqual([]);
  });
});

describeEachFlavour('servers of its own', ({flavour, edition}) => {
  let sourceServer: TestServer;
  let targetServer: TestServer;
  let stand: Stand;
  beforeAll(async () => {
    [sourceServer, targetServer] = await Promise.all([startServer({edition}), startServer({edition})]);
    for (const [server, name] of [
      [sourceServer, 'laas'],
      [targetServer, 'organizations'],
    ] as const) {
      const connection = await connect(server);
      await connection.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
      await connection.end();
    }
    stand = await Stand.open({
      source: {server: sourceServer, database: 'laas'},
      target: {server: targetServer, database: 'organizations'},
    });
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (1, 'One', 'one@example.test', 'p')",
    );
    await stand.start();
    await stand.equal();
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
    await sourceServer?.dispose();
    await targetServer?.dispose();
  });
  const rename = (name: string) => stand.source.query('UPDATE users SET first_name = ? WHERE id = 1', [name]);

  it('that are restarted or killed are found again', async () => {
    for (const server of [sourceServer, targetServer]) {
      await rename(`before-${server.port}`);
      await server.restart();
      await stand.connect();
      await rename(`restart-${server.port}`);
      await stand.daemon.until('streaming', 40_000);
      await stand.equal(30_000);
      await rename(`last-${server.port}`);
      await server.kill();
      await stand.until(
        'a reason',
        ({replication, reasons, warnings}) =>
          replication.state !== 'streaming' && [...reasons, ...(warnings as string[])].length > 0,
        30_000,
      );
      await server.start();
      await stand.connect();
      await stand.daemon.until('streaming', 40_000);
      await rename(`up-${server.port}`);
      await stand.equal(30_000);
    }
    // No library writes a line of its own beside the log, either.
    const foreign = stand.daemon.log().split('\n');
    expect(foreign.filter(line => line !== '' && !line.startsWith('{'))).toEqual([]);
  });

  it('whose target becomes read-only are retried until it accepts writes', async () => {
    const mode = flavour === 'mysql' ? 'super_read_only' : 'read_only';
    // On MariaDB the test's account may write nevertheless, so the daemon uses an account with fewer privileges.
    await stand.target.query(
      "CREATE USER 'plain'@'%' IDENTIFIED BY 'plain'; GRANT ALL ON organizations.* TO 'plain'@'%'",
    );
    await stand.daemon.stop();
    await stand.start({ORG_DB_USERNAME: 'plain', ORG_DB_PASSWORD: 'plain'});
    await stand.target.query(`SET GLOBAL ${mode} = ON`);
    await rename('ReadOnly');
    await stand.until(
      'a reason',
      ({replication, reasons, warnings}) =>
        replication.state !== 'streaming' && /target/.test([...reasons, ...(warnings as string[])].join()),
    );
    await stand.target.query(
      `SET GLOBAL ${mode} = OFF${flavour === 'mysql' ? '; SET GLOBAL read_only = OFF' : ''}`,
    );
    await stand.daemon.until('streaming', 40_000);
    await stand.equal(30_000);
  });
});
