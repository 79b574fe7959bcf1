/**
 * Statements in the log that change mapped rows without a row event, in every form that does not name the table
 * directly.
 */
import {afterAll, beforeAll, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import type {Stand} from '../helpers/fault-stand.ts';
import {openWithOwnSource, session, SOURCE_DATABASE, type OwnSource} from '../helpers/own-source.ts';

describeEachFlavour('#37 a statement in the log', ({flavour, edition, server}) => {
  let own: OwnSource;
  let stand: Stand;
  let other: mysql.Connection;
  const source = SOURCE_DATABASE;
  const far = `${source}_far`;
  beforeAll(async () => {
    own = await openWithOwnSource({edition}, server, {env: {LOG_LEVEL: 'debug'}});
    ({stand} = own);
    await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One'), (2, 'Two')");
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 40) SELECT i, CONCAT('F', i), CONCAT('n', i, '@example.test'), 'p' FROM n",
    );
    await stand.source.query(
      "INSERT INTO institute_user (institute_id, user_id, user_type, status) SELECT 1, id, 'student', 'active' FROM users",
    );
    other = await session(own);
    await other.query(`
      CREATE DATABASE ${far};
      CREATE TABLE ${far}.logins (id INT PRIMARY KEY AUTO_INCREMENT, user_id INT);
      CREATE TABLE ${far}.bystanders (id INT PRIMARY KEY AUTO_INCREMENT, n INT);
      CREATE VIEW ${far}.people AS SELECT * FROM ${source}.users;
      CREATE TRIGGER ${far}.after_login AFTER INSERT ON ${far}.logins FOR EACH ROW
        UPDATE ${source}.users SET last_name = CONCAT('T', NEW.id) WHERE id = NEW.user_id;
      CREATE FUNCTION ${far}.rename_one(i INT) RETURNS INT DETERMINISTIC MODIFIES SQL DATA
        BEGIN UPDATE ${source}.users SET last_name = 'Function' WHERE id = i; RETURN 1; END;
      CREATE PROCEDURE ${far}.rename_by_view(i INT) UPDATE ${far}.people SET last_name = 'Procedure' WHERE id = i`);
    await stand.start();
    await stand.equal();
    await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
  });
  afterAll(async () => {
    await other?.end();
    await own?.[Symbol.asyncDispose]();
  });

  const requested = () => stand.logText().split('"reconcile.owed"').length - 1;
  /** In a session that logs statements, whose default schema is not the source's. */
  const run = async (sql: string) => {
    await other.query(`USE ${far}; SET SESSION binlog_format = 'STATEMENT'`);
    await other.query(sql);
    await other.query("SET SESSION binlog_format = 'ROW'");
  };

  it('that changes mapped rows is followed by a reconcile, in every form', async () => {
    const forms = [
      `UPDATE people SET last_name = 'View' WHERE id = 1`,
      `INSERT INTO logins (user_id) VALUES (2)`,
      'SELECT rename_one(3)',
      'DO rename_one(4)',
      'SET @x = rename_one(5)',
      'CALL rename_by_view(6)',
      `PREPARE p FROM "DELETE FROM people WHERE id = 7"; EXECUTE p`,
      `UPDATE people p JOIN bystanders b ON b.n = 1 SET p.last_name = 'Join'`,
      `/* a tool's note */ (SELECT rename_one(8))`,
      `REPLACE INTO ${source}.institutes (id, name) VALUES (9, 'Nine')`,
      ...(flavour === 'mariadb'
        ? [
            // MySQL refuses them.
            `CREATE TEMPORARY TABLE t AS SELECT rename_one(9); DROP TEMPORARY TABLE t`,
            `CREATE TABLE copied AS SELECT rename_one(14) AS x; DROP TABLE copied`,
            `SET STATEMENT max_statement_time = 9 FOR DELETE FROM people WHERE id = 10`,
            `BEGIN NOT ATOMIC UPDATE people SET last_name = 'Block' WHERE id = 11; END`,
            `ANALYZE UPDATE people SET last_name = 'Analyzed' WHERE id = 12`,
            `/*M!100100 UPDATE people SET last_name = 'Conditional' WHERE id = 13 */`,
          ]
        : [`/*!80000 UPDATE people SET last_name = 'Conditional' WHERE id = 13 */`]),
    ];
    for (const sql of forms) {
      const before = requested();
      await run(sql);
      await stand.explained(eventually(() => requested() > before, {what: `a reconcile after ${sql}`}));
    }
    await stand.until('the count of them', ({warnings}) =>
      /were logged without row images \d+ times.*binlog_format = ROW/.test(String(warnings)),
    );
    await stand.equal(90_000);
    await stand.until('streaming again', ({replication}) => replication.state === 'streaming', 90_000);
    expect((await stand.cli(['verify'])).code).toBe(0);
    // They are covered together, and not one by one.
    const {items} = (await stand.daemon.get('/sync/runs')) as {items: unknown[]};
    expect(items.length).toBeLessThan(forms.length);
  });

  it('in the form of a definition leads to a reconcile if it may change rows', async () => {
    await other.query(`USE ${source}; ALTER TABLE users ADD COLUMN tenant INT NULL`);
    const forms = [
      `/*! TRUNCATE TABLE ${source} . \`institute_user\` */`,
      `ALTER TABLE ${source}.users ADD COLUMN more INT, COMMENT = 'x' ENGINE = MyISAM`.replace(
        'MyISAM',
        'InnoDB ROW_FORMAT = DYNAMIC, MODIFY first_name VARCHAR(90)',
      ),
      `/*!50000 DELETE FROM ${source}.users WHERE id = 40 */`,
      ...(flavour === 'mariadb'
        ? [
            `SET STATEMENT foreign_key_checks = 0 FOR TRUNCATE TABLE ${source}.institute_user`,
            `ALTER IGNORE TABLE ${source}.institute_user ADD UNIQUE (user_type)`,
          ]
        : []),
    ];
    for (const sql of forms) {
      const before = requested();
      await other.query(`USE ${far}`);
      await other.query(
        sql.includes('DELETE') ? `SET binlog_format = 'STATEMENT'; ${sql}; SET binlog_format = 'ROW'` : sql,
      );
      await stand.explained(eventually(() => requested() > before, {what: `a reconcile after ${sql}`}));
    }
    await stand.equal(120_000);
  });

  it.skipIf(flavour !== 'mysql')(
    'that changed only other schemas according to the log costs nothing',
    async () => {
      await stand.until('streaming', ({replication}) => replication.state === 'streaming', 90_000);
      const before = requested();
      await run(`INSERT INTO bystanders (n) VALUES (1); UPDATE bystanders SET n = 2; DELETE FROM bystanders`);
      await stand.caughtUp();
      expect(requested()).toBe(before);
    },
  );
});
