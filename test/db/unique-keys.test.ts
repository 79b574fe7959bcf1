/** Unique keys of every kind that a target may have: what moves ends right, what cannot waits for the row in its way. */
import fc from 'fast-check';
import {beforeAll, expect, it} from 'vitest';
import {planOf, sessionsFor} from '../property/stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {ApplierStand} from './applier-stand.ts';
import {checkTarget} from './unique-oracle.ts';
import {
  applyLikeStream,
  batchesOfChanges,
  makeChanges,
  makeForeign,
  makeTables,
  tablesOf,
} from './unique-stand.ts';

describeEachFlavour('unique keys', context => {
  const stand = new ApplierStand(context);
  const sessions = sessionsFor(context);
  beforeAll(async () => {
    await sessions().sql.query('ALTER TABLE users DROP KEY email');
  });

  it('#39 of any kind leave each row equal to its source row, or in wait for another', async () => {
    const {sql, reading, writing} = sessions();
    const run = (text: string, values: readonly unknown[] = []) => sql.query(text, [...values]);
    let conflicts = 0;
    await fc.assert(
      fc.asyncProperty(
        tablesOf(context.flavour),
        batchesOfChanges,
        fc.constantFrom(2, 100),
        async (tables, batches, batchRows) => {
          await run('DELETE FROM institute_user');
          await run('DELETE FROM users');
          await run('DELETE FROM institutes');
          await makeTables(stand, tables);
          stand.plan = await planOf(reading, writing, context);
          await stand.begin({batchRows});
          await makeForeign(stand);
          for (const [i, batch] of batches.entries()) {
            const changes = await makeChanges(stand, run, batch);
            await applyLikeStream(stand, changes, i + 1);
            await checkTarget(sql, stand.other);
          }
          conflicts += (await stand.inShort()).letters.length;
        },
      ),
      {
        numRuns: Number(process.env['RUNS'] ?? 40),
        endOnFailure: process.env['SHRINK'] === undefined,
        seed: Number(process.env['SEED'] ?? 1),
      },
    );
    expect(conflicts).toBeGreaterThan(0);
  }, 300_000);
});
