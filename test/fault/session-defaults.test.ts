/**
 * Settings that a server gives new sessions, by its defaults or its init_connect: the copy and the verdict of
 * verify are right. The db suite runs on a server with all of them at once (TEST_PROFILE=hostile); here each
 * kind is alone, so that one does not hide another.
 */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {actualTarget, expectedTarget} from '../helpers/oracle.ts';
import {describeEachFlavour, isShort} from '../helpers/flavours.ts';
import {Stand, SURROGATE, TIMEOUT_MS} from '../helpers/fault-stand.ts';
import {createDatabases, withConnection} from '../servers/databases.ts';
import {startServer, type TestServer} from '../servers/server.ts';

/** Not the tests' own account: init_connect does not run for an account with all privileges. */
const ACCOUNT = {user: 'plain_user', password: 'Plain-user-1'};
const USERS = 90;

/** The statement for each fault of a session. */
const INIT_CONNECT: Readonly<Record<string, string>> = {
  'a limit on rows': 'SET sql_select_limit = 50',
  'a limit of no row': 'SET sql_select_limit = 0',
  'another character set': 'SET NAMES latin1',
  'results in another character set': 'SET character_set_results = ucs2, collation_connection = utf8mb4_bin',
  'no autocommit': 'SET autocommit = 0',
  'an open transaction': 'START TRANSACTION',
  'transactions that chain': "SET completion_type = 'CHAIN'",
  'transactions that end the session': "SET completion_type = 'RELEASE'",
  'safe updates': 'SET sql_safe_updates = 1',
  'a limit on joins': 'SET max_join_size = 1',
  'other modes':
    "SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE,PAD_CHAR_TO_FULL_LENGTH'",
  'another zone': "SET time_zone = '-09:30'",
  'dirty reads': 'SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED',
  'locking reads': 'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE',
  'only reads': 'SET SESSION TRANSACTION READ ONLY',
  'no foreign keys': 'SET foreign_key_checks = 0, unique_checks = 0',
  'another engine': "SET default_storage_engine = 'MyISAM'",
  'an idle session that ends': 'SET wait_timeout = 1, lock_wait_timeout = 1, innodb_lock_wait_timeout = 1',
};

/** The kinds that a short run leaves out: they would show as an error rather than as a wrong row. */
const LONG_RUNS_ONLY = new Set([
  'an open transaction',
  'transactions that end the session',
  'a limit on joins',
  'dirty reads',
  'locking reads',
  'only reads',
  'no foreign keys',
  'another engine',
]);

describeEachFlavour('#33 new sessions that have', ({edition}) => {
  let own: TestServer;
  beforeAll(async () => {
    own = await startServer({edition});
    await withConnection(own, undefined, connection =>
      connection.query(
        `CREATE USER '${ACCOUNT.user}'@'%' IDENTIFIED BY '${ACCOUNT.password}';
         GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, PROCESS, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '${ACCOUNT.user}'@'%'`,
      ),
    );
  });
  afterAll(() => own?.dispose());

  for (const [what, initConnect] of Object.entries(INIT_CONNECT))
    it.skipIf(isShort && LONG_RUNS_ONLY.has(what))(
      `${what} change nothing`,
      {timeout: TIMEOUT_MS},
      async () => {
        await withConnection(own, undefined, connection =>
          connection.query('SET GLOBAL init_connect = ?', [initConnect]),
        );
        const databases = await createDatabases(own, 'init');
        const stand = await Stand.open({
          source: {server: own, database: databases.source},
          target: {server: own, database: databases.target},
          env: {
            DB_USERNAME: ACCOUNT.user,
            DB_PASSWORD: ACCOUNT.password,
            ORG_DB_USERNAME: ACCOUNT.user,
            ORG_DB_PASSWORD: ACCOUNT.password,
          },
        });
        const isEqual = async () =>
          expect(await actualTarget(stand.target, databases.target)).toEqual(
            await expectedTarget(stand.source, databases.source, SURROGATE.surrogate),
          );
        try {
          await stand.source.query(
            `INSERT INTO institutes (id, name) VALUES (1, 'Éßñ漢字🙂'), (2, 'Two');
           INSERT INTO users (id, first_name, last_name, email, password, created_at)
             WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < ${USERS})
             SELECT i, CONCAT('Žaneta', i), 'Ångström ', CONCAT('u', i, '@x.org'), 'a\\\\b''c"d', '2024-03-31 01:30:00' FROM n;
           INSERT INTO institute_user (institute_id, user_id, user_type, status) SELECT 1 + id % 2, id, 'teacher', 'active' FROM users`,
          );
          expect(await stand.cli(['sync'])).toMatchObject({code: 0});
          await isEqual();
          // Rows are read only if the two differ.
          await stand.target.query("UPDATE user SET name = 'x' WHERE userId = 60");
          expect(await stand.cli(['verify'])).toMatchObject({code: 1});
          expect(await stand.cli(['sync', '--mode', 'full'])).toMatchObject({code: 0});
          await isEqual();
          await stand.start();
          await stand.until('streaming', ({replication}) => replication.state === 'streaming');
          await stand.source.query(
            "UPDATE users SET first_name = 'Łukasz' WHERE id % 3 = 0; DELETE FROM users WHERE id = 7",
          );
          await stand.equal();
          expect(await stand.daemon.stop()).toBe(0);
          expect(await stand.cli(['verify', '--json'])).toMatchObject({code: 0});
        } finally {
          await stand[Symbol.asyncDispose]();
          await databases.drop();
        }
      },
    );
});
