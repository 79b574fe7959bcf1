/**
 * Refusals of a whole batch: deadlocks, lock waits, a full disk. The batch is retried until it succeeds, and no
 * row becomes a dead letter.
 */
import {afterAll, beforeAll, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {eventually} from '../helpers/eventually.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {expectNothingTold} from '../helpers/secrets.ts';
import {connect, query, withConnection} from '../servers/databases.ts';
import {startServer, type TestServer} from '../servers/server.ts';

/** All tables in one file that cannot grow beyond its second part. */
const SMALL_DISK = ['--innodb-file-per-table=0', '--innodb-data-file-path=ibdata1:12M;ibdata2:24M'];

describeEachFlavour('a target', ({flavour, edition, server, source}) => {
  let own: TestServer;
  let stand: Stand;
  beforeAll(async () => {
    own = await startServer({edition, options: SMALL_DISK});
    await withConnection(own, undefined, connection =>
      connection.query('CREATE DATABASE organizations CHARACTER SET utf8mb4'),
    );
    stand = await Stand.open({
      source: {server, database: source},
      target: {server: own, database: 'organizations'},
      env: {LOG_LEVEL: 'trace'},
    });
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (1, 'One', 'one@example.test', 'p'), (2, 'Two', 'two@example.test', 'p')",
    );
    await stand.start();
    await stand.equal();
    await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
    await own?.dispose();
  });

  it('#30 whose deadlocks always hit the stream gets the whole batch again', async () => {
    const holder = await connect(own, 'organizations');
    try {
      await holder.query('CREATE TABLE heavy (id INT PRIMARY KEY, t TEXT)');
      for (let i = 0; i < 3; i++) {
        // InnoDB spares the transaction that has changed more rows.
        await holder.query(
          `START TRANSACTION; REPLACE INTO heavy WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i, 'x' FROM n;
           SELECT * FROM user WHERE userId = 2 FOR UPDATE`,
        );
        await stand.source.query(`UPDATE users SET first_name = CONCAT('Dead', ${i}) WHERE id IN (1, 2)`);
        // Our batch holds the first row by now, and waits for the second.
        await stand.explained(
          eventually(
            async () =>
              (await stand.targetRows('SELECT 1 FROM user WHERE userId = 1 FOR UPDATE SKIP LOCKED'))
                .length === 0,
            {what: 'our lock'},
          ),
        );
        await holder.query('SELECT * FROM user WHERE userId = 1 FOR UPDATE');
        await holder.query('ROLLBACK');
        await stand.equal();
      }
      const [deadlocks] = await query(
        holder,
        flavour === 'mariadb'
          ? "SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'"
          : "SELECT COUNT AS Value FROM information_schema.INNODB_METRICS WHERE NAME = 'lock_deadlocks'",
      );
      expect(Number(deadlocks?.['Value'])).toBeGreaterThanOrEqual(3);
    } finally {
      await holder.query('ROLLBACK; DROP TABLE heavy');
      await holder.end();
    }
    expect(await stand.letters()).toEqual([]);
    expect(stand.logText()).not.toContain('replication.retry');
  });

  it('whose disk is full gets the batch later, and no row is blamed', async () => {
    const filler = await connect(own, 'organizations');
    try {
      await fillUp(filler);
      for (let from = 1000; from < 9000; from += 1000) {
        await stand.source.query(
          `INSERT INTO users (id, first_name, last_name, email, password)
             WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 900)
             SELECT ${from} + i, REPEAT('Secretfirst', 10), REPEAT('Secretlast', 10), CONCAT(REPEAT('secret.mail', 8), ${from} + i, '@example.test'), REPEAT('SECRETHASH', 25) FROM n`,
        );
      }
      const full = await stand.until(
        'a reason',
        ({replication, reasons, warnings}) =>
          replication.state !== 'streaming' &&
          /target-rejected-batch/.test([...reasons, ...(warnings as string[])].join()),
        60_000,
      );
      expect([...full.reasons, ...(full['warnings'] as string[])].join()).toMatch(
        /disk of the target, or one of its tables, is full/,
      );
      // Each attempt connects, and fails at the batch: a connection alone does not make the waits short again.
      await stand.until('a longer wait', () => longestWaitMs(stand.logText()) >= LONG_WAIT_MS, 60_000);
      expect(await stand.letters()).toEqual([]);
      // A current batch may have taken the last page, which a DROP needs, too.
      await eventually(() => filler.query('DROP TABLE filler').then(() => true), {what: 'room'});
    } finally {
      await filler.end();
    }
    await stand.daemon.until('streaming', 40_000);
    await stand.equal(30_000);
    expect(await stand.letters()).toEqual([]);
    expect((await stand.cli(['verify'])).code).toBe(0);
    await expectNothingTold(stand, []);
  });
});

/** Longer than the first three waits can be. */
const LONG_WAIT_MS = 401;

/** The longest of the waits before another attempt, in milliseconds. */
function longestWaitMs(log: string): number {
  const waits = log.matchAll(/"event":"replication\.retry".*?"ms":(\d+)/g);
  return Math.max(0, ...Array.from(waits, ([, ms]) => Number(ms)));
}

const TABLE_IS_FULL = 1114;
const ROW_BYTES = 7000;

/**
 * Fills the free space, except for the little that a DROP needs. The rows are shorter than a page: if a longer
 * one does not fit, MariaDB 11.8 finds no space to roll it back, either, and crashes.
 */
async function fillUp(connection: mysql.Connection): Promise<void> {
  await connection.query('CREATE TABLE filler (id INT AUTO_INCREMENT PRIMARY KEY, t LONGTEXT)');
  for (;;) {
    try {
      await connection.query('INSERT INTO filler (t) VALUES (REPEAT(?, ?))', ['x', ROW_BYTES]);
    } catch (error) {
      if (error instanceof Error && 'errno' in error && error.errno === TABLE_IS_FULL) return;
      throw error;
    }
  }
}
