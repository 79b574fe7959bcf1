/**
 * Unique keys of every kind that a target may have: values that move end in the right rows, and other rows wait
 * for the row that blocks them.
 */
import {fc} from '../helpers/draws.ts';
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

  it('#39 of any kind leave each row equal to its source row, or waiting for another', async () => {
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
      },
    );
    expect(conflicts).toBeGreaterThan(0);
  }, 300_000);

  it.each(
    ['nonsense', 'bob@x'].flatMap(email =>
      (['no user', 'user'] as const).flatMap(tag => [true, false].map(together => ({email, tag, together}))),
    ),
  )(
    'rows that wait with a refused user are not dead letters: $email, $tag, $together',
    async ({email, tag, together}) => {
      const {sql, reading, writing} = sessions();
      const run = (text: string, values: readonly unknown[] = []) => sql.query(text, [...values]);
      for (const table of ['institute_user', 'users', 'institutes']) await run(`DELETE FROM ${table}`);
      await makeTables(stand, {
        collation: 'utf8mb4_bin',
        user: ['ADD UNIQUE KEY u1 (email)'],
        institute: [],
        institute_users: ['ADD UNIQUE KEY r3 (instituteId, role)'],
        user_auth: ['ADD UNIQUE KEY a1 (password)'],
        referring: '',
        role: 'VARCHAR(20)',
        surrogate: false,
      });
      stand.plan = await planOf(reading, writing, context);
      await stand.begin();
      await makeForeign(stand);
      const user = (id: number, address: string, active: 0 | 1 = 1) =>
        ({tag: 'user', id, email: address, name: 'A', password: 'p1', active}) as const;
      const member = (id: number) => ({tag: 'member', institute: 1, user: id, role: 'director'}) as const;
      const first = [
        {tag: 'institute', id: 1, name: 'One', image: null} as const,
        user(1, 'ann@x'),
        user(2, 'bo@x'),
        member(1),
        member(2),
      ];
      // The blocking rows leave, and the user whose rows wait for them is refused.
      const leaves = tag === 'user' ? user(1, 'ann@x', 0) : ({tag, id: 1} as const);
      const steps = together
        ? [first, [leaves, user(2, email), member(2)]]
        : [first, [user(2, email), member(2)], [leaves]];
      for (const [i, step] of steps.entries()) {
        await applyLikeStream(stand, await makeChanges(stand, run, step), i + 1);
        await checkTarget(sql, stand.other);
      }
      const code = email === 'nonsense' ? 'invalid-email' : 'unique-conflict';
      expect((await stand.inShort()).letters).toEqual([`user 2 ${code}`]);
    },
  );
});
