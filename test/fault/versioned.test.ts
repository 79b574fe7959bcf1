/** Source tables of MariaDB that keep their old rows, whose log shows old rows beside new ones. */
import {afterEach, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {COMPOSITE, Stand, SURROGATE} from '../helpers/fault-stand.ts';
import {connect, emptyDatabases} from '../servers/databases.ts';

const IMPLICIT = {on: 'ADD SYSTEM VERSIONING', off: 'DROP SYSTEM VERSIONING'};
const EXPLICIT = {
  on: 'ADD COLUMN valid_from TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE, ADD COLUMN valid_to TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE, ADD PERIOD FOR SYSTEM_TIME (valid_from, valid_to), ADD SYSTEM VERSIONING',
  off: 'DROP SYSTEM VERSIONING, DROP COLUMN valid_from, DROP COLUMN valid_to',
};

describeEachFlavour('#36 versioned tables', ({flavour, server, source, target}) => {
  let stand: Stand;
  let other: mysql.Connection;
  const open = async (schema = SURROGATE) => {
    stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      schema,
    });
    await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One'), (2, 'Two')");
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 20) SELECT i, CONCAT('F', i), CONCAT('n', i, '@example.test'), 'first' FROM n",
    );
    await stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type, status) SELECT 1, id, 'student', 'active' FROM users",
    );
    other = await connect(server, source);
    await other.query('SET SESSION system_versioning_alter_history = KEEP');
  };
  afterEach(async () => {
    await other?.end();
    await stand?.[Symbol.asyncDispose]();
    await emptyDatabases(server, source, target);
  });
  const work = (tag: string, from: number) =>
    other.query(`
      UPDATE users SET password = '${tag}' WHERE id BETWEEN ${from} AND ${from + 3};
      UPDATE users SET is_active = 0 WHERE id = ${from + 1};
      UPDATE users SET id = id + 100 WHERE id = ${from + 2};
      DELETE FROM institute_user WHERE user_id = ${from + 4};
      DELETE FROM users WHERE id = ${from + 4};
      DELETE HISTORY FROM users;
      INSERT INTO users (id, first_name, email, password) VALUES (${from + 200}, '${tag}', 'new${from}@example.test', 'old');
      INSERT INTO users (id, email, password) VALUES (${from + 200}, 'new${from}@example.test', 'p') ON DUPLICATE KEY UPDATE password = '${tag}';
      REPLACE INTO users (id, first_name, email, password) VALUES (${from + 201}, '${tag}', 'r${from}@example.test', 'old');
      REPLACE INTO users (id, first_name, email, password) VALUES (${from + 201}, '${tag}', 'r${from}@example.test', '${tag}');
      UPDATE institute_user SET user_type = 'admin' WHERE user_id = ${from};
      UPDATE institute_user SET institute_id = 2 WHERE user_id = ${from};
      DELETE FROM institute_user WHERE user_id = ${from + 3};
      INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES (2, ${from + 3}, 'staff', 'active')`);
  const quietly = async (what: () => Promise<unknown>) => {
    const before = stand.logText().split('"reconcile.owed"').length;
    await what();
    await stand.caughtUp();
    await stand.equal();
    expect(stand.logText().split('"reconcile.owed"').length).toBe(before);
  };

  if (flavour === 'mariadb')
    for (const [name, {on, off}] of [
      ['that nobody declared', IMPLICIT],
      ['declared, invisible', EXPLICIT],
    ] as const)
      for (const schema of [SURROGATE, COMPOSITE])
        it(`stream their current rows only: with columns ${name}; ${schema.name}`, async () => {
          await open({
            ...schema,
            create: schema.create.replaceAll(/,?\s*CONSTRAINT \w+ FOREIGN KEY[^,\n]*/g, ''),
          });
          for (const table of ['users', 'institutes', 'institute_user'])
            await other.query(`ALTER TABLE ${table} ${on}`);
          await stand.start();
          await stand.equal();
          await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
          await quietly(() => work('second', 1));
          // A surrogate key alone does not identify a membership, which costs a reconcile as in any table.
          await other.query("SET SESSION binlog_row_image = 'MINIMAL'");
          await work('third', 10);
          await other.query("SET SESSION binlog_row_image = 'FULL'");
          await stand.caughtUp();
          await stand.equal(30_000);
          expect(
            await stand.targetRows("SELECT 1 FROM user WHERE password = 'first' AND userId < 4"),
          ).toEqual([]);
          // Dropped and added again, while it streams and while it is down.
          await other.query(`ALTER TABLE users ${off}`);
          await other.query("UPDATE users SET password = 'plain' WHERE id = 1");
          await other.query(`ALTER TABLE users ${on}`);
          await other.query("UPDATE users SET password = 'again' WHERE id = 1");
          await stand.equal(30_000);
          expect(await stand.daemon.stop()).toBe(0);
          await other.query(
            "UPDATE users SET password = 'down' WHERE id = 1; DELETE FROM users WHERE id = 103",
          );
          await other.query(`ALTER TABLE users ${off}`);
          await stand.start();
          await stand.equal(30_000);
          expect((await stand.cli(['verify'])).code).toBe(0);
        });

  it.skipIf(flavour !== 'mariadb')(
    'by transaction numbers, which are logged without rows, are refused by name',
    async () => {
      await open();
      await other.query(
        'ALTER TABLE users ADD COLUMN a BIGINT UNSIGNED GENERATED ALWAYS AS ROW START, ADD COLUMN b BIGINT UNSIGNED GENERATED ALWAYS AS ROW END, ADD PERIOD FOR SYSTEM_TIME (a, b), ADD SYSTEM VERSIONING',
      );
      await stand.launch();
      const status = await stand.until('a halt', ({replication}) => replication.state === 'halted');
      expect(status.reasons.join()).toMatch(/schema-incompatible.*users.*DROP SYSTEM VERSIONING/);
      const doctor = await stand.cli(['doctor']);
      expect(doctor.code).toBe(1);
      expect(doctor.stdout).toContain('DROP SYSTEM VERSIONING');
    },
  );

  it.skipIf(flavour !== 'mariadb')(
    'with periods of their own stream the rows that FOR PORTION OF makes',
    async () => {
      await open({
        ...SURROGATE,
        create: SURROGATE.create.replace('UNIQUE KEY email (email)', 'KEY email (email)'),
      });
      await other.query(
        "ALTER TABLE institute_user ADD COLUMN s DATE NOT NULL DEFAULT '2020-01-01', ADD COLUMN e DATE NOT NULL DEFAULT '2030-01-01', ADD PERIOD FOR term (s, e)",
      );
      await stand.start();
      await stand.equal();
      await quietly(() =>
        other.query(
          "DELETE FROM institute_user FOR PORTION OF term FROM '2022-01-01' TO '2023-01-01' WHERE user_id = 3; UPDATE institute_user FOR PORTION OF term FROM '2024-01-01' TO '2025-01-01' SET user_type = 'admin' WHERE user_id = 4; DELETE FROM institute_user FOR PORTION OF term FROM '2000-01-01' TO '2040-01-01' WHERE user_id = 5",
        ),
      );
    },
  );
});
