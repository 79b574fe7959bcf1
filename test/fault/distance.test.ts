/**
 * kill -9 and cut connections with both servers far away, so that many statements are in flight: nothing is
 * lost, and no reader sees half a transaction.
 */
import {setTimeout as sleep} from 'node:timers/promises';
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {SEED, Stand, TIMEOUT_MS} from '../helpers/fault-stand.ts';
import {startCounter, startWriters} from '../helpers/fault-writers.ts';
import {eventually} from '../helpers/eventually.ts';
import {randomFrom} from '../helpers/workload.ts';
import {connect} from '../servers/databases.ts';
import {startProxy} from '../servers/proxy.ts';

const KILLS = Number(process.env['KILLS'] ?? 4);
const ONE_WAY_MS = 10;
/** More rows than one flight holds. */
const MANY = 3000;

describeEachFlavour(`far servers (seed ${SEED})`, ({server, source, target}) => {
  it(`survive ${KILLS} kills and cuts at random instants`, {timeout: 2 * TIMEOUT_MS}, async () => {
    const random = randomFrom(SEED);
    const place = {server, database: source};
    const toSource = await startProxy(server);
    const toTarget = await startProxy(server);
    for (const proxy of [toSource, toTarget]) proxy.delay(ONE_WAY_MS);
    await using stand = await Stand.open({
      source: place,
      target: {server, database: target},
      via: {source: toSource, target: toTarget},
    });
    const bulk = await connect(server, source);
    const reader = await connect(server, target);
    const watching = new AbortController();
    const halves: unknown[] = [];
    let wholes = 0;
    const watch = async () => {
      while (!watching.signal.aborted) {
        const [rows] = await reader.query(
          'SELECT COUNT(*) AS n, COUNT(DISTINCT name) AS names FROM user WHERE userId BETWEEN 5000001 AND 5003000',
        );
        const [{n, names}] = rows as [{n: number; names: number}];
        if (Number(n) === 0) continue;
        if (Number(n) === MANY && Number(names) === 1) wholes++;
        else halves.push({n, names});
      }
    };
    const numbers = Array.from({length: MANY}, (_, i) => 5_000_001 + i);
    await bulk.query('INSERT INTO users (id, first_name, email, password) VALUES ?', [
      numbers.map(id => [id, 'turn', `far${id}@example.test`, 'p'.repeat(60)]),
    ]);
    await stand.start();
    await stand.equal(60_000);
    const writers = await startWriters(place, 2, SEED);
    const counter = await startCounter(place);
    const watched = watch();
    try {
      for (let i = 0; i < KILLS; i++) {
        await bulk.query(`UPDATE users SET first_name = 'turn${i}' WHERE id BETWEEN 5000001 AND 5003000`);
        if (random() < 0.5) {
          await sleep(random() * 400);
          await stand.daemon.kill();
          await stand.start();
        } else {
          const proxy = random() < 0.7 ? toTarget : toSource;
          proxy.cutAfterBytes(Math.floor(random() * 900_000), random() < 0.3 ? 'toClient' : 'toServer');
        }
        await stand.explained(
          eventually(
            async () =>
              (await stand.targetRows(`SELECT 1 FROM user WHERE userId = 5000001 AND name = 'turn${i}'`))
                .length > 0,
            {timeoutMs: 60_000, what: 'the turn'},
          ),
        );
      }
    } finally {
      await writers.stop();
      await counter.stop();
      watching.abort();
      await watched;
      await reader.end();
      await bulk.end();
      for (const proxy of [toSource, toTarget]) proxy.cutAfterBytes(Number.MAX_SAFE_INTEGER, 'toClient');
    }
    await stand.daemon.until('streaming', 40_000);
    // The writers of a fast machine are ahead of a stream that waits 20 ms for each answer.
    await stand.caughtUp(60_000);
    await stand.equal(60_000);
    expect(halves).toEqual([]);
    expect(wholes).toBeGreaterThan(KILLS);
    expect((await stand.cli(['verify'])).code).toBe(0);
    expect(await stand.daemon.stop()).toBe(0);
    for (const proxy of [toSource, toTarget]) await proxy.close();
  });
});

describeEachFlavour('a target far away', ({server, source, target}) => {
  it('hears of a stop: the lease is given up, and nothing is left open', async () => {
    const toTarget = await startProxy(server);
    toTarget.delay(ONE_WAY_MS);
    await using stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      via: {target: toTarget},
    });
    await stand.start();
    await stand.daemon.stop();
    expect(
      await stand.targetRows("SELECT expires_at AS expiresAt FROM sync_lease WHERE stream = 'default'"),
    ).toEqual([{expiresAt: null}]);
    expect(stand.logText()).not.toContain('"exit.held"');
    await toTarget.close();
  });
});
