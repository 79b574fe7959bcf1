/** A reconcile beside a busy stream writes nothing older over something newer, and nothing from the future (docs/invariants.md, 3 and 4). */
import {expect, it} from 'vitest';
import {withConnection} from '../servers/databases.ts';
import {startServer} from '../servers/server.ts';
import {describeEachFlavour, isShort} from '../helpers/flavours.ts';
import {COMPOSITE, SEED, Stand, SURROGATE, TIMEOUT_MS} from '../helpers/fault-stand.ts';
import {COUNTED, startCounter, startWriters} from '../helpers/fault-writers.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? (isShort ? 2 : 4));

/** Otherwise the writers give one address to two users, one of which waits as a dead letter. */
const UNIQUE = {...COMPOSITE, create: `${COMPOSITE.create} ALTER TABLE users ADD UNIQUE KEY email (email);`};

for (const schema of [SURROGATE, UNIQUE]) {
  describeEachFlavour(
    `six writers on hot rows beside reconciles, ${schema.name} (seed ${SEED})`,
    ({server, source, target}) => {
      it(
        '#1 ends equal, and no older value is ever written over a newer one',
        {timeout: TIMEOUT_MS},
        async () => {
          const place = {server, database: source};
          await using stand = await Stand.open({
            source: place,
            target: {server, database: target},
            schema,
            env: {USER_SYNC_BATCH_SIZE: '7'},
          });
          // A stale value is soon overwritten, so a number that decreased is reported at once.
          await stand.target.query(
            `CREATE TABLE fell (id BIGINT, was VARCHAR(20), became VARCHAR(20));
             CREATE TRIGGER tell AFTER UPDATE ON user FOR EACH ROW
               IF NEW.userId BETWEEN ${COUNTED.first} AND ${COUNTED.first + COUNTED.rows - 1} THEN
                 IF NEW.name + 0 < OLD.name + 0 THEN INSERT INTO fell VALUES (NEW.userId, OLD.name, NEW.name); END IF;
               END IF`,
          );
          await stand.start();
          // Before the stream runs, a load may be ahead of it, and the stream then replays older rows.
          await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
          await stand.caughtUp();
          const counter = await startCounter(place);
          const writers = await startWriters(place, 6, SEED);
          let runs = 0;
          try {
            for (let round = 0; round < ROUNDS; round++) {
              const {status, body} = await stand.daemon.post('/sync/trigger', {
                mode: round % 2 === 0 ? 'diff' : 'full',
                allowDeletes: true,
              });
              // The first load may still be running.
              if (status !== 409)
                expect({status, body}, stand.logText().slice(-3000)).toMatchObject({status: 200});
              runs++;
            }
          } finally {
            await writers.stop();
            await counter.stop();
          }
          expect(await stand.targetRows('SELECT * FROM fell')).toEqual([]);
          expect(runs).toBe(ROUNDS);
          expect(writers.written).toBeGreaterThan(100);
          await stand.caughtUp();
          // The stream alone must have written this: no reconcile repairs it first.
          await stand.equal(5000);
          expect((await stand.daemon.post('/sync/trigger', {mode: 'diff'})).body).toMatchObject({
            tables: {
              institute: {repaired: 0, deleted: 0},
              user: {repaired: 0, deleted: 0},
              institute_users: {repaired: 0, deleted: 0},
              user_auth: {repaired: 0, deleted: 0},
            },
          });
          await stand.equal(1000);
          expect(await stand.letters()).toEqual([]);
        },
      );
    },
  );
}

describeEachFlavour(
  `six writers on hot rows of a source without GTIDs (seed ${SEED})`,
  ({flavour, edition, server, target}) => {
    it.skipIf(flavour !== 'mysql')('end equal, too', {timeout: TIMEOUT_MS}, async () => {
      await using own = await startServer({
        edition,
        options: ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF'],
      });
      await withConnection(own, undefined, connection =>
        connection.query('CREATE DATABASE laas CHARACTER SET utf8mb4'),
      );
      const place = {server: own, database: 'laas'};
      await using stand = await Stand.open({
        source: place,
        target: {server, database: target},
        env: {USER_SYNC_BATCH_SIZE: '17'},
      });
      await stand.start();
      const writers = await startWriters(place, 6, SEED);
      try {
        for (let round = 0; round < Math.max(2, ROUNDS / 4); round++) {
          const {status, body} = await stand.daemon.post('/sync/trigger', {
            mode: round % 2 === 0 ? 'diff' : 'full',
            allowDeletes: true,
          });
          if (status !== 409)
            expect({status, body}, stand.logText().slice(-3000)).toMatchObject({status: 200});
        }
      } finally {
        await writers.stop();
      }
      await stand.caughtUp();
      await stand.equal(5000);
    });
  },
);
