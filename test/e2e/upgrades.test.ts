/** From each released version's database to this one, and an old and a new version side by side. */
import {createHash} from 'node:crypto';
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, describe, expect, it} from 'vitest';
import {cli} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {connect, createDatabases, emptyDatabases, uniqueNames, withConnection} from '../servers/databases.ts';

const RELEASED = join(import.meta.dirname, 'released');
const RELEASES = readdirSync(RELEASED).map(name => name.replace(/\.sql$/, ''));
const KEPT = ['sync_checkpoint', 'sync_owned', 'sync_dead_letter', 'sync_run'];
const USERS = 'INSERT INTO users (id, first_name, email, password) VALUES';

/** The statements by which 0.1.0 became leader: the interface between versions that run at the same time. */
const OLD_LEASE = {
  lock: (database: string, stream: string) =>
    `laas-sync:${stream}:${createHash('sha256').update(`${database}\0${stream}`).digest('hex').slice(0, 16)}`,
  lead: "INSERT INTO sync_checkpoint (stream, fencing_token, leader) VALUES ('default', 1, 'old:1') ON DUPLICATE KEY UPDATE fencing_token = fencing_token + 1, leader = VALUES(leader)",
  fence:
    "UPDATE sync_checkpoint SET fencing_token = IF(fencing_token = ?, fencing_token, NULL), applied_at = UTC_TIMESTAMP(3) WHERE stream = 'default'",
};

describeEachFlavour('an upgrade', ({server, source, target}) => {
  let stand: Stand | undefined;
  afterEach(async () => {
    await stand?.[Symbol.asyncDispose]();
    stand = undefined;
    await emptyDatabases(server, source, target);
  });
  const open = async () =>
    (stand = await Stand.open({source: {server, database: source}, target: {server, database: target}}));
  /** Tables, columns and keys, whatever their order. */
  const shapeOf = (database: string) =>
    withConnection(server, database, async connection => {
      const [rows] = await connection.query(
        `SELECT CONCAT_WS(' ', TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COALESCE(COLLATION_NAME, '-'), EXTRA) AS line FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?)
         UNION ALL SELECT CONCAT_WS(' ', TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?) ORDER BY 1`,
        [database, KEPT, database, KEPT],
      );
      return rows;
    });

  describe.each(RELEASES)('from %s', release => {
    const ddl = readFileSync(join(RELEASED, `${release}.sql`), 'utf8');
    /** Replaces the bookkeeping by that of the release, rows included. */
    const downgrade = async (to: Stand) => {
      for (const table of KEPT) await to.target.query(`RENAME TABLE ${table} TO kept_${table}`);
      await to.target.query(`DROP TABLE sync_migrations, sync_migrations_lock; ${ddl}`);
      for (const table of KEPT) {
        const columns = (await to.targetRows(`SHOW COLUMNS FROM ${table}`))
          .map(row => String(row['Field']))
          .join(', ');
        await to.target.query(
          `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM kept_${table}; DROP TABLE kept_${table}`,
        );
      }
    };

    it('keeps position, ownership, runs and dead letters, and needs no copy', async () => {
      const old = await open();
      await old.source.query(
        `INSERT INTO institutes (id, name) VALUES (1, 'One'); ${USERS} (1, 'Ada', 'ada@example.test', 'p'), (2, 'Bob', 'bob@example.test', 'p'), (3, 'Bad', 'nobody', 'p'); INSERT INTO institute_user (institute_id, user_id) VALUES (1, 1), (1, 2)`,
      );
      await old.start();
      await old.equal();
      await old.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
      expect(await old.daemon.stop()).toBe(0);
      await downgrade(old);
      const kept = await old.targetRows('SELECT run_id, tables FROM sync_run');
      const letters = await old.letters();
      expect(letters).toEqual(['user 3 invalid-email']);
      await old.source.query(
        `${USERS} (4, 'Meanwhile', 'm@example.test', 'p'); DELETE FROM users WHERE id = 2`,
      );

      expect(await old.cli(['migrate'])).toMatchObject({code: 0});
      expect(await old.letters()).toEqual(letters);
      await old.start();
      await old.caughtUp();
      await old.equal();
      expect(await old.targetRows('SELECT run_id, tables FROM sync_run')).toEqual(kept);
      expect(await old.cli(['verify'])).toMatchObject({code: 0});
    });

    it('ends in the same tables as a first installation', async () => {
      const names = uniqueNames('up');
      const fresh = await createDatabases(server, 'up', names);
      const old = await open();
      await downgrade(old);
      expect(await old.cli(['migrate'])).toMatchObject({code: 0});
      expect(await cli(['migrate'], {...old.env, ORG_DB_DATABASE: names.target})).toMatchObject({code: 0});
      expect(await shapeOf(target)).toEqual(await shapeOf(names.target));
      await fresh.drop();
    });
  });

  it('continues an upgrade that stopped after its first migration', async () => {
    const half = await open();
    await half.target.query(
      "DELETE FROM sync_migrations WHERE name <> '0001-bookkeeping'; DROP TABLE user_auth",
    );
    expect(await half.cli(['sync'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not-migrated'),
    });
    expect(await half.cli(['migrate'])).toMatchObject({code: 0});
    await half.source.query(`${USERS} (1, 'Ada', 'ada@example.test', 'p')`);
    expect(await half.cli(['sync'])).toMatchObject({code: 0});
    expect(await half.cli(['verify'])).toMatchObject({code: 0});
  });

  it('of the standby first: the old version still leads while the new one migrates', async () => {
    const both = await open();
    const old = await connect(server, target);
    const lock = OLD_LEASE.lock(target, 'default');
    expect((await old.query('SELECT GET_LOCK(?, 0) AS got', [lock]))[0]).toEqual([{got: 1}]);
    await old.query(OLD_LEASE.lead);
    const [[led]] = (await old.query('SELECT fencing_token AS token FROM sync_checkpoint')) as unknown as [
      [{token: number}],
    ];
    const writeAsOld = async (id: number) => {
      await old.query('START TRANSACTION');
      await old.query(
        "INSERT INTO institute (instituteId, name, createdAt, updatedAt) VALUES (?, 'Old', '2020-01-01', '2020-01-01')",
        [id],
      );
      await old.query(OLD_LEASE.fence, [led.token]);
      await old.query('COMMIT');
    };
    const daemon = await both.launch();
    await daemon.until('standby');
    expect(await both.cli(['migrate'])).toMatchObject({code: 0});
    expect(await both.cli(['sync'])).toMatchObject({code: 75});
    await writeAsOld(900);
    expect(await both.targetRows('SELECT leader FROM sync_checkpoint')).toEqual([{leader: 'old:1'}]);

    // Deposed in the middle of a transaction, which is refused as a whole.
    await old.query('SELECT RELEASE_LOCK(?)', [lock]);
    await daemon.until('streaming');
    await expect(writeAsOld(901)).rejects.toMatchObject({errno: 1048});
    await old.query('ROLLBACK');
    expect(await both.targetRows('SELECT instituteId FROM institute')).toEqual([{instituteId: 900}]);
    // It gets no lease as long as the new version runs.
    expect((await old.query('SELECT GET_LOCK(?, 0) AS got', [lock]))[0]).toEqual([{got: 0}]);
    await both.source.query("INSERT INTO institutes (id, name) VALUES (1, 'New')");
    await eventually(
      async () => (await both.targetRows('SELECT 1 FROM institute WHERE instituteId = 1')).length === 1,
    );
    await old.end();
  });

  it('is not undone by an older program, which refuses a newer database', async () => {
    const newer = await open();
    await newer.target.query(
      "INSERT INTO sync_migrations (name, batch, migration_time) VALUES ('0999-of-the-future', 2, NOW())",
    );
    const before = await newer.targetRows('SHOW TABLES');
    const commands = [
      'migrate',
      'migrate --down',
      'start',
      'sync',
      'verify',
      'dead-letters',
      'dead-letters retry',
    ];
    const outcomes = await Promise.all(
      commands.map(command => cli(command.split(' '), {...newer.env, PORT: '0', LOG_LEVEL: 'info'})),
    );
    for (const [i, {code, stderr}] of outcomes.entries()) {
      expect([commands[i], code]).toEqual([commands[i], commands[i] === 'verify' ? 2 : 1]);
      expect(stderr).toContain(
        'laas-sync: target-newer: the target was migrated by a newer version of laas-sync (0999-of-the-future): run that version, or a newer one',
      );
    }
    expect(await newer.targetRows('SHOW TABLES')).toEqual(before);
  });
});
