/**
 * Tables of the target with an AUTO_INCREMENT key of their own: updates of existing rows use none of its
 * numbers.
 */
import {beforeEach, describe, expect, it} from 'vitest';
import {planOf, sessionsFor} from '../property/stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {query} from '../servers/databases.ts';
import {institute, membership, user} from '../unit/plan-fixture.ts';
import {ApplierStand, changes, many, MANY, members, ready, type Settings} from './applier-stand.ts';

const SURROGATES = ['user', 'institute', 'institute_users', 'user_auth'];
const PAIRS = Array.from({length: MANY}, (_, i) => `1:${1000 + i}`);

describeEachFlavour('a table of the target with an AUTO_INCREMENT key of its own', context => {
  const stand = new ApplierStand(context);
  const sessions = sessionsFor(context);

  /** The number that each table's next row would get. */
  const counters = async () => {
    const found: Record<string, number> = {};
    for (const table of SURROGATES) {
      const [row] = await query(stand.other, `SHOW CREATE TABLE ${table}`);
      found[table] = Number(/ AUTO_INCREMENT=(\d+)/.exec(String(row?.['Create Table']))?.[1] ?? 1);
    }
    return found;
  };
  const numbers = () => query(stand.other, 'SELECT userId, pk FROM user ORDER BY userId');

  beforeEach(async () => {
    await stand.other.query(
      `SET foreign_key_checks = 0; DROP TABLE user_auth, institute_users, user, institute;
       CREATE TABLE institute (pk INT AUTO_INCREMENT PRIMARY KEY, instituteId BIGINT NOT NULL UNIQUE, name VARCHAR(255) NOT NULL,
         imageUrl VARCHAR(255), createdAt DATETIME(3) NOT NULL, updatedAt DATETIME(3) NOT NULL);
       CREATE TABLE user (userId BIGINT NOT NULL UNIQUE, name VARCHAR(255) NOT NULL, email VARCHAR(190) NOT NULL UNIQUE,
         password VARCHAR(255) NOT NULL, createdAt DATETIME(3) NOT NULL, updatedAt DATETIME(3) NOT NULL,
         pk INT UNSIGNED AUTO_INCREMENT PRIMARY KEY);
       CREATE TABLE institute_users (instituteId BIGINT, userId BIGINT, pk INT AUTO_INCREMENT, role VARCHAR(20), isActive TINYINT,
         createdAt DATETIME(3), updatedAt DATETIME(3), UNIQUE KEY (instituteId, userId), KEY (pk));
       CREATE TABLE user_auth (userId BIGINT PRIMARY KEY, password VARCHAR(255), createdAt DATETIME(3), updatedAt DATETIME(3),
         pk INT AUTO_INCREMENT UNIQUE)`,
    );
    const {reading, writing} = sessions();
    stand.plan = await planOf(reading, writing, context);
  });

  describe.each<Partial<Settings>>([{}, {conflicts: 'newest'}])('with %o', settings => {
    beforeEach(async () => {
      await stand.begin(settings);
      await stand.apply(ready(changes(many(1000), {1: institute('1')}, members(...PAIRS)), 1));
    });

    it('keeps its numbers while rows are updated, however they are sent', async () => {
      const before = await counters();
      const were = await numbers();
      const later = {updated_at: '2031-01-01 00:00:00.000000'};
      for (let i = 2; i < 5; i++) {
        const all = changes(
          many(1000, {...later, first_name: `Name${i}`}),
          {1: institute('1', {name: `Institute ${i}`})},
          Object.fromEntries(
            PAIRS.map(pair => [pair, membership('1', pair.slice(2), {...later, status: `s${i}`})]),
          ),
        );
        await stand.apply(ready(all, i));
      }
      // Two rows swap their addresses, which no single statement can do.
      const swap = (id: string, other: string) =>
        user(id, {...later, email: `u${other}@x.org`, first_name: 'Swapped'});
      await stand.apply(ready(changes({1000: swap('1000', '1001'), 1001: swap('1001', '1000')}), 6));
      expect(await query(stand.other, 'SELECT email, name FROM user WHERE userId = 1001')).toEqual([
        {email: 'u1000@x.org', name: 'Swapped L'},
      ]);
      expect(await numbers()).toEqual(were);
      expect(await counters()).toEqual(before);
      expect((await stand.inShort()).letters).toEqual([]);
    });

    it('gives a number to a new row, and to a row that somebody deleted', async () => {
      await stand.other.query('DELETE FROM user WHERE userId IN (1000, 1100)');
      await stand.apply(ready(changes({...many(1000, {first_name: 'Again'}), 7: user('7')}), 2));
      const {users} = await stand.inShort();
      expect(users).toHaveLength(MANY + 1);
      const pks = (await numbers()).map(row => row['pk']);
      expect(new Set(pks).size).toBe(MANY + 1);
    });
  });
});
