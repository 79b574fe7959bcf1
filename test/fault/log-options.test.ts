/** A log with the smallest events and files, and compressed: every form of a statement is read exactly. */
import {Readable} from 'node:stream';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {openWithOwnSource, type OwnSource} from '../helpers/own-source.ts';

const SMALLEST = ['--max-binlog-size=4096', '--binlog-row-event-max-size=256', '--local-infile=1'];

describeEachFlavour('a log of small pieces', ({edition, flavour, server}) => {
  let own: OwnSource;
  beforeAll(async () => {
    const compressed = ['--binlog-transaction-compression=ON', '--binlog-order-commits=OFF'];
    own = await openWithOwnSource(
      {edition, options: [...SMALLEST, ...(flavour === 'mysql' ? compressed : ['--log-bin-compress=ON'])]},
      server,
    );
    await own.stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One'), (2, 'Two')");
    await own.stand.start();
  });
  afterAll(() => own?.[Symbol.asyncDispose]());

  const users = (from: number, count: number) =>
    Array.from({length: count}, (_, i) => `(${from + i}, 'F${from + i}', 'n${from + i}@x.test', 'p')`).join();
  const load = async (options: string) => {
    const lines = Array.from({length: 300}, (_, i) => `${1000 + i}\tL${i}\tl${i}@x.test\tp\n`);
    await own.stand.source.query({
      sql: `LOAD DATA LOCAL INFILE 'users' ${options}`,
      infileStreamFactory: () => Readable.from([Buffer.from(lines.join(''))]),
    });
  };
  /** Statements by their kind; each runs after the previous ones. */
  const FORMS = {
    'many rows': [`INSERT INTO users (id, first_name, email, password) VALUES ${users(1, 500)}`],
    REPLACE: [
      "REPLACE INTO users (id, first_name, email, password) VALUES (1, 'R', 'n2@x.test', 'p'), (5000, 'R', 'n3@x.test', 'p')",
    ],
    'INSERT … ON DUPLICATE KEY UPDATE': [
      "INSERT INTO users (id, first_name, email, password) VALUES (4, 'R', 'n4@x.test', 'p'), (7, 'R', 'n8@x.test', 'p') ON DUPLICATE KEY UPDATE first_name = 'again'",
    ],
    'UPDATE and DELETE of two tables': [
      "INSERT INTO institute_user (institute_id, user_id, user_type, status) SELECT 1, id, 'student', 'active' FROM users",
      "UPDATE users u JOIN institute_user m ON m.user_id = u.id SET u.first_name = CONCAT('J', u.id), m.user_type = 'teacher' WHERE u.id % 3 = 0",
      'DELETE u, m FROM users u JOIN institute_user m ON m.user_id = u.id WHERE u.id % 7 = 0',
    ],
    'XA in one phase and in two': [
      "XA START 'two'; UPDATE users SET first_name = 'xa' WHERE id = 10; SAVEPOINT s; UPDATE users SET first_name = 'no' WHERE id = 11; ROLLBACK TO s; XA END 'two'; XA PREPARE 'two'; XA COMMIT 'two'",
      "XA START 'one'; UPDATE users SET first_name = 'one phase' WHERE id = 13; XA END 'one'; XA COMMIT 'one' ONE PHASE",
    ],
    'a table that another one replaces': [
      'SET foreign_key_checks = 0; CREATE TABLE next LIKE users; INSERT INTO next SELECT * FROM users WHERE id > 20; RENAME TABLE users TO former, next TO users; SET foreign_key_checks = 1',
      "UPDATE users SET first_name = 'replaced' WHERE id % 5 = 0",
    ],
    'a column that is added and dropped': [
      "ALTER TABLE users ADD COLUMN more VARCHAR(10) DEFAULT 'q'; UPDATE users SET more = 'r', first_name = 'more' WHERE id % 11 = 0; ALTER TABLE users DROP COLUMN more",
    ],
    'a procedure and a trigger': [
      "CREATE PROCEDURE fill() BEGIN DECLARE i INT DEFAULT 6000; WHILE i < 6040 DO INSERT INTO users (id, first_name, email, password) VALUES (i, 'P', CONCAT('p', i, '@x.test'), 'p'); SET i = i + 1; END WHILE; END; CALL fill()",
      "CREATE TABLE feed (id INT PRIMARY KEY); CREATE TRIGGER fed AFTER INSERT ON feed FOR EACH ROW UPDATE users SET first_name = CONCAT('fed', NEW.id) WHERE id = NEW.id; INSERT INTO feed VALUES (30), (31); DROP TABLE feed",
    ],
    'transactions without rows': [
      "START TRANSACTION; COMMIT; START TRANSACTION; UPDATE users SET first_name = 'no' WHERE id = 33; ROLLBACK; FLUSH LOGS",
    ],
    'rows longer than an event': [
      "UPDATE users SET first_name = REPEAT('é', 100), password = REPEAT('x', 250)",
    ],
    'CREATE TABLE … SELECT': ['CREATE TABLE copy AS SELECT * FROM users; DROP TABLE copy'],
  };

  const right = async () => {
    await own.stand.equal(30_000);
    expect(own.stand.logText()).not.toMatch(/"halted"|"internal"/);
    expect(await own.stand.letters()).toEqual([]);
  };

  for (const [what, statements] of Object.entries(FORMS))
    it(`is read exactly after ${what}`, async () => {
      for (const sql of statements) await own.stand.source.query(sql);
      await right();
    });

  it.each(['INTO TABLE users', 'REPLACE INTO TABLE users'])(
    'is read exactly after LOAD DATA %s',
    async how => {
      await load(`${how} (id, last_name, email, password)`);
      await right();
    },
  );
});
