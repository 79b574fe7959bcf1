/** Schema changes, and changes that the log does not show as whole rows (docs/rules.md, Schema changes). */
import {afterAll, afterEach, beforeAll, beforeEach, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {SOURCE_DATABASE, startSource} from '../helpers/own-source.ts';
import {connect, emptyDatabases} from '../servers/databases.ts';
import type {TestServer} from '../servers/server.ts';

describeEachFlavour('changes of the schema', ({flavour, edition, server, target}) => {
  let own: TestServer;
  let stand: Stand;
  let other: mysql.Connection;
  beforeAll(async () => {
    own = await startSource({edition});
  });
  afterAll(() => own?.dispose());
  beforeEach(async () => {
    stand = await Stand.open({
      source: {server: own, database: SOURCE_DATABASE},
      target: {server, database: target},
    });
    await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One'), (2, 'Two')");
    await stand.source.query(
      "INSERT INTO users (id, first_name, last_name, email, password) WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT i, CONCAT('F', i), CONCAT('L', i), CONCAT('n', i, '@example.test'), 'p' FROM n",
    );
    await stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type, status) SELECT 1, id, 'student', 'active' FROM users",
    );
    await stand.start();
    await stand.equal();
    other = await connect(own, SOURCE_DATABASE);
  });
  afterEach(async () => {
    await other?.end();
    await stand?.[Symbol.asyncDispose]();
    await emptyDatabases(own, SOURCE_DATABASE);
    await emptyDatabases(server, target);
  });

  const work = async (tag: string, name = 'first_name') => {
    await stand.source.query(`UPDATE users SET ${name} = '${tag}' WHERE id <= 5`);
    await stand.source.query(
      `INSERT INTO users (${name}, email, password) VALUES ('${tag}', '${tag}@example.test', 'p')`,
    );
    await stand.source.query('DELETE FROM users ORDER BY id DESC LIMIT 1');
    await stand.source.query(
      `INSERT INTO users (${name}, email, password) VALUES ('${tag}', '${tag}2@example.test', 'p')`,
    );
  };
  const columns = async () => {
    for (const [i, sql] of [
      'ALTER TABLE users ADD COLUMN extra INT NULL FIRST',
      'ALTER TABLE users MODIFY COLUMN phone VARCHAR(64) NULL FIRST',
      'ALTER TABLE institute_user ADD COLUMN note VARCHAR(9) NULL AFTER user_type',
      'ALTER TABLE users DROP COLUMN phone',
      'ALTER TABLE users DROP COLUMN extra, ADD COLUMN more TEXT NULL FIRST',
      'ALTER TABLE institutes DROP COLUMN city',
      'ALTER TABLE users MODIFY COLUMN email VARCHAR(200) NULL AFTER id',
    ].entries()) {
      await work(`w${i}`);
      await stand.source.query(sql);
      await stand.source.query("UPDATE institute_user SET user_type = 'admin' WHERE user_id = ?", [i + 1]);
    }
    await work('last');
  };

  it('#12 #18 to columns that are not mapped are ignored, live and while down', async () => {
    await columns();
    await stand.caughtUp();
    await stand.equal();
    await stand.source.query(
      'ALTER TABLE users DROP COLUMN more, ADD COLUMN phone VARCHAR(3) NULL; ALTER TABLE institutes ADD COLUMN city VARCHAR(3) NULL; ALTER TABLE institute_user DROP COLUMN note',
    );
    expect(await stand.daemon.stop()).toBe(0);
    await stand.source.query("DELETE FROM users WHERE email LIKE 'w%' OR email LIKE 'last%'");
    await columns();
    await stand.start();
    await stand.caughtUp();
    await stand.equal();
    expect(stand.logText()).not.toContain('replication.halted');
  });

  it('to mapped columns halt it with a reason, until they are undone', async () => {
    await stand.source.query('ALTER TABLE users RENAME COLUMN first_name TO given_name');
    await work('halted', 'given_name');
    const status = await stand.until('a halt', ({replication}) => replication.state === 'halted');
    expect(status.isHealthy).toBe(false);
    expect(status.reasons.join()).toMatch(/schema-incompatible.*users.*first_name/);
    expect((await fetch(`${stand.daemon.url}/readyz`)).status).toBe(503);
    expect(await stand.targetRows("SELECT 1 FROM user WHERE name LIKE 'halted%'")).toEqual([]);
    await stand.source.query('ALTER TABLE users RENAME COLUMN given_name TO first_name');
    await work('after');
    await stand.daemon.until('streaming');
    await stand.caughtUp();
    await stand.equal();
    await stand.until('health', ({isHealthy}) => isHealthy);
  });

  it('that allow several rows for a pair are noticed while it streams', async () => {
    const since = Date.now();
    await stand.source.query('ALTER TABLE institute_user ADD UNIQUE KEY pair (institute_id, user_id)');
    await stand.recovery(since);
    expect(await stand.daemon.stop()).toBe(0);
    await stand.start();
    await stand.source.query('ALTER TABLE institute_user DROP KEY pair');
    // The active row counts, and not the last one in the log.
    await stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES (1, 1, 'admin', 'inactive')",
    );
    await stand.caughtUp();
    await stand.equal();
    expect(stand.logText()).not.toContain('reconcile.owed');
  });

  it('that add a dropped mapped column again clear it on the target, too', async () => {
    await stand.source.query('ALTER TABLE users DROP COLUMN last_name');
    await stand.until('a halt', ({replication}) => replication.state === 'halted');
    await stand.source.query("ALTER TABLE users ADD COLUMN last_name VARCHAR(120) NULL DEFAULT 'Default'");
    await stand.equal(30_000);
    expect(await stand.daemon.stop()).toBe(0);
    await stand.source.query('ALTER TABLE users DROP COLUMN last_name');
    await work('between');
    await stand.source.query("ALTER TABLE users ADD COLUMN last_name VARCHAR(120) NULL DEFAULT 'Default'");
    await stand.source.query('ALTER TABLE users DROP COLUMN first_name');
    await stand.source.query('ALTER TABLE users ADD COLUMN first_name VARCHAR(120) NULL');
    await stand.start();
    await stand.equal(30_000);
  });

  it('#19 #20 that delete or replace rows end in a reconcile', async () => {
    await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
    let since = Date.now();
    // An online schema change: a copy that is filled and renamed into place. Its creation may cost a reconcile of
    // its own.
    await stand.source.query(`
      CREATE TABLE _institute_user_new LIKE institute_user;
      INSERT INTO _institute_user_new SELECT * FROM institute_user WHERE user_id <> 7;
      INSERT INTO _institute_user_new (institute_id, user_id, user_type) VALUES (2, 8, 'director');`);
    await stand.recovery(since);
    await stand.caughtUp();
    since = Date.now();
    await stand.source.query(`
      RENAME TABLE institute_user TO _institute_user_old, _institute_user_new TO institute_user;
      DROP TABLE _institute_user_old;`);
    await stand.recovery(since);
    await stand.equal(30_000);
    await work('swapped');
    await stand.source.query("UPDATE institute_user SET user_type = 'admin' WHERE user_id = 9");
    await stand.caughtUp();
    await stand.equal();

    const [create] = await stand.sourceRows('SHOW CREATE TABLE institute_user');
    await stand.source.query('DROP TABLE institute_user');
    await stand.source.query(String(create?.['Create Table']));
    await stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type) VALUES (2, 10, 'staff')",
    );
    await stand.daemon.until('streaming');
    await stand.equal(30_000);

    expect(await stand.daemon.stop()).toBe(0);
    await stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type) VALUES (1, 11, 'staff'); TRUNCATE institute_user; INSERT INTO institute_user (institute_id, user_id, user_type) VALUES (1, 12, 'staff')",
    );
    await stand.start();
    await stand.equal(30_000);
  });

  it('#14 #15 #16 by sessions with a log format of their own all arrive', async () => {
    await other.query("SET SESSION binlog_row_image = 'MINIMAL'");
    await other.query(
      "UPDATE users SET first_name = 'Minimal' WHERE id = 3; INSERT INTO users (id, email, password) VALUES (1003, 'l@example.test', 'p'); UPDATE users SET last_name = 'Minimal' WHERE id = 1003",
    );
    await stand.caughtUp();
    await stand.equal();
    expect(stand.logText()).not.toMatch(/reconcile\.owed|replication\.reanchor/);
    await other.query(
      "DELETE FROM users WHERE id = 4; INSERT INTO users (id, email, password) VALUES (1004, 'm@example.test', 'p'); UPDATE users SET id = 1005 WHERE id = 5; UPDATE institute_user SET user_type = 'admin' WHERE user_id = 6; DELETE FROM institute_user WHERE user_id = 7",
    );
    await stand.caughtUp();
    await stand.equal();
    if (flavour === 'mysql') {
      await other.query(
        "SET SESSION binlog_row_image = 'FULL'; SET SESSION binlog_transaction_compression = ON",
      );
      await other.query("UPDATE users SET first_name = REPEAT('Compressed', 5) WHERE id > 20");
      await stand.caughtUp();
      await stand.equal();
      // The saved position is one from which the stream can continue, also within such transactions.
      for (let i = 0; i < 5; i++) {
        await other.query("UPDATE users SET first_name = CONCAT('Again', ?) WHERE id > 20", [i]);
        await eventually(
          async () =>
            (await stand.targetRows('SELECT 1 FROM user WHERE name LIKE ?', [`Again${i}%`])).length > 0,
          {intervalMs: 1, what: 'the rows'},
        );
        await stand.daemon.kill();
        await stand.start();
        expect(stand.logText()).not.toContain('replication.reanchor');
      }
    }
    const since = Date.now();
    await other.query("SET SESSION binlog_row_image = 'FULL'; SET SESSION binlog_format = 'STATEMENT'");
    await other.query(
      "UPDATE users SET first_name = 'Statement' WHERE id BETWEEN 30 AND 40; DELETE FROM users WHERE id = 41",
    );
    expect(await stand.recovery(since)).toMatchObject({state: 'succeeded'});
    await stand.equal(30_000);
    await other.query("SET SESSION binlog_format = 'ROW'");
    expect((await stand.cli(['verify'])).code).toBe(0);
  });
});
