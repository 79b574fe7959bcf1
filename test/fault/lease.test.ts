/** One writer: a standby takes over, and a deposed leader writes nothing (docs/invariants.md, 5). */
import {afterEach, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import type {DaemonProcess} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {Stand, SURROGATE} from '../helpers/fault-stand.ts';
import {untilWaiting} from '../helpers/lock-waits.ts';
import {query} from '../servers/databases.ts';

/** After this time, a frozen leader has lost the lease. */
const TAKEOVER_MS = 10_000;

describeEachFlavour('two daemons', ({server, source, target}) => {
  let stand: Stand | undefined;
  afterEach(async () => {
    await stand?.[Symbol.asyncDispose]();
    stand = undefined;
  });

  const states = (daemons: readonly DaemonProcess[]) =>
    Promise.all(daemons.map(async daemon => (await daemon.status()).replication.state));
  const pair = async (open: Stand) => {
    const daemons = await Promise.all([open.launch(), open.launch()]);
    const settled = await open.explained(
      eventually(
        async () => {
          const now = await states(daemons);
          return now.includes('streaming') && now.includes('standby') ? now : false;
        },
        {timeoutMs: 30_000, what: 'a leader and a standby'},
      ),
    );
    const leader = daemons[settled.indexOf('streaming')];
    const standby = daemons[settled.indexOf('standby')];
    if (leader === undefined || standby === undefined) throw new Error('no pair');
    return {leader, standby};
  };
  const untilStreaming = (daemon: DaemonProcess) =>
    eventually(async () => (await daemon.status()).replication.state === 'streaming', {
      timeoutMs: TAKEOVER_MS,
      what: 'the take-over',
    });

  it('agree on a leader, and the standby takes over if it is killed or frozen', async () => {
    stand = await Stand.open({source: {server, database: source}, target: {server, database: target}});
    const {leader, standby} = await pair(stand);
    expect((await fetch(`${standby.url}/readyz`)).status).toBe(200);
    expect((await standby.post('/sync/trigger', {})).status).toBe(409);

    await leader.kill();
    await untilStreaming(standby);
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (1, 'After', 'after@example.test', 'p')",
    );
    await eventually(async () => (await stand?.targetRows('SELECT 1 FROM user'))?.length === 1, {
      what: 'the row',
    });

    const third = await stand.launch();
    await eventually(async () => (await third.status()).replication.state === 'standby', {
      timeoutMs: 20_000,
      what: 'standby',
    });
    // Frozen in the middle of a transaction: it waits for one row, and has locked others.
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (2, 'Goes', 'goes@example.test', 'p')",
    );
    await stand.caughtUp();
    await stand.target.query('START TRANSACTION; SELECT * FROM user WHERE userId = 2 FOR UPDATE');
    await stand.source.query('DELETE FROM users WHERE id = 2');
    const {source: other} = stand;
    await untilWaiting(other, async id => {
      const of = 'SELECT 1 FROM information_schema.processlist WHERE id = ? AND db = ?';
      return (await query(other, of, [id, target])).length === 1;
    });
    standby.signal('SIGSTOP');
    await stand.target.query('ROLLBACK');
    await untilStreaming(third);
    await eventually(
      async () => (await stand?.targetRows('SELECT 1 FROM user WHERE userId = 2'))?.length === 0,
      {what: 'the delete'},
    );
    const [led] = await stand.targetRows('SELECT fencing_token, leader FROM sync_checkpoint');
    await stand.source.query("UPDATE users SET first_name = 'Newer' WHERE id = 1");
    await eventually(
      async () => (await stand?.targetRows('SELECT name FROM user'))?.[0]?.['name'] === 'Newer',
      {what: 'the update'},
    );
    // A write of the thawed leader would be visible: it would restore the source's rows in the target.
    await stand.target.query("UPDATE user SET name = 'Marked' WHERE userId = 1");
    standby.signal('SIGCONT');
    await stand.explained(
      eventually(async () => (await standby.status()).replication.state === 'standby', {
        timeoutMs: 15_000,
        what: 'standing by',
      }),
    );
    expect(await stand.targetRows('SELECT fencing_token, leader FROM sync_checkpoint')).toEqual([led]);
    expect(await stand.targetRows('SELECT name FROM user')).toEqual([{name: 'Marked'}]);
    expect((await third.status()).replication.state).toBe('streaming');

    // A leader that is asked to stop hands over at once.
    const startedMs = performance.now();
    expect(await third.stop()).toBe(0);
    await untilStreaming(standby);
    expect(performance.now() - startedMs).toBeLessThan(TAKEOVER_MS);
  });

  /** Other tests of this file may have created the tables. */
  const openAgain = () =>
    Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      schema: {
        create: SURROGATE.create.replaceAll('CREATE TABLE', 'CREATE TABLE IF NOT EXISTS'),
        surrogate: true,
      },
    });

  it('never both write: a batch with an old fencing number is refused as a whole', async () => {
    stand = await openAgain();
    await stand.source.query(
      "INSERT IGNORE INTO users (id, first_name, email, password) VALUES (1, 'One', 'one@example.test', 'p')",
    );
    await stand.start();
    await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
    // Records the fencing number of each committed write.
    await stand.target.query(
      `CREATE TABLE wrote (token BIGINT);
       CREATE TRIGGER tell AFTER UPDATE ON user FOR EACH ROW INSERT INTO wrote SELECT fencing_token FROM sync_checkpoint`,
    );
    await stand.target.query('UPDATE sync_checkpoint SET fencing_token = fencing_token + 1');
    const [moved] = await stand.targetRows('SELECT fencing_token AS token FROM sync_checkpoint');
    await stand.source.query("UPDATE users SET first_name = 'Refused' WHERE id = 1");
    // It notices, and leads again with a new number.
    await eventually(
      async () => (await stand?.targetRows('SELECT name FROM user'))?.[0]?.['name'] === 'Refused',
      {timeoutMs: 15_000, what: 'a new lead'},
    );
    expect(stand.logText()).toContain('lease-lost');
    expect(await stand.targetRows('SELECT token FROM wrote WHERE token <= ?', [moved?.['token']])).toEqual(
      [],
    );
  });

  it('leave nothing running without a lease if one fails as it begins to lead', async () => {
    stand = await openAgain();
    await stand.start();
    expect(await stand.daemon.stop()).toBe(0);
    const rename = (from: string, to: string) =>
      stand?.target.query(`ALTER TABLE sync_checkpoint RENAME COLUMN ${from} TO ${to}`);
    await rename('paused', 'away');
    await stand.launch();
    const lines = () => stand?.logText().split('\n') ?? [];
    const retries = () => lines().filter(line => line.includes('"lead.retry"')).length;
    await stand.explained(eventually(() => retries() >= 3, {what: 'three tries'}));
    await rename('away', 'paused');
    await stand.daemon.until('streaming');
    await stand.caughtUp();
    let leads = false;
    for (const line of lines()) {
      if (line.includes('"lease.acquired"')) leads = true;
      if (line.includes('"lead.retry"')) leads = false;
      if (line.includes('"state":"streaming"')) expect(leads, line).toBe(true);
    }
    expect((await stand.daemon.status()).replication.state).toBe('streaming');
  });
});
