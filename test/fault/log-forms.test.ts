/**
 * Forms of the log that mislead a reader: without names, compressed, partial, of dropped tables, and SQL of all
 * kinds.
 */
import {afterAll, beforeAll, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {eventually} from '../helpers/eventually.ts';
import {COMPOSITE} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {openWithOwnSource, session, type OwnSource} from '../helpers/own-source.ts';

describeEachFlavour('a log', ({flavour, edition, server}) => {
  let own: OwnSource;
  let other: mysql.Connection;
  beforeAll(async () => {
    own = await openWithOwnSource({edition}, server, {schema: COMPOSITE});
    await own.stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One'), (2, 'Two')");
    await own.stand.source.query(
      `INSERT INTO users (id, first_name, last_name, email, password, notes) VALUES ${Array.from({length: 20}, (_, i) => `(${i + 1}, 'F${i + 1}', 'L${i + 1}', 'n${i + 1}@x.test', 'p', '{"a": 1, "b": "text that is long enough"}')`).join()}`,
    );
    await own.stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type, status) SELECT 1, id, 'student', 'active' FROM users",
    );
    await own.stand.start();
    await own.stand.equal();
    await own.stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
    other = await session(own);
  });
  afterAll(async () => {
    await other?.end();
    await own?.[Symbol.asyncDispose]();
  });

  const metadata = (value: 'FULL' | 'MINIMAL') =>
    own.stand.source.query(`SET GLOBAL binlog_row_metadata = '${value}'`);
  const renamed = (id: number, name: string) =>
    eventually(
      async () =>
        (await own.stand.targetRows('SELECT 1 FROM user WHERE userId = ? AND name LIKE ?', [id, `${name}%`]))
          .length === 1,
      {what: `${name} of ${id}`},
    );

  it('of XA transactions leads to a reconcile at a commit that may touch mapped rows', async () => {
    const {stand} = own;
    const requested = () => stand.logText().split('"reconcile.owed"').length - 1;
    const theirs = await session(own);
    await theirs.query('CREATE DATABASE far; USE far; CREATE TABLE users (id INT PRIMARY KEY)');
    await other.query(
      "XA START 'a'; UPDATE users SET first_name = 'Prepared' WHERE id = 20; INSERT INTO users (id, email, password) VALUES (2000, 'xa@x.test', 'p'); XA END 'a'; XA PREPARE 'a'",
    );
    await theirs.query("XA START 'b'; INSERT INTO users VALUES (1); XA END 'b'; XA PREPARE 'b'");
    await stand.source.query("UPDATE users SET last_name = 'Beside' WHERE id <= 5");
    await stand.caughtUp();
    await stand.equal();
    await theirs.query("XA COMMIT 'b'");
    await stand.caughtUp();
    expect(requested()).toBe(0);
    await other.query("XA COMMIT 'a'");
    await stand.equal(30_000);
    await eventually(() => requested() === 1, {what: 'the reconcile'});
    await other.query(
      "XA START 'a'; UPDATE users SET first_name = 'Undone' WHERE id = 20; XA END 'a'; XA PREPARE 'a'; XA ROLLBACK 'a'",
    );
    await other.query(
      "XA START 'c'; UPDATE users SET first_name = 'OnePhase' WHERE id = 19; XA END 'c'; XA COMMIT 'c' ONE PHASE",
    );
    await stand.caughtUp();
    await stand.equal(30_000);
    expect(requested()).toBe(1);
    await theirs.end();
  });

  it('#12 whose events do not name their columns is never read by the current names', async () => {
    const {stand} = own;
    await metadata('MINIMAL');
    const silent = await session(own);
    expect(await stand.daemon.stop()).toBe(0);
    const since = Date.now();
    // As many columns as before, in another order, and the log names no mapped one.
    await silent.query("UPDATE users SET first_name = 'Given', last_name = 'Family' WHERE id = 3");
    await stand.source.query('ALTER TABLE users DROP COLUMN notes, ADD COLUMN other JSON NULL FIRST');
    await silent.query("UPDATE users SET first_name = 'Given', last_name = 'Family' WHERE id = 4");
    await silent.end();
    await metadata('FULL');
    await stand.launch();
    expect(await stand.recovery(since)).toMatchObject({state: 'succeeded'});
    await stand.daemon.until('streaming');
    await renamed(4, 'Given Family');
    await stand.equal();
    expect(stand.logText()).toContain('event-undecodable');
  });

  it('#12 that stops naming its columns halts the stream before anything is applied', async () => {
    const {stand} = own;
    await metadata('MINIMAL');
    const silent = await session(own);
    await silent.query("UPDATE users SET first_name = 'Silent' WHERE id = 5");
    const status = await stand.until('a halt', ({replication}) => replication.state === 'halted');
    expect(status.reasons.join()).toMatch(/preflight-failed.*binlog_row_metadata/);
    expect(status.isHealthy).toBe(false);
    await metadata('FULL');
    await silent.end();
    await stand.daemon.until('streaming');
    await renamed(5, 'Silent');
    await stand.equal();
  });

  it('#13 full of changes of dropped columns and tables is read without a skipped row', async () => {
    const {stand} = own;
    const [{'Create Table': create} = {}] = await stand.sourceRows('SHOW CREATE TABLE institute_user');
    expect(await stand.daemon.stop()).toBe(0);
    await metadata('MINIMAL');
    const silent = await session(own);
    for (const [i, connection] of [silent, stand.source].entries()) {
      await connection.query(
        `ALTER TABLE users ADD COLUMN brief INT NULL FIRST; UPDATE users SET first_name = 'Poison${i}' WHERE id <= 8;
         DELETE FROM users WHERE id = ${19 + i}; ALTER TABLE users DROP COLUMN brief;
         UPDATE institute_user SET user_type = 'admin' WHERE user_id <= 3; DROP TABLE institute_user;
         UPDATE users SET last_name = 'After${i}' WHERE id = 9; ${String(create)};
         INSERT INTO institute_user (institute_id, user_id, user_type) SELECT 2, id, 'staff' FROM users WHERE id <= ${5 + i};
         UPDATE users SET last_name = 'Later${i}' WHERE id = 10`,
      );
      if (i === 0) await metadata('FULL');
    }
    await silent.end();
    const before = await stand.targetRows('SELECT position FROM sync_checkpoint');
    await stand.launch();
    // No crash loop: one anchor, and then it continues.
    await stand.daemon.until('streaming', 40_000);
    await stand.equal(30_000);
    expect(stand.logText().split('"replication.reanchor"').length - 1).toBe(1);
    expect(await stand.targetRows('SELECT position FROM sync_checkpoint')).not.toEqual(before);
    expect((await stand.cli(['verify'])).code).toBe(0);
  });

  it.skipIf(flavour !== 'mariadb')(
    '#15 compressed event by event (MariaDB) is read like any other',
    async () => {
      const {stand} = own;
      await stand.source.query('SET GLOBAL log_bin_compress = ON; SET GLOBAL log_bin_compress_min_len = 10');
      const compressing = await session(own);
      await compressing.query("UPDATE users SET first_name = REPEAT('Compressed', 6) WHERE id > 10");
      await compressing.query(
        "INSERT INTO users (id, first_name, email, password) VALUES (50, REPEAT('New', 9), 'c50@x.test', 'p')",
      );
      await compressing.query('DELETE FROM users WHERE id = 11');
      await renamed(50, 'NewNewNew');
      await stand.equal();
      const types = new Set(
        (
          await stand.sourceRows('SHOW BINLOG EVENTS IN ?', [
            (await stand.sourceRows('SHOW BINARY LOGS')).at(-1)?.['Log_name'],
          ])
        ).map(row => row['Event_type']),
      );
      expect([...types].join()).toMatch(/compressed/i);
      await compressing.query("SET SESSION binlog_format = 'STATEMENT'");
      const since = Date.now();
      await compressing.query("UPDATE users SET first_name = REPEAT('Statement', 6) WHERE id = 12");
      expect(await stand.recovery(since)).toMatchObject({state: 'succeeded'});
      await stand.equal();
      await compressing.end();
      await stand.source.query('SET GLOBAL log_bin_compress = OFF');
    },
  );

  it.skipIf(flavour !== 'mysql')(
    '#15 with partial JSON updates (MySQL) halts before them until an operator acts',
    async () => {
      const {stand} = own;
      await stand.source.query(`UPDATE users SET other = '{"a": 1, "b": "text that is long enough"}'`);
      await other.query("SET SESSION binlog_row_value_options = 'PARTIAL_JSON'");
      await other.query(
        "UPDATE users SET other = JSON_SET(other, '$.a', 2), first_name = 'Partial' WHERE id = 6",
      );
      await stand.source.query("UPDATE users SET first_name = 'Behind' WHERE id = 7");
      const status = await stand.until('a halt', ({replication}) => replication.state === 'halted');
      expect(status.reasons.join()).toMatch(/event-unsupported.*binlog_row_value_options/);
      expect(
        await stand.targetRows("SELECT 1 FROM user WHERE name LIKE 'Behind%' OR name LIKE 'Partial%'"),
      ).toEqual([]);
      // It checks again from time to time, and is not healthy meanwhile.
      const halts = () => stand.logText().split('"replication.halted"').length - 1;
      await expect(eventually(() => halts() > 1, {timeoutMs: 4000})).rejects.toThrow();
      // As the runbook says.
      await other.query("SET SESSION binlog_row_value_options = ''");
      expect(await stand.daemon.stop()).toBe(0);
      await stand.target.query('UPDATE sync_checkpoint SET position = NULL');
      await stand.start();
      await stand.equal(30_000);
    },
  );

  it('#18 of unknown statements is harmless unless they may reach mapped rows', async () => {
    const {stand} = own;
    const before = ((await stand.daemon.get('/sync/runs')) as {items: unknown[]}).items.length;
    const lengthBefore = stand.logText().length;
    const shared = [
      "CREATE TABLE odd (id INT PRIMARY KEY, g INT AS (id * 2) STORED, `users` TEXT, s SET('a','b'), CHECK (id > 0)) PARTITION BY HASH (id) PARTITIONS 3",
      'CREATE INDEX by_users ON odd (`users`(5))',
      "INSERT INTO odd (id, `users`) VALUES (1, 'DROP TABLE users; ALTER TABLE institutes')",
      'ALTER TABLE odd ADD PARTITION PARTITIONS 1',
      'CREATE OR REPLACE VIEW seen AS SELECT id FROM users',
      'DROP VIEW seen',
      "CREATE PROCEDURE renew() BEGIN DECLARE n INT DEFAULT 0; WHILE n < 2 DO SET n = n + 1; UPDATE users SET first_name = CONCAT('Proc', n) WHERE id = 1; END WHILE; END",
      'CALL renew()',
      "CREATE TRIGGER after_odd AFTER INSERT ON odd FOR EACH ROW UPDATE users SET last_name = CONCAT('T', NEW.id) WHERE id = 2",
      'INSERT INTO odd (id) VALUES (2)',
      "/* a tool's note: users */ ANALYZE TABLE users",
      'OPTIMIZE TABLE odd',
      "CREATE USER 'odd'@'localhost' IDENTIFIED BY 'odd'",
      "GRANT SELECT ON laas.users TO 'odd'@'localhost'",
      "DROP USER 'odd'@'localhost'",
      'CREATE DATABASE elsewhere',
      'CREATE TABLE elsewhere.users (id INT PRIMARY KEY, is_active INT)',
      'INSERT INTO elsewhere.users VALUES (1, 1)',
      'TRUNCATE elsewhere.users',
      'DROP DATABASE elsewhere',
      ...(flavour === 'mariadb'
        ? [
            'CREATE SEQUENCE counter START WITH 5 CACHE 10',
            'SELECT NEXT VALUE FOR counter',
            'CREATE TABLE versioned (id INT PRIMARY KEY) WITH SYSTEM VERSIONING',
            'CREATE TABLE kinds (id UUID DEFAULT UUID(), n INT, CHECK (n > 0))',
            'DROP SEQUENCE counter',
          ]
        : [
            'CREATE TABLE shapes (id INT PRIMARY KEY, g GEOMETRY NOT NULL SRID 4326, SPATIAL INDEX (g), j JSON, INDEX multi ((CAST(j->"$[*]" AS UNSIGNED ARRAY))))',
            'ALTER TABLE shapes ADD COLUMN hidden INT INVISIBLE, ALTER INDEX multi INVISIBLE',
            'ALTER INSTANCE ROTATE INNODB MASTER KEY',
          ]),
      'DROP TABLE odd',
    ];
    for (const sql of shared) {
      await other.query("SET SESSION binlog_format = 'ROW'");
      await other.query(sql).catch((error: unknown) => {
        // No keyring is set up; the statement is then not logged.
        if (!sql.includes('MASTER KEY')) throw error;
      });
    }
    await stand.caughtUp();
    await stand.equal();
    expect(await stand.targetRows('SELECT name FROM user WHERE userId <= 2 ORDER BY userId')).toMatchObject([
      {name: expect.stringMatching(/^Proc2/)},
      {name: expect.stringMatching(/ T2$/)},
    ]);
    expect(stand.logText().slice(lengthBefore)).not.toMatch(/replication\.halted|replication\.reanchor/);
    // An uncertain statement costs at most a reconcile, which has nothing to do.
    const {items} = (await stand.daemon.get('/sync/runs')) as {
      items: {tables: Record<string, {repaired: number}>}[];
    };
    for (const {tables} of items.slice(0, items.length - before))
      expect(Object.values(tables).map(({repaired}) => repaired)).toEqual([0, 0, 0, 0]);
  });
});
