/** A target that somebody restores from a backup, whole or in part, under a daemon that runs or has stopped. */
import {afterEach, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {eventually} from '../helpers/eventually.ts';
import {emptyDatabases} from '../servers/databases.ts';

const OURS = ['sync_checkpoint', 'sync_owned', 'sync_dead_letter'];
const THEIRS = ['institute', 'user', 'institute_users', 'user_auth'];

const isDeadlock = (error: unknown) => error instanceof Error && 'errno' in error && error.errno === 1213;

describeEachFlavour('#42 A target restored from a backup', ({server, source, target}) => {
  let stand: Stand | undefined;
  afterEach(async () => {
    await stand?.[Symbol.asyncDispose]();
    stand = undefined;
    await emptyDatabases(server, source, target);
  });

  const backUp = async ({target: to}: Stand) => {
    for (const table of [...OURS, ...THEIRS])
      await to.query(`CREATE TABLE backup_${table} AS SELECT * FROM ${table}`);
  };
  const restore = async ({target: to}: Stand, tables: readonly string[]) => {
    const all = async () => {
      await to.query('SET FOREIGN_KEY_CHECKS = 0; START TRANSACTION');
      for (const table of tables)
        await to.query(`DELETE FROM ${table}; INSERT INTO ${table} SELECT * FROM backup_${table}`);
      await to.query('COMMIT; SET FOREIGN_KEY_CHECKS = 1');
      return true;
    };
    // A current batch locks in another order, and the server may choose the restore as the victim of a deadlock.
    await eventually(
      () =>
        all().catch(async (error: unknown) => {
          if (!isDeadlock(error)) throw error;
          await to.query('ROLLBACK');
          return false;
        }),
      {what: 'the restore'},
    );
  };
  /** A stream that has continued since the backup: rows were inserted, changed and deleted. */
  const wellOn = async (): Promise<Stand> => {
    const open = (stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
    }));
    await open.source.query(
      `INSERT INTO institutes (id, name) VALUES (1, 'One'), (2, 'Two');
       INSERT INTO users (id, first_name, email, password) VALUES (1, 'A', 'a@example.test', 'p'), (2, 'B', 'b@example.test', 'p'), (3, 'C', 'c@example.test', 'p');
       INSERT INTO institute_user (institute_id, user_id) VALUES (1, 1), (1, 2), (2, 3)`,
    );
    await open.start();
    await open.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
    await open.equal();
    await backUp(open);
    await open.source.query(
      `DELETE FROM users WHERE id = 2; DELETE FROM institutes WHERE id = 2; UPDATE users SET first_name = 'Changed' WHERE id = 1;
       INSERT INTO users (id, first_name, email, password) VALUES (4, 'D', 'd@example.test', 'p'); INSERT INTO institute_user (institute_id, user_id) VALUES (1, 4)`,
    );
    await open.equal();
    return open;
  };
  const isInOrder = async (open: Stand) => {
    await open.equal(30_000);
    const {code, stdout} = await open.cli(['verify', '--json']);
    const {tables} = JSON.parse(stdout) as {tables: Record<string, {foreign: number}>};
    expect({code, foreign: Object.values(tables).map(({foreign}) => foreign)}).toEqual({
      code: 0,
      foreign: [0, 0, 0, 0],
    });
  };

  it('is noticed by a running daemon, which then compares every row', async () => {
    const open = await wellOn();
    const since = Date.now();
    await restore(open, [...OURS, ...THEIRS]);
    expect(await open.recovery(since)).toMatchObject({mode: 'full', state: 'succeeded'});
    expect(open.logText()).toContain('target.restored');
    await isInOrder(open);
    await open.caughtUp();
    await isInOrder(open);
  });

  it('is noticed before a row is overwritten, also while rows arrive', async () => {
    const open = await wellOn();
    let isOver = false;
    const writing = (async () => {
      for (let i = 100; !isOver; i++)
        await open.source.query(
          "INSERT INTO users (id, first_name, email, password) VALUES (?, 'N', ?, 'p')",
          [i, `n${i}@example.test`],
        );
    })();
    const since = Date.now();
    await eventually(async () => (await open.targetRows('SELECT 1 FROM user WHERE userId > 150')).length > 0);
    await restore(open, [...OURS, ...THEIRS]);
    await open.recovery(since);
    isOver = true;
    await writing;
    await isInOrder(open);
  });

  it('is noticed by the next leader of a process that was a standby or led before', async () => {
    const open = await wellOn();
    await open.daemon.post('/replication/pause', {});
    const since = Date.now();
    await restore(open, [...OURS, ...THEIRS]);
    // The backup is of a stream that was not paused.
    await open.recovery(since);
    await isInOrder(open);
  });

  it('under a stopped daemon is brought up to date from the restored position', async () => {
    const open = await wellOn();
    expect(await open.daemon.stop()).toBe(0);
    await restore(open, [...OURS, ...THEIRS]);
    await open.start();
    await isInOrder(open);
  });

  it('in its bookkeeping alone is brought up to date', async () => {
    const open = await wellOn();
    const since = Date.now();
    await restore(open, OURS);
    await open.recovery(since);
    await isInOrder(open);
  });

  it('without its checkpoint is loaded from a new position', async () => {
    const open = await wellOn();
    const since = Date.now();
    await open.target.query('DELETE FROM sync_checkpoint');
    await open.source.query("UPDATE users SET first_name = 'Again' WHERE id = 1");
    expect(await open.recovery(since)).toMatchObject({mode: 'full', state: 'succeeded'});
    await isInOrder(open);
    expect(await open.targetRows('SELECT position IS NOT NULL AS placed FROM sync_checkpoint')).toEqual([
      {placed: 1},
    ]);
  });

  it('in the Organization Service’s tables alone is corrected by the next run', async () => {
    const open = await wellOn();
    await restore(open, THEIRS);
    expect((await open.daemon.post('/sync/trigger', {mode: 'diff'})).body).toMatchObject({success: true});
    const {code, stdout} = await open.cli(['verify', '--json']);
    expect(code).toBe(0);
    // Nothing distinguishes these rows from rows that others wrote.
    expect(JSON.parse(stdout)).toMatchObject({tables: {institute: {foreign: 1}, user: {foreign: 1}}});
    expect(await open.targetRows('SELECT userId, name FROM user ORDER BY userId')).toEqual([
      {userId: 1, name: 'Changed'},
      {userId: 2, name: 'B'},
      {userId: 3, name: 'C'},
      {userId: 4, name: 'D'},
    ]);
  });
});
