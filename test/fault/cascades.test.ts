/** Foreign keys of the source that change mapped rows, or only seem to change them. */
import {afterEach, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {Stand, SURROGATE} from '../helpers/fault-stand.ts';
import {connect} from '../servers/databases.ts';

describeEachFlavour('#45 foreign keys of the source', ({server, source, target}) => {
  let stand: Stand;
  const far = `${source}_far`;
  const open = async (alter: string, create = SURROGATE.create) => {
    stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      schema: {...SURROGATE, create},
    });
    await stand.source.query(`CREATE DATABASE ${far}; ${alter}`);
    await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One'), (2, 'Two')");
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 30) SELECT i, CONCAT('F', i), CONCAT('n', i, '@example.test'), 'p' FROM n",
    );
    await stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type, status) SELECT 1, id, 'student', 'active' FROM users",
    );
    await stand.start();
    await stand.equal();
    await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
  };
  afterEach(async () => {
    await stand?.[Symbol.asyncDispose]();
    const cleaner = await connect(server);
    await cleaner.query('SET foreign_key_checks = 0');
    await cleaner.query(`DROP DATABASE IF EXISTS ${far}`);
    for (const name of [source, target])
      await cleaner.query(`DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
    await cleaner.end();
  });
  const requested = () => stand.logText().split('"reconcile.owed"').length - 1;

  it('that cascade from other tables end in the same rows, logged or not', async () => {
    await open(`
      CREATE TABLE ${far}.owners (id INT PRIMARY KEY);
      CREATE TABLE orgs (id INT PRIMARY KEY, owner INT, n INT, CONSTRAINT o1 FOREIGN KEY (owner) REFERENCES ${far}.owners (id) ON DELETE CASCADE);
      CREATE TABLE kinds (code VARCHAR(32) PRIMARY KEY, n INT);
      ALTER TABLE users ADD COLUMN org INT NULL, ADD COLUMN boss BIGINT UNSIGNED NULL,
        ADD CONSTRAINT u1 FOREIGN KEY (org) REFERENCES orgs (id) ON DELETE CASCADE ON UPDATE CASCADE,
        ADD CONSTRAINT u2 FOREIGN KEY (boss) REFERENCES users (id) ON DELETE CASCADE;
      ALTER TABLE institute_user ADD COLUMN invited_by BIGINT UNSIGNED NULL,
        ADD CONSTRAINT m1 FOREIGN KEY (invited_by) REFERENCES users (id) ON DELETE CASCADE,
        ADD CONSTRAINT m2 FOREIGN KEY (user_type) REFERENCES kinds (code) ON UPDATE CASCADE;
      INSERT INTO kinds (code) VALUES ('student'), ('staff');
      INSERT INTO ${far}.owners VALUES (1); INSERT INTO orgs (id, owner) VALUES (1, NULL), (2, 1)`);
    await stand.source.query(
      `UPDATE users SET org = 1 WHERE id IN (1, 2); UPDATE users SET org = 2 WHERE id IN (3, 4);
       UPDATE users SET boss = 5 WHERE id IN (6, 7); UPDATE institute_user SET invited_by = 8 WHERE user_id IN (9, 10);
       UPDATE orgs SET n = 1; UPDATE orgs SET id = 3 WHERE id = 1`,
    );
    await stand.caughtUp();
    await stand.equal();
    expect(requested(), 'that cannot reach a mapped column cost nothing').toBe(0);
    for (const sql of [
      'DELETE FROM orgs WHERE id = 3',
      `DELETE FROM ${far}.owners`,
      'DELETE FROM users WHERE id = 5',
      'DELETE FROM users WHERE id = 8',
      "UPDATE kinds SET code = 'admin' WHERE code = 'student'",
    ]) {
      await stand.source.query(sql);
      await stand.equal(60_000);
    }
    expect(await stand.targetRows('SELECT userId FROM user WHERE userId <= 8')).toEqual([]);
    await stand.until('streaming', ({replication}) => replication.state === 'streaming', 60_000);
    expect((await stand.cli(['verify'])).code).toBe(0);
  });

  it('over another column than that of the parent do not count as its key', async () => {
    await open(
      'ALTER TABLE institute_user ADD COLUMN invited_by BIGINT UNSIGNED NULL, ADD CONSTRAINT m1 FOREIGN KEY (invited_by) REFERENCES users (id)',
      SURROGATE.create.replaceAll(/,\s*CONSTRAINT iu_\w+ FOREIGN KEY[^,\n]*/g, ''),
    );
    // A membership may be inserted before its parent.
    await stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES (1, 100, 'staff', 'active'), (50, 1, 'staff', 'active')",
    );
    await stand.caughtUp();
    await stand.source.query(
      "INSERT INTO users (id, email, password) VALUES (100, 'late@example.test', 'p'); INSERT INTO institutes (id, name) VALUES (50, 'Late')",
    );
    await stand.caughtUp();
    await stand.equal();
    expect((await stand.cli(['verify'])).code).toBe(0);
  });

  it('prove nothing if a session turns the checks off', async () => {
    await open('SELECT 1');
    const orphan = (userId: number) =>
      stand.source.query(
        `SET foreign_key_checks = 0; INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES (1, ${userId}, 'staff', 'active'); SET foreign_key_checks = 1`,
      );
    const parent = (userId: number) =>
      stand.source.query(
        `INSERT INTO users (id, email, password) VALUES (${userId}, 'late${userId}@example.test', 'p')`,
      );
    await orphan(100);
    await stand.caughtUp();
    await parent(100);
    await stand.caughtUp();
    await stand.equal();
    await orphan(101);
    await stand.caughtUp();
    expect((await stand.cli(['verify'])).code, 'a child without its parent is not drift').toBe(0);
    expect(await stand.daemon.stop()).toBe(0);
    await stand.start();
    await parent(101);
    await stand.caughtUp();
    await stand.equal();
    expect(requested()).toBe(0);
  });

  it('prove nothing for changes that were logged before they were read', async () => {
    await open(
      "SET foreign_key_checks = 0; INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES (1, 100, 'staff', 'active'), (50, 1, 'staff', 'active'); SET foreign_key_checks = 1",
    );
    expect(await stand.daemon.stop()).toBe(0);
    await stand.source.query(
      "INSERT INTO users (id, email, password) VALUES (100, 'late@example.test', 'p'); INSERT INTO institutes (id, name) VALUES (50, 'Late')",
    );
    await stand.start();
    await stand.caughtUp();
    await stand.equal();
    expect(requested()).toBe(0);
    expect(await stand.daemon.stop()).toBe(0);
    // A key that was created after the parent proves nothing either.
    await stand.source.query('ALTER TABLE institute_user DROP FOREIGN KEY iu_u');
    await stand.start();
    await stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES (1, 101, 'staff', 'active')",
    );
    await stand.caughtUp();
    expect(await stand.daemon.stop()).toBe(0);
    await stand.source.query(
      "INSERT INTO users (id, email, password) VALUES (101, 'later@example.test', 'p')",
    );
    await stand.source.query(
      'ALTER TABLE institute_user ADD CONSTRAINT iu_u FOREIGN KEY (user_id) REFERENCES users (id)',
    );
    await stand.start();
    await stand.caughtUp();
    await stand.equal();
    expect((await stand.cli(['verify'])).code).toBe(0);
  });
});
