/**
 * An upsert that conflicts with another row's unique value fails, whichever column holds the assertion; it
 * never changes that row.
 */
import {beforeEach, describe, expect, it} from 'vitest';
import {preparedUpsert, upserts} from '../../src/apply/statements.ts';
import {rollBack} from '../../src/apply/session.ts';
import {BulkRows} from '../../src/db/bulk.ts';
import {planOf, sessionsFor} from '../property/stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {query} from '../servers/databases.ts';
import {tableOf, user} from '../unit/plan-fixture.ts';
import {ApplierStand, changes, many, MANY, ready} from './applier-stand.ts';

const PLAIN = {newestWins: false};
const OTHER = {userId: 3, email: 'u3@x.org'};
/** Row 4 wants the value that row 3 holds. */
const TAKES = user('4', {email: 'u3@x.org'});

describeEachFlavour('#32 an upsert in conflict with the unique value of another row', context => {
  const stand = new ApplierStand(context);
  const sessions = sessionsFor(context);
  const users = () => query(stand.other, 'SELECT userId, email FROM user ORDER BY userId');

  describe.each([
    ['an AUTO_INCREMENT key', 'MODIFY userId BIGINT NOT NULL AUTO_INCREMENT'],
    ['an unsigned AUTO_INCREMENT key', 'MODIFY userId BIGINT UNSIGNED NOT NULL AUTO_INCREMENT'],
    ['a plain key', 'MODIFY userId BIGINT NOT NULL'],
    ['a key with a default', 'MODIFY userId BIGINT NOT NULL DEFAULT 7'],
    [
      'a nullable key beside a surrogate',
      'DROP PRIMARY KEY, MODIFY userId BIGINT NULL, ADD UNIQUE KEY named (userId), ADD pk INT AUTO_INCREMENT PRIMARY KEY',
    ],
  ])('with %s', (_, alter) => {
    beforeEach(async () => {
      await stand.other.query(`SET foreign_key_checks = 0; DROP TABLE user_auth, institute_users, user`);
      await stand.other.query(
        `CREATE TABLE user (userId BIGINT NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL, email VARCHAR(190) NOT NULL UNIQUE,
           password VARCHAR(255) NOT NULL, createdAt DATETIME(3) NOT NULL, updatedAt DATETIME(3) NOT NULL);
         CREATE TABLE institute_users (instituteId BIGINT, userId BIGINT, role VARCHAR(20), isActive TINYINT,
           createdAt DATETIME(3), updatedAt DATETIME(3), PRIMARY KEY (instituteId, userId));
         CREATE TABLE user_auth (userId BIGINT PRIMARY KEY, password VARCHAR(255), createdAt DATETIME(3), updatedAt DATETIME(3));
         ALTER TABLE user ${alter}`,
      );
      const {reading, writing} = sessions();
      stand.plan = await planOf(reading, writing, context);
      await stand.begin();
      await stand.apply(ready(changes({3: user('3')}), 1));
    });

    it('fails as text, prepared and in bulk, and leaves that row as it was', async () => {
      const {session} = stand.writer;
      const plan = tableOf(stand.plan, 'user');
      const size = {rows: 100, bytes: 100_000};
      const [text = ''] = upserts(plan, [{source: TAKES}], size, PLAIN);
      await expect(session.query(text)).rejects.toMatchObject({errno: 1242});
      const prepared = preparedUpsert(plan, PLAIN) ?? '';
      await session.query(`PREPARE s FROM '${prepared.replaceAll("'", "''")}'`);
      const names = plan.columns.map((__, i) => `@v${i}`);
      await session.query(
        `SET ${plan.columns.map((column, i) => `@v${i} = '${column.value(TAKES)}'`).join(', ')}`,
      );
      await expect(session.query(`EXECUTE s USING ${names.join(', ')}`)).rejects.toMatchObject({errno: 1242});
      const id = await session.prepareRows(prepared);
      if (id !== null) {
        const packet = new BulkRows();
        packet.begin(id, plan.columns.length);
        for (const column of plan.columns) packet.value(column.value(TAKES));
        await session.beginRows();
        await expect(session.writeRows(packet)).rejects.toMatchObject({errno: 1242});
        await rollBack(session);
      }
      expect(await users()).toEqual([OTHER]);
    });

    it('waits as a conflict, alone and among many rows, and later updates its own row', async () => {
      await stand.apply(ready(changes({4: TAKES}), 2));
      await stand.apply(ready(changes({...many(1000), 4: TAKES, 3: user('3', {first_name: 'New'})}), 3));
      const short = await stand.inShort();
      expect(short.users.length).toBe(MANY + 1);
      expect(short.letters).toEqual(['user 4 unique-conflict']);
      expect((await users())[0]).toEqual(OTHER);
      expect(await query(stand.other, 'SELECT name FROM user WHERE userId = 3')).toEqual([{name: 'New L'}]);
    });
  });
});
