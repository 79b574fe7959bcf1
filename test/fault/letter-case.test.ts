/** A server that ignores case in names: its tables, schemas and statements may use any letter case. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {Stand, SURROGATE} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {withConnection} from '../servers/databases.ts';
import {startServer, type TestServer} from '../servers/server.ts';

const CREATE = SURROGATE.create
  .replaceAll(/\binstitute_user\b/g, 'Institute_User')
  .replaceAll(/\busers\b/g, 'Users')
  .replaceAll(/\binstitutes\b/g, 'INSTITUTES');

describeEachFlavour('names of any case', ({edition, flavour}) => {
  // MySQL accepts the setting only for a data directory that was created with it; the hostile profile has one.
  const test = it.skipIf(flavour === 'mysql');
  let own: TestServer;
  let stand: Stand;
  beforeAll(async () => {
    if (flavour === 'mysql') return;
    own = await startServer({edition, options: ['--lower-case-table-names=1']});
    await withConnection(own, undefined, connection =>
      connection.query(
        'CREATE DATABASE LaasMain CHARACTER SET utf8mb4; CREATE DATABASE Organizations CHARACTER SET utf8mb4',
      ),
    );
    stand = await Stand.open({
      source: {server: own, database: 'LAASmain'},
      target: {server: own, database: 'OrganiZations'},
      schema: {...SURROGATE, create: CREATE},
    });
    await stand.source.query(
      `INSERT INTO Institutes (id, name) VALUES (1, 'One'), (2, 'Two');
       INSERT INTO USERS (id, first_name, email, password) WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 20) SELECT i, CONCAT('F', i), CONCAT('n', i, '@example.test'), 'p' FROM n;
       INSERT INTO institute_USER (institute_id, user_id, user_type, status) SELECT 1, id, 'student', 'active' FROM Users`,
    );
    await stand.start();
    await stand.equal();
    await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
    await own?.dispose();
  });

  test('are streamed, however the statement spells them', async () => {
    await stand.source.query(
      `UPDATE LAASMAIN.USERS SET first_name = 'Changed' WHERE id < 5;
       DELETE FROM LaasMain.Institute_user WHERE user_id = 6;
       DELETE FROM Users WHERE id = 7;
       INSERT INTO laasmain.INSTITUTE_USER (institute_id, user_id, user_type, status) VALUES (2, 8, 'staff', 'active')`,
    );
    await stand.caughtUp();
    await stand.equal();
    await stand.source.query('ALTER TABLE LaasMain.USERS ADD COLUMN nick VARCHAR(20) FIRST');
    await stand.source.query("UPDATE users SET first_name = 'Shifted' WHERE id = 9");
    await stand.caughtUp();
    await stand.equal();
  });

  test('are recognised in statements of the log', async () => {
    const session =
      "SET SESSION binlog_format = 'STATEMENT'; UPDATE LAASmain.Users SET first_name = 'Stated' WHERE id = 10; SET SESSION binlog_format = 'ROW'";
    await stand.source.query(session);
    await stand.equal(60_000);
    await stand.source.query('TRUNCATE TABLE LaasMAIN.INSTITUTE_user');
    await stand.equal(60_000);
    expect(await stand.targetRows('SELECT 1 FROM Institute_Users')).toEqual([]);
  });

  test('are found by a reconcile, by verify and by the doctor', async () => {
    await stand.until('streaming', ({replication}) => replication.state === 'streaming', 60_000);
    await stand.target.query("UPDATE USER SET name = 'Drifted' WHERE userId = 3");
    expect((await stand.cli(['verify'])).code).toBe(1);
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff'})).body).toMatchObject({success: true});
    await stand.equal();
    expect((await stand.cli(['verify'])).code).toBe(0);
    const doctor = await stand.cli(['doctor']);
    expect(doctor.stdout).not.toContain('must-fix');
    expect(doctor.code, doctor.stdout).toBe(0);
  });
});
