/**
 * A deadlock in the middle of rows that were sent at once: rows behind it are not written until the whole batch
 * is.
 */
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {connect, query} from '../servers/databases.ts';
import {institute, user} from '../unit/plan-fixture.ts';
import {ApplierStand, changes, many, MANY, ready} from './applier-stand.ts';

describeEachFlavour('a batch that a deadlock ends', context => {
  const stand = new ApplierStand(context);

  it('is written as a whole when it is retried, and shows nothing before', async () => {
    await stand.apply(ready(changes(many(1000), {'1': institute('1')}), 1));
    await stand.other.query(
      'CREATE TABLE heavy (id INT PRIMARY KEY, n INT); INSERT INTO heavy SELECT userId, 0 FROM user',
    );
    const rival = await connect(context.server, context.target);
    try {
      // The transaction that changed less is the victim.
      await rival.query(
        'START TRANSACTION; UPDATE heavy SET n = n + 1; UPDATE heavy SET n = n + 1; SELECT * FROM user WHERE userId = 1000 FOR UPDATE',
      );
      const changed = changes(many(1000, {first_name: 'Bea'}), {'1': institute('1', {name: 'New'})});
      const applying = stand.apply(ready(changed, 2));
      applying.catch(() => undefined);
      await stand.untilWaiting(stand.writer.session);
      await rival.query("UPDATE institute SET name = 'Theirs' WHERE instituteId = 1");
      // By now, the batch is being retried.
      await stand.untilWaiting(stand.writer.session);
      const seen = "SELECT COUNT(*) AS n FROM user WHERE name LIKE 'Bea%'";
      expect(await query(stand.other, seen)).toEqual([{n: 0}]);
      expect((await stand.state()).institutes[0]?.['name']).toBe('School 1');
      await rival.query('ROLLBACK');
      await applying;
      expect(await query(stand.other, seen)).toEqual([{n: MANY}]);
      const {institutes, checkpoint} = await stand.state();
      expect(institutes[0]?.['name']).toBe('New');
      expect(checkpoint[0]?.['transactions_applied']).toBe(2);
    } finally {
      rival.destroy();
    }
  });

  it('is retried if a row changed after it was read, as on MariaDB 11', async () => {
    const {server, target} = context;
    await stand.apply(ready(changes({'1': user('1'), '2': user('2')}, {'1': institute('1')}), 1));
    // A server that logs statements gives us this isolation; a foreign key of others makes us read before we lock.
    await stand.writer.session.query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    await stand.other.query(
      'CREATE TABLE theirs (id INT PRIMARY KEY, user_id BIGINT, FOREIGN KEY (user_id) REFERENCES user (userId))',
    );
    const rival = await connect(server, target);
    try {
      await rival.query("START TRANSACTION; UPDATE institute SET name = 'Theirs' WHERE instituteId = 1");
      const applying = stand.apply(ready(changes({'1': null}, {'1': null}), 2));
      applying.catch(() => undefined);
      await stand.untilWaiting(stand.writer.session);
      await rival.query('COMMIT');
      await applying;
      const {institutes, users} = await stand.state();
      expect([institutes.length, users.length]).toEqual([0, 1]);
    } finally {
      rival.destroy();
      await stand.other.query('DROP TABLE theirs');
    }
  });
});
