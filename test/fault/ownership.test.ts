/** Foreign rows are never changed, and rows to which they refer stay (docs/rules.md, Ownership). */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import type {Stand} from '../helpers/fault-stand.ts';
import {openRuleStand, rowsOf} from '../helpers/rule-rows.ts';

describeEachFlavour('rows of others', ({flavour, server, source, target}) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await openRuleStand(
      {server, source, target},
      'CREATE TABLE badge (id INT PRIMARY KEY, userId BIGINT NOT NULL, FOREIGN KEY (userId) REFERENCES user (userId) ON DELETE CASCADE) ENGINE=InnoDB',
    );
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
  });
  const {user, foreignUser, member, emails, users} = rowsOf(() => stand);

  it('are never changed, and are adopted if the source has them, too', async () => {
    await foreignUser(301, 'foreign301@example.test');
    await foreignUser(302, 'foreign302@example.test');
    await stand.target.query(
      "INSERT INTO institute (instituteId, name, createdAt, updatedAt) VALUES (30, 'Theirs', '2020-01-01', '2020-01-01')",
    );
    await user(301, 'ours301@example.test');
    await stand.caughtUp();
    for (const mode of ['diff', 'full'])
      expect((await stand.daemon.post('/sync/trigger', {mode, allowDeletes: true})).status).toBe(200);
    expect(await emails(301, 302)).toEqual({301: 'ours301@example.test', 302: 'foreign302@example.test'});
    await stand.source.query('DELETE FROM users WHERE id = 301');
    // A key that only a foreign row has: a delete at the source does not affect that row.
    await user(302, 'foreign302@example.test', {active: 0});
    await stand.source.query('DELETE FROM users WHERE id = 302');
    await stand.caughtUp();
    expect(await emails(301, 302)).toEqual({302: 'foreign302@example.test'});
    expect(await stand.targetRows('SELECT name FROM institute WHERE instituteId = 30')).toEqual([
      {name: 'Theirs'},
    ]);
  });

  it('that refer to a row keep it until they are deleted', async () => {
    await user(401, 'kept401@example.test');
    await user(402, 'kept402@example.test');
    await member(1, 401);
    await stand.caughtUp();
    await stand.target.query(
      "INSERT INTO institute_users (instituteId, userId, role, isActive, createdAt, updatedAt) VALUES (30, 401, 'ADMIN', 1, '2020-01-01', '2020-01-01')",
    );
    await stand.target.query('INSERT INTO badge VALUES (1, 402)');
    await stand.source.query('DELETE FROM users WHERE id IN (401, 402)');
    await stand.caughtUp();
    expect(await stand.letters()).toEqual([
      'user 401 delete-blocked institute_users',
      'user 402 delete-blocked badge',
    ]);
    expect((await users(401, 402)).memberships).toEqual(['30:401 ADMIN']);
    expect(await stand.targetRows('SELECT id FROM badge')).toEqual([{id: 1}]);
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff', allowDeletes: true})).status).toBe(200);
    expect(await stand.targetRows('SELECT id FROM badge')).toEqual([{id: 1}]);
    await stand.target.query('DELETE FROM badge');
    await stand.target.query('DELETE FROM institute_users WHERE instituteId = 30');
    expect((await stand.daemon.post('/sync/dead-letters/retry')).body).toMatchObject({remaining: 0});
    expect(await users(401, 402)).toEqual({user: [], auth: [], memberships: []});
  });

  it('by foreign keys that were added while it runs keep their row, but not others', async () => {
    for (const id of [411, 412, 413, 414]) await user(id, `late${id}@example.test`);
    await member(1, 412);
    await stand.caughtUp();
    await stand.target.query(
      `CREATE TABLE late (id INT PRIMARY KEY, userId BIGINT NOT NULL, FOREIGN KEY (userId) REFERENCES user (userId)) ENGINE=InnoDB;
       CREATE TABLE latest (id INT PRIMARY KEY, i BIGINT NOT NULL, u BIGINT NOT NULL, FOREIGN KEY (i, u) REFERENCES institute_users (instituteId, userId)) ENGINE=InnoDB;
       INSERT INTO late VALUES (1, 411); INSERT INTO latest VALUES (1, 1, 412)`,
    );
    await stand.source.query('DELETE FROM users WHERE id IN (411, 412, 413, 414)');
    await stand.caughtUp();
    const letters = await stand.letters();
    expect(letters.map(letter => letter.split(' ').slice(0, 3).join(' '))).toEqual([
      'institute_users 1:412 delete-blocked',
      'user 411 delete-blocked',
      'user 412 delete-blocked',
    ]);
    expect((await users(411, 414)).user).toEqual([411, 412]);
    expect((await stand.daemon.status()).isHealthy).toBe(true);
    expect(stand.logText()).not.toContain('replication.retry');
    await stand.target.query('DROP TABLE late, latest');
    expect((await stand.daemon.post('/sync/dead-letters/retry')).body).toMatchObject({remaining: 0});
    expect(await users(411, 414)).toEqual({user: [], auth: [], memberships: []});
  });

  it('are not deleted by cascading foreign keys that were added while it runs', async () => {
    for (let id = 431; id <= 438; id++) await user(id, `hung${id}@example.test`);
    for (const id of [432, 433, 438]) await member(1, id);
    await stand.caughtUp();
    const far = `${target}_far`;
    const cascade = 'ON DELETE CASCADE) ENGINE=InnoDB';
    await stand.target.query(
      `CREATE TABLE late (userId BIGINT PRIMARY KEY, FOREIGN KEY (userId) REFERENCES user (userId) ${cascade};
       CREATE TABLE latest (i BIGINT, u BIGINT, FOREIGN KEY (i, u) REFERENCES institute_users (instituteId, userId) ${cascade};
       CREATE TABLE visit (userId BIGINT PRIMARY KEY, FOREIGN KEY (userId) REFERENCES user_auth (userId) ${cascade};
       CREATE TABLE note (id INT PRIMARY KEY, userId BIGINT NULL, FOREIGN KEY (userId) REFERENCES user (userId) ON DELETE SET NULL) ENGINE=InnoDB;
       ALTER TABLE user ADD COLUMN manager BIGINT NULL, ADD CONSTRAINT manager FOREIGN KEY (manager) REFERENCES user (userId) ON DELETE CASCADE;
       INSERT INTO late VALUES (431); INSERT INTO latest VALUES (1, 432), (1, 433); INSERT INTO visit VALUES (434); INSERT INTO note VALUES (1, 435);
       UPDATE user SET manager = 436 WHERE userId = 437`,
    );
    // The mapped reference cascades, too, so that only laas-sync protects the rows that depend on the users.
    for (const table of ['institute_users', 'user_auth']) {
      const [key] = await stand.targetRows(
        "SELECT CONSTRAINT_NAME AS name FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = ? AND REFERENCED_TABLE_NAME = 'user'",
        [table],
      );
      await stand.target.query(
        `ALTER TABLE ${table} DROP FOREIGN KEY ${String(key?.['name'])}; ALTER TABLE ${table} ADD CONSTRAINT ${String(key?.['name'])} FOREIGN KEY (userId) REFERENCES user (userId) ON DELETE CASCADE`,
      );
    }
    await stand.source.query(
      'DELETE FROM institute_user WHERE user_id = 432; DELETE FROM users WHERE id IN (431, 433, 434, 435, 436)',
    );
    await stand.caughtUp();
    expect(await stand.letters()).toEqual([
      'institute_users 1:432 delete-blocked latest',
      'institute_users 1:433 delete-blocked latest',
      'user 431 delete-blocked late',
      'user 433 delete-blocked institute_users',
      'user 434 delete-blocked user_auth',
      'user 435 delete-blocked note',
      'user 436 delete-blocked user',
      'user_auth 434 delete-blocked visit',
    ]);
    // Foreign keys of other schemas are read when a run begins on MariaDB, and before each delete on MySQL.
    await stand.target.query(
      `CREATE DATABASE ${far}; CREATE TABLE ${far}.away (userId BIGINT PRIMARY KEY, FOREIGN KEY (userId) REFERENCES ${target}.user (userId) ${cascade}; INSERT INTO ${far}.away VALUES (438)`,
    );
    if (flavour === 'mariadb')
      expect((await stand.daemon.post('/sync/trigger', {mode: 'diff'})).status).toBe(200);
    await stand.source.query('DELETE FROM users WHERE id = 438');
    await stand.caughtUp();
    expect(await stand.letters()).toContain(`user 438 delete-blocked ${far}.away`);
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff', allowDeletes: true})).status).toBe(200);
    expect(
      await stand.targetRows(
        `SELECT (SELECT COUNT(*) FROM late) late, (SELECT COUNT(*) FROM latest) latest, (SELECT COUNT(*) FROM visit) visit,
                (SELECT COUNT(userId) FROM note) note, (SELECT COUNT(*) FROM ${far}.away) away, (SELECT COUNT(*) FROM user WHERE userId = 437) managed`,
      ),
    ).toEqual([{late: 1, latest: 2, visit: 1, note: 1, away: 1, managed: 1}]);
    await stand.target.query(
      `DROP DATABASE ${far}; DROP TABLE late, latest, visit, note; ALTER TABLE user DROP FOREIGN KEY manager, DROP COLUMN manager`,
    );
    expect((await stand.daemon.post('/sync/dead-letters/retry')).body).toMatchObject({remaining: 0});
    expect((await users(431, 438)).user).toEqual([432, 437]);
  });

  it('#22 that refer to owned rows survive every update of those', async () => {
    for (const id of [421, 422]) await user(id, `parent${id}@example.test`);
    await stand.caughtUp();
    await stand.target.query('INSERT INTO badge VALUES (21, 421), (22, 422)');
    await stand.source.query(
      "UPDATE users SET first_name = 'Renamed', password = 'new' WHERE id IN (421, 422)",
    );
    await stand.source.query(
      "UPDATE users SET email = CASE id WHEN 421 THEN 'parent422@example.test' ELSE 'parent421@example.test' END WHERE id IN (421, 422)",
    );
    await stand.caughtUp();
    await stand.target.query("UPDATE user SET name = 'Drifted' WHERE userId = 421");
    for (const mode of ['diff', 'full'])
      expect((await stand.daemon.post('/sync/trigger', {mode})).status).toBe(200);
    expect(await stand.targetRows('SELECT name FROM user WHERE userId = 421')).toEqual([{name: 'Renamed'}]);
    expect(await emails(421, 422)).toEqual({421: 'parent422@example.test', 422: 'parent421@example.test'});
    expect(await stand.targetRows('SELECT id FROM badge ORDER BY 1')).toEqual([{id: 21}, {id: 22}]);
  });
});
