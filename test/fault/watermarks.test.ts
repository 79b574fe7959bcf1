/** A reconcile beside a busy stream writes nothing older over something newer, and nothing from the future (design.md §3.3, §3.4). */
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {COMPOSITE, SEED, Stand, SURROGATE, TIMEOUT_MS} from '../helpers/fault-stand.ts';
import {startWriters} from '../helpers/fault-writers.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 8);

for (const schema of [SURROGATE, COMPOSITE]) {
  describeEachFlavour(
    `six writers on hot rows beside reconciles, ${schema.name} (seed ${SEED})`,
    ({server, source, target}) => {
      it('ends equal, in either mode, without a failed run', {timeout: TIMEOUT_MS}, async () => {
        const place = {server, database: source};
        await using stand = await Stand.open({
          source: place,
          target: {server, database: target},
          schema,
          env: {USER_SYNC_BATCH_SIZE: '7'},
        });
        await stand.start();
        const writers = await startWriters(place, 6, SEED);
        let runs = 0;
        try {
          for (let round = 0; round < ROUNDS; round++) {
            const {status, body} = await stand.daemon.post('/sync/trigger', {
              mode: round % 2 === 0 ? 'diff' : 'full',
              allowDeletes: true,
            });
            // The first load may still be under way.
            if (status !== 409)
              expect({status, body}, stand.told().slice(-3000)).toMatchObject({status: 200});
            runs++;
          }
        } finally {
          await writers.stop();
        }
        expect(runs).toBe(ROUNDS);
        expect(writers.written).toBeGreaterThan(100);
        await stand.caughtUp();
        // The stream alone must have made it so: no reconcile mends it first.
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
      });
    },
  );
}
