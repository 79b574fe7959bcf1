/**
 * References of foreign rows are read behind a lock, so that none is added between the read and the delete
 * (docs/rules.md, Ownership).
 */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {lockAndFindReferred} from '../../src/apply/references.ts';
import {openSession, type Session} from '../../src/apply/session.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {SURROGATE} from '../helpers/fault-stand.ts';
import {configOf, planOf, sessionsFor} from '../property/stand.ts';
import {connect, withConnection} from '../servers/databases.ts';
import {tableOf} from '../unit/plan-fixture.ts';

const ACCOUNT = {user: 'blind', password: 'blind'};

describeEachFlavour("others' foreign keys", ({server, source, target}) => {
  const sessions = sessionsFor({server, source, target});
  let session: Session;
  beforeAll(async () => {
    await sessions().sql.query(SURROGATE.create);
    await withConnection(server, target, connection =>
      connection.query(
        `CREATE TABLE pet (id INT PRIMARY KEY, userId BIGINT NOT NULL, FOREIGN KEY (userId) REFERENCES user (userId) ON DELETE CASCADE);
         INSERT INTO user (userId, name, email, password, createdAt, updatedAt) VALUES (1, 'a', 'a', 'p', NOW(), NOW()), (2, 'b', 'b', 'p', NOW(), NOW());
         CREATE USER '${ACCOUNT.user}'@'%' IDENTIFIED BY '${ACCOUNT.password}';
         GRANT SELECT, UPDATE, DELETE ON ${target}.user TO '${ACCOUNT.user}'@'%';
         GRANT REFERENCES ON ${target}.pet TO '${ACCOUNT.user}'@'%'`,
      ),
    );
    session = await openSession(configOf(server, target));
  });
  afterAll(async () => {
    session?.close();
    await withConnection(server, undefined, connection =>
      connection.query(`DROP USER IF EXISTS '${ACCOUNT.user}'@'%'`),
    );
  });
  const plan = () => planOf(sessions().reading, sessions().writing, {source, target});

  it('lets no row refer to one that is being deleted', async () => {
    const plans = await plan();
    await session.query('START TRANSACTION');
    expect(await lockAndFindReferred(session, plans, tableOf(plans, 'user'), ['1'])).toEqual({
      blocked: new Map(),
      locked: 1,
    });
    const other = await connect(server, target);
    await other.query('SET innodb_lock_wait_timeout = 1');
    await expect(other.query('INSERT INTO pet VALUES (1, 1)')).rejects.toMatchObject({errno: 1205});
    await session.query('DELETE FROM user WHERE userId = 1');
    await session.query('COMMIT');
    await expect(other.query('INSERT INTO pet VALUES (1, 1)')).rejects.toMatchObject({errno: 1452});
    await other.end();
  });

  it('keeps every row if they cascade from a table that may not be read', async () => {
    const blind = await openSession({...configOf(server, target), ...ACCOUNT});
    const plans = await plan();
    await blind.query('START TRANSACTION');
    const referred = await lockAndFindReferred(blind, plans, tableOf(plans, 'user'), ['2']).finally(() =>
      blind.close(),
    );
    expect(referred).toEqual({blocked: new Map([['2', 'pet']]), locked: 1});
  });
});
