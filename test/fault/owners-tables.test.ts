/**
 * A target whose owner created other tables: surrogate keys, more columns, unsigned ids, a collation that
 * considers many texts equal.
 */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {Stand} from '../helpers/fault-stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {WIDE} from '../helpers/rule-rows.ts';
import {withConnection} from '../servers/databases.ts';

const TABLES = `
CREATE TABLE institute (pk INT AUTO_INCREMENT PRIMARY KEY, instituteId BIGINT UNSIGNED NOT NULL UNIQUE, name VARCHAR(255) NOT NULL, imageUrl TEXT NULL, note VARCHAR(20) NOT NULL DEFAULT 'theirs', createdAt DATETIME NOT NULL, updatedAt DATETIME NOT NULL);
CREATE TABLE user (pk CHAR(36) NOT NULL DEFAULT (UUID()) PRIMARY KEY, userId BIGINT UNSIGNED NOT NULL UNIQUE, name VARCHAR(255) NOT NULL, email VARCHAR(190) NOT NULL UNIQUE, password VARCHAR(255) NOT NULL, seen INT NOT NULL DEFAULT 0, createdAt DATETIME(6) NOT NULL, updatedAt DATETIME(6) NOT NULL) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE TABLE institute_users (pk INT AUTO_INCREMENT PRIMARY KEY, instituteId BIGINT UNSIGNED NOT NULL, userId BIGINT UNSIGNED NOT NULL, role VARCHAR(20) NOT NULL, isActive BIT(1) NOT NULL, createdAt DATETIME(3) NOT NULL, updatedAt DATETIME(3) NOT NULL, UNIQUE KEY pair (userId, instituteId));
CREATE TABLE user_auth (userId BIGINT UNSIGNED NOT NULL PRIMARY KEY, password VARBINARY(255) NOT NULL, lastLogin DATETIME NULL, createdAt DATETIME NOT NULL, updatedAt DATETIME NOT NULL);`;

const GREATEST = '18446744073709551615';

describeEachFlavour('tables that the owner created', ({server, source, target}) => {
  let stand: Stand;
  beforeAll(async () => {
    await withConnection(server, target, connection => connection.query(TABLES));
    stand = await Stand.open({
      source: {server, database: source},
      target: {server, database: target},
      schema: WIDE,
    });
    await stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One')");
    await stand.start();
    await stand.caughtUp();
  });
  afterAll(() => stand?.[Symbol.asyncDispose]());

  const ids = async (table: string) =>
    (await stand.targetRows(`SELECT CAST(userId AS CHAR) id FROM ${table} ORDER BY userId`)).map(
      row => row['id'],
    );

  it('hold ids of 64 bits, written by the stream and by a reconcile', async () => {
    for (const id of ['0', '9223372036854775808', '18446744073709551614', GREATEST]) {
      await stand.source.query("SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'");
      await stand.source.query(
        "INSERT INTO users (id, first_name, email, password) VALUES (?, 'Far', ?, 'p')",
        [id, `far${id}@x.test`],
      );
      await stand.source.query(
        "INSERT INTO institute_user (institute_id, user_id, user_type) VALUES (1, ?, 'staff')",
        [id],
      );
    }
    await stand.caughtUp();
    const all = ['0', '9223372036854775808', '18446744073709551614', GREATEST];
    const check = async () => {
      for (const table of ['user', 'institute_users', 'user_auth'])
        expect({table, ids: await ids(table)}).toEqual({table, ids: all});
    };
    await check();
    await stand.target.query(
      'DELETE FROM institute_users; DELETE FROM user_auth; DELETE FROM user WHERE userId > 0',
    );
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff'})).body).toMatchObject({
      success: true,
      tables: {user: {repaired: 3, compared: 4}, institute_users: {repaired: 4}, user_auth: {repaired: 4}},
    });
    await check();
    // Their columns that are not mapped stay unchanged.
    await stand.target.query('UPDATE user SET seen = 7');
    await stand.source.query("UPDATE users SET first_name = 'Further'");
    await stand.caughtUp();
    expect(await stand.targetRows('SELECT DISTINCT name, seen FROM user')).toEqual([
      {name: 'Further', seen: 7},
    ]);
    expect((await stand.cli(['verify'])).code).toBe(0);
    await stand.source.query('DELETE FROM users WHERE id > 0');
    await stand.caughtUp();
    expect(await ids('user')).toEqual(['0']);
    expect(await stand.letters()).toEqual([]);
  });

  it('decide by their collation which addresses are equal', async () => {
    const pairs = [
      ['josé@x.test', 'JOSE@x.test'],
      ['strasse@x.test', 'straße@x.test'],
      ['wide@x.test', 'ｗｉｄｅ@x.test'],
    ];
    for (const [i, [first = '', second = '']] of pairs.entries()) {
      await stand.source.query(
        "INSERT INTO users (id, first_name, email, password) VALUES (?, 'First', ?, 'p'), (?, 'Second', ?, 'p')",
        [100 + 2 * i, first, 101 + 2 * i, second],
      );
    }
    // Spaces around an address are removed, so that these are equal, too.
    await stand.source.query(
      "INSERT INTO users (id, first_name, email, password) VALUES (106, 'First', 'space@x.test', 'p'), (107, 'Second', '  space@x.test ', 'p')",
    );
    await stand.caughtUp();
    expect(await stand.letters()).toEqual(
      [100, 102, 104, 106].map(first => `user ${first + 1} unique-conflict ${first}`),
    );
    for (const mode of ['diff', 'full'])
      expect((await stand.daemon.post('/sync/trigger', {mode})).status).toBe(200);
    expect(await stand.targetRows("SELECT COUNT(*) n FROM user WHERE name = 'First'")).toEqual([{n: 4}]);
    // One statement exchanges the addresses, and each keeps its own letter case.
    await stand.source.query(
      "UPDATE users SET email = CASE id WHEN 100 THEN 'STRASSE@x.test' WHEN 102 THEN 'JOSÉ@x.test' END WHERE id IN (100, 102)",
    );
    await stand.caughtUp();
    expect(
      await stand.targetRows('SELECT userId, email FROM user WHERE userId IN (100, 102) ORDER BY 1'),
    ).toEqual([
      {userId: 100, email: 'STRASSE@x.test'},
      {userId: 102, email: 'JOSÉ@x.test'},
    ]);
    await stand.source.query('DELETE FROM users WHERE id IN (100, 102, 104, 106)');
    await stand.caughtUp();
    expect(await stand.letters()).toEqual([]);
    expect(await ids('user')).toEqual(['0', '101', '103', '105', '107']);
  });
});
