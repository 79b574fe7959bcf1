/** A target that accepts no writes: the status says so, and the stream tries again less and less often. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {withConnection} from '../servers/databases.ts';
import {startServer, type TestServer} from '../servers/server.ts';

/** Ten attempts a second, each with several connections, would be many more. */
const MAX_CONNECTIONS = 120;

describeEachFlavour('#40 a target that accepts no writes', ({edition, server, source}) => {
  let own: TestServer;
  let stand: Stand;
  beforeAll(async () => {
    own = await startServer({edition});
    await withConnection(own, undefined, connection =>
      connection.query(
        // Without the privilege that bypasses read_only.
        `CREATE DATABASE organizations CHARACTER SET utf8mb4; CREATE USER 'plain'@'%' IDENTIFIED BY 'plain';
         GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, REFERENCES ON organizations.* TO 'plain'@'%'`,
      ),
    );
    stand = await Stand.open({
      source: {server, database: source},
      target: {server: own, database: 'organizations'},
      env: {ORG_DB_USERNAME: 'plain', ORG_DB_PASSWORD: 'plain'},
    });
    // The server checks a privilege on a table at each statement, and one on a schema when a session begins.
    await stand.target.query("REVOKE INSERT ON organizations.* FROM 'plain'@'%'");
    for (const {name} of await stand.targetRows(
      'SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()',
    ))
      await stand.target.query(`GRANT INSERT ON organizations.\`${String(name)}\` TO 'plain'@'%'`);
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (1, 'One', 'one@example.test', 'p')",
    );
    await stand.start();
    await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
    await stand.equal();
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
    await own?.dispose();
  });

  const connections = async () => {
    const [row] = await stand.targetRows("SHOW GLOBAL STATUS LIKE 'Connections'");
    return Number(row?.['Value']);
  };
  /**
   * Counts connections from the first fault until the status is unhealthy, and for as long again; the status
   * never says that it streams.
   */
  const isReportedAndRetried = async (state: string, words: RegExp, times: number) => {
    const before = await connections();
    await stand.until('the fault', ({replication}) => replication.state === state);
    const seen = new Set<string>();
    const watch = (status: {replication: {state: string}}) => seen.add(status.replication.state);
    const unhealthy = await stand.until('a reason', status => {
      watch(status);
      return status.reasons.length > 0;
    });
    expect(unhealthy.isHealthy).toBe(false);
    expect(unhealthy.reasons.join()).toMatch(words);
    const tries = () => stand.logText().split(/"(?:replication|lead)\.retry"/).length;
    const enough = tries() + times;
    await stand.until(
      'more tries',
      status => {
        watch(status);
        return tries() >= enough || times === 0;
      },
      60_000,
    );
    expect([...seen]).toEqual([state]);
    expect((await connections()) - before).toBeLessThan(MAX_CONNECTIONS);
    expect(await stand.letters()).toEqual([]);
  };
  const recovers = async () => {
    await stand.daemon.until('streaming', 40_000);
    await stand.equal(40_000);
    const status = await stand.until('health', ({isHealthy}) => isHealthy);
    expect(status.reasons).toEqual([]);
  };

  it('because it is read-only is tried again after longer and longer pauses', async () => {
    await stand.target.query('SET GLOBAL read_only = 1');
    await stand.source.query("UPDATE users SET first_name = 'Waits'");
    await isReportedAndRetried('starting', /the target is read-only \(error 1290\).*read_only/, 2);
    await stand.target.query('SET GLOBAL read_only = 0');
    await recovers();
  });

  it('because a privilege is missing halts the stream and names the doctor', async () => {
    await stand.target.query("REVOKE INSERT ON organizations.user_auth FROM 'plain'@'%'");
    await stand.source.query("UPDATE users SET first_name = 'Granted'");
    await isReportedAndRetried('halted', /a privilege \(error 1142\).*doctor/, 0);
    await stand.target.query("GRANT INSERT ON organizations.user_auth TO 'plain'@'%'");
    await recovers();
  });

  it('because a table is missing halts the stream, and no row is blamed', async () => {
    await stand.target.query('RENAME TABLE user_auth TO user_auth_away');
    await stand.source.query("UPDATE users SET first_name = 'Away'");
    await isReportedAndRetried('halted', /target-incompatible.*doctor/, 0);
    await stand.target.query('RENAME TABLE user_auth_away TO user_auth');
    await recovers();
  });

  it('because an unmapped column has no default halts the stream', async () => {
    await stand.target.query('ALTER TABLE user ADD extra INT NOT NULL');
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (2, 'Two', 'two@example.test', 'p')",
    );
    await isReportedAndRetried('halted', /target-incompatible.*doctor/, 0);
    await stand.target.query('ALTER TABLE user DROP COLUMN extra');
    await recovers();
  });
});
