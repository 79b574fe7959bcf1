/** A schema change of the target while the stream writes. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {eventually} from '../helpers/eventually.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {untilWaiting} from '../helpers/lock-waits.ts';
import {connect, query} from '../servers/databases.ts';

describeEachFlavour('#49 a table of the target that is altered', ({edition, server, source, target}) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.open({source: {server, database: source}, target: {server, database: target}});
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (1, 'a', 'a@example.test', 'p'), (2, 'b', 'b@example.test', 'p')",
    );
    await stand.start();
    await stand.equal();
  });
  afterAll(() => stand?.[Symbol.asyncDispose]());

  // MariaDB checks no parents while it copies a table.
  it.skipIf(edition !== 'mysql')(
    'is copied to its end: the stream releases its locks, and continues afterwards',
    async () => {
      const blocker = await connect(server, target);
      try {
        // The copy checks the parent of each row. It waits here for the first one, so that the stream writes in
        // between.
        await blocker.query('START TRANSACTION; SELECT 1 FROM user WHERE userId = 1 FOR UPDATE');
        const altered = stand.target.query(
          'ALTER TABLE user_auth ADD COLUMN note INT NULL, ALGORITHM = COPY',
        );
        const copier = stand.target.threadId;
        await untilWaiting(blocker, id => id === copier);
        await stand.source.query("UPDATE users SET first_name = 'new', password = 'q' WHERE id = 2");
        await eventually(
          async () =>
            (
              await query(
                blocker,
                "SELECT 1 FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND STATE LIKE '%metadata lock%'",
              )
            ).length > 0,
          {what: 'the stream that waits'},
        );
        await blocker.query('COMMIT');
        await altered;
      } finally {
        await blocker.end();
      }
      await stand.equal();
      expect(await stand.letters()).toEqual([]);
      expect(await query(stand.target, 'SELECT note FROM user_auth')).toHaveLength(2);
    },
  );
});
