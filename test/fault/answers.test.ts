/** Answers of a daemon stay true: no later answer contradicts them, and no fault loses what they promise. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {Stand} from '../helpers/fault-stand.ts';
import {eventually} from '../helpers/eventually.ts';
import {untilWaiting} from '../helpers/lock-waits.ts';
import {rowsOf, WIDE} from '../helpers/rule-rows.ts';
import {connect, createDatabases, query} from '../servers/databases.ts';
import {startServer} from '../servers/server.ts';

describeEachFlavour('What a daemon has answered', ({edition, server, source, target}) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      schema: WIDE,
    });
    await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One')");
    await stand.start();
    await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
  });
  const {user, foreignUser, emails} = rowsOf(() => stand);
  const untilDaemonWaits = () =>
    untilWaiting(stand.target, async id => {
      const of = 'SELECT 1 FROM information_schema.processlist WHERE id = ? AND db = ?';
      return (await query(stand.target, of, [id, target])).length === 1;
    });

  it('is what the last of a pause and a resume said, although they overlap', async () => {
    await user(1, 'one@example.test');
    await stand.caughtUp();
    const holder = await connect(server, target);
    await holder.query('START TRANSACTION; SELECT 1 FROM user WHERE userId = 1 FOR UPDATE');
    await stand.source.query("UPDATE users SET first_name = 'Held' WHERE id = 1");
    await untilDaemonWaits();
    const pausing = stand.daemon.post('/replication/pause', {});
    await eventually(
      async () => Number((await stand.targetRows('SELECT paused FROM sync_checkpoint'))[0]?.['paused']) === 1,
      {what: 'the pause, which waits for the current transaction'},
    );
    const resuming = stand.daemon.post('/replication/resume', {});
    await holder.query('COMMIT');
    await holder.end();
    expect([(await pausing).status, (await resuming).status]).toEqual([200, 200]);
    await stand.daemon.until('streaming');
    expect(await stand.targetRows('SELECT paused FROM sync_checkpoint')).toEqual([{paused: 0}]);
    await stand.caughtUp();
  });

  it('of dead letters that remain agrees with the status from then on', async () => {
    await foreignUser(900, 'taken@example.test');
    await user(11, 'taken@example.test');
    await stand.until('the dead letter', ({deadLetters}) => deadLetters === 1);
    await stand.target.query('DELETE FROM user WHERE userId = 900');
    expect((await stand.daemon.post('/sync/dead-letters/retry')).body).toMatchObject({
      retried: 1,
      remaining: 0,
    });
    expect((await stand.daemon.status()).deadLetters).toBe(0);
  });

  it('of a run includes the dead letters that it left', async () => {
    await stand.daemon.post('/replication/pause', {});
    await user(21, 'no address');
    const {body} = await stand.daemon.post('/sync/trigger', {mode: 'diff'});
    expect(body).toMatchObject({tables: {user: {deadLetters: 1}}});
    expect((await stand.daemon.status()).deadLetters).toBe(1);
    await stand.source.query('DELETE FROM users WHERE id = 21');
    await stand.daemon.post('/replication/resume', {});
    await stand.until('its end', ({deadLetters}) => deadLetters === 0);
  });

  it('is completed after a crash: the row that waits for a freed value gets it', async () => {
    await user(31, 'wanted@example.test');
    await stand.caughtUp();
    await user(32, 'wanted@example.test');
    await stand.until('the dead letter', ({deadLetters}) => deadLetters === 1);
    const holder = await connect(server, target);
    // It blocks only the second row, so that the first one is committed and the second one waits.
    await holder.query(
      "START TRANSACTION; INSERT INTO user (userId, name, email, password, createdAt, updatedAt) VALUES (32, 'X', 'x@example.test', 'p', '2020-01-01', '2020-01-01')",
    );
    await stand.source.query("UPDATE users SET email = 'other@example.test' WHERE id = 31");
    await eventually(async () => (await emails(31, 31))[31] === 'other@example.test', {
      what: 'the value that becomes free',
    });
    await untilDaemonWaits();
    await stand.daemon.kill();
    await holder.query('ROLLBACK');
    await holder.end();
    await stand.start();
    await eventually(async () => (await emails(31, 32))[32] === 'wanted@example.test', {
      what: 'the row that waited',
    });
    expect(await stand.letters()).toEqual([]);
  });

  it('is not written again each second by an idle stream', async () => {
    // Source and target are one server, so that each save comes back in the log. No other suite uses it, because what
    // others log is a reason to save.
    await using own = await startServer({edition});
    const {source: from, target: to} = await createDatabases(own, 'idle');
    await using idle = await Stand.open({
      source: {server: own, database: from},
      target: {server: own, database: to},
    });
    await idle.start();
    await idle.caughtUp();
    const written = async () => {
      const [row] = await idle.targetRows('SELECT log_offset, applied_at FROM sync_checkpoint');
      return JSON.stringify(row);
    };
    const contacts = new Set<string | null>();
    const states = new Set<string>();
    await eventually(
      async () => {
        states.add(await written());
        const {replication} = (await idle.daemon.get('/sync/status')) as {
          replication: {lastContactAt: string | null};
        };
        contacts.add(replication.lastContactAt);
        return contacts.size > 8;
      },
      {timeoutMs: 60_000, intervalMs: 200, what: 'eight heartbeats'},
    );
    expect(states.size).toBeLessThanOrEqual(3);
  });
});
