/**
 * kill -9 at random instants: nothing is lost, nothing counts twice, and no reader sees half a transaction
 * (docs/invariants.md, 1 and 2).
 */
import {setTimeout as sleep} from 'node:timers/promises';
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {SEED, Stand, TIMEOUT_MS} from '../helpers/fault-stand.ts';
import {startCounter, startWriters} from '../helpers/fault-writers.ts';
import {eventually} from '../helpers/eventually.ts';
import {randomFrom} from '../helpers/workload.ts';
import {connect} from '../servers/databases.ts';

const KILLS = Number(process.env['KILLS'] ?? 12);
/** The kill that waits for the first copy. */
const FIRST_COPY = Math.min(3, KILLS - 1);

describeEachFlavour(`kill -9 at random instants (seed ${SEED})`, ({server, source, target}) => {
  it(
    `#9 is survived ${KILLS} times, and no reader ever sees half a transaction`,
    {timeout: TIMEOUT_MS},
    async () => {
      const random = randomFrom(SEED);
      const place = {server, database: source};
      await using stand = await Stand.open({source: place, target: {server, database: target}});
      const writers = await startWriters(place, 3, SEED);
      // A lost change of its rows stays visible, while those of the other writers are soon overwritten.
      const counter = await startCounter(place);
      const reader = await connect(server, target);
      const seen = {reads: 0, pairs: 0, halves: [] as unknown[]};
      const watching = new AbortController();
      const watch = (async () => {
        while (!watching.signal.aborted) {
          const [rows] = await reader.query('SELECT name FROM user WHERE userId IN (9001, 9002)');
          const names = (rows as {name: string}[]).map(row => row.name);
          seen.reads++;
          if (names.length === 2) seen.pairs++;
          if (names.length === 1 || names[0] !== names[1]) seen.halves.push(names);
        }
      })();
      let token = 0;
      let leaders = 0;
      try {
        for (let i = 0; i < KILLS; i++) {
          const daemon = await stand.launch();
          // One in four dies while it starts or loads, the others while they stream.
          if (i === FIRST_COPY)
            // The first copy has ended by then, so that the later kills interrupt changes.
            await stand.explained(
              eventually(() => seen.pairs > 0, {timeoutMs: 30_000, what: 'the first copy'}),
            );
          else if (i % 4 !== 1) {
            await stand.explained(
              eventually(() => daemon.log().includes('replication is streaming'), {
                timeoutMs: 30_000,
                intervalMs: 5,
                what: 'streaming',
              }),
            );
            leaders++;
          }
          await sleep(random() * 400);
          await daemon.kill();
          const [row] = await stand.targetRows('SELECT fencing_token AS token FROM sync_checkpoint');
          expect(Number(row?.['token'] ?? 0)).toBeGreaterThanOrEqual(token);
          token = Number(row?.['token'] ?? 0);
        }
      } finally {
        await writers.stop();
        await counter.stop();
        watching.abort();
        await watch;
        await reader.end();
      }
      await stand.start();
      await stand.caughtUp();
      await stand.equal();
      expect(seen.halves).toEqual([]);
      expect(seen.pairs).toBeGreaterThan(KILLS > FIRST_COPY ? KILLS : 0);
      // Each leader that streamed had a fencing number of its own; those that died before may have had one.
      expect(token).toBeGreaterThanOrEqual(leaders);
      expect((await stand.cli(['verify'])).code).toBe(0);
      expect(await stand.daemon.stop()).toBe(0);
    },
  );

  it('#9 in the middle of a large transaction leaves the checkpoint before it', async () => {
    await using stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      schema: {create: 'DO 1', surrogate: true},
    });
    await stand.start();
    await stand.caughtUp();
    const written = async () =>
      Number((await stand.targetRows('SELECT COUNT(*) AS n FROM user WHERE userId >= 100000'))[0]?.['n']);
    const numbers = 'SELECT 0 i UNION ALL SELECT i + 1 FROM n WHERE i < 299';
    await stand.source.query(`
      START TRANSACTION;
      UPDATE users SET first_name = 'large' WHERE id IN (9001, 9002);
      INSERT INTO users (id, first_name, last_name, email, password)
        WITH RECURSIVE n AS (${numbers}) SELECT 100000 + a.i * 300 + b.i, REPEAT('f', 60), REPEAT('l', 60), CONCAT('large', a.i, '.', b.i, '@example.test'), REPEAT('p', 60) FROM n a, n b;
      UPDATE users SET last_name = 'end' WHERE id IN (9001, 9002);`);
    await stand.source.query('COMMIT');
    await stand.explained(
      eventually(async () => (await written()) > 0, {timeoutMs: 30_000, intervalMs: 1, what: 'a part'}),
    );
    await stand.daemon.kill();
    await stand.start();
    await stand.equal(60_000);
    expect(await written()).toBe(90_000);
    // It continues from its position and does not start again.
    expect(stand.logText()).not.toContain('replication.reanchor');
  });
});
