/**
 * Unique values that move between rows, are exchanged, or stay with the row that holds them (docs/rules.md,
 * Unique keys).
 */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import type {Stand} from '../helpers/fault-stand.ts';
import {openRuleStand, rowsOf} from '../helpers/rule-rows.ts';

describeEachFlavour('unique values', ({server, source, target}) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await openRuleStand({server, source, target});
  });
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
  });
  const {user, member, transaction, emails, users} = rowsOf(() => stand);

  it('#21 move between rows without overwriting another row', async () => {
    for (const id of [201, 202, 203, 204, 205]) await user(id, `e${id}@example.test`);
    await stand.caughtUp();
    const set = (id: number, email: string) =>
      stand.source.query('UPDATE users SET email = ? WHERE id = ?', [email, id]);
    await transaction(async () => {
      await set(201, 'e202@example.test');
      await set(202, 'e201@example.test');
    });
    await stand.caughtUp();
    expect(await emails(201, 202)).toEqual({201: 'e202@example.test', 202: 'e201@example.test'});
    // One statement that rotates three values, a row that takes the value of a deleted row, and one that takes
    // the value of that row.
    await stand.source.query(
      "UPDATE users SET email = CASE id WHEN 203 THEN 'e204@example.test' WHEN 204 THEN 'e205@example.test' ELSE 'e203@example.test' END WHERE id IN (203, 204, 205)",
    );
    await transaction(async () => {
      await stand.source.query('DELETE FROM users WHERE id = 201');
      await user(206, 'e202@example.test');
    });
    await transaction(async () => {
      await set(206, 'other@example.test');
      await set(202, 'e202@example.test');
      await user(207, 'e201@example.test');
    });
    // A new row that takes an address, written before the row that gives it up.
    await transaction(async () => {
      await user(208, 'e203@example.test');
      await set(205, 'given@example.test');
    });
    for (let round = 0; round < 30; round++) {
      const [a, b] = round % 2 === 0 ? ['x', 'y'] : ['y', 'x'];
      await set(203, `tmp${round}@example.test`);
      await set(204, `${a}@example.test`);
      await set(203, `${b}@example.test`);
    }
    await stand.caughtUp();
    expect(await emails(201, 208)).toEqual({
      202: 'e202@example.test',
      203: 'x@example.test',
      204: 'y@example.test',
      205: 'given@example.test',
      206: 'other@example.test',
      207: 'e201@example.test',
      208: 'e203@example.test',
    });
    expect(await stand.letters()).toEqual([]);
  });

  it('#21 of very many rows rotate, whatever the size of a batch', async () => {
    const count = 3000;
    const turn = (by: number) =>
      stand.source.query(
        `UPDATE users SET email = CONCAT('r', MOD(id + ${by}, ${count}), '@example.test') WHERE id BETWEEN 20001 AND ${20000 + count}`,
      );
    const wrong = async () =>
      (
        await stand.targetRows(
          `SELECT COUNT(*) AS n FROM \`${target}\`.user t JOIN \`${source}\`.users s ON s.id = t.userId AND BINARY s.email = BINARY t.email WHERE t.userId BETWEEN 20001 AND ${20000 + count}`,
        )
      )[0]?.['n'];
    await stand.source.query(
      `INSERT INTO users (id, first_name, email, password) WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT 20000 + i + 1000 * k, 'R', CONCAT('first', i, '.', k, '@example.test'), 'p' FROM n, (SELECT 0 k UNION SELECT 1 UNION SELECT 2) ks`,
    );
    for (const by of [0, 1, 7]) {
      await turn(by);
      await stand.caughtUp();
      expect(await stand.letters()).toEqual([]);
      expect(await wrong()).toBe(count);
    }
    await stand.daemon.post('/replication/pause');
    await turn(11);
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff'})).body).toMatchObject({success: true});
    expect(await stand.letters()).toEqual([]);
    expect(await wrong()).toBe(count);
    await stand.daemon.post('/replication/resume');
    await stand.source.query('DELETE FROM users WHERE id BETWEEN 20001 AND 30000');
    await stand.caughtUp();
    expect(await stand.letters()).toEqual([]);
  });

  it('stay with the first of two rows whose addresses differ by case until it leaves', async () => {
    await user(221, 'Same@example.test');
    await user(222, 'same@EXAMPLE.test');
    await member(1, 222);
    await stand.caughtUp();
    expect(await stand.letters()).toEqual(['user 222 unique-conflict 221']);
    expect(await emails(221, 222)).toEqual({221: 'Same@example.test'});
    expect((await stand.daemon.post('/sync/trigger', {mode: 'full'})).status).toBe(200);
    expect(await stand.letters()).toEqual(['user 222 unique-conflict 221']);
    expect(await emails(221, 222)).toEqual({221: 'Same@example.test'});
    await stand.source.query('DELETE FROM users WHERE id = 221');
    await stand.caughtUp();
    await eventually(async () => (await stand.letters()).length === 0, {
      what: 'the row that takes the value',
    });
    expect(await users(221, 222)).toEqual({user: [222], auth: [222], memberships: ['1:222 STUDENT']});
    expect(await emails(221, 222)).toEqual({222: 'same@EXAMPLE.test'});
  });

  it('are free for the next row of a batch when a row sets them to NULL, or leaves', async () => {
    await stand.target.query(
      'ALTER TABLE institute MODIFY imageUrl VARCHAR(190) NULL, ADD UNIQUE KEY image (imageUrl)',
    );
    await stand.daemon.stop();
    await stand.start();
    const images = async () =>
      Object.fromEntries(
        (
          await stand.targetRows(
            'SELECT instituteId, imageUrl FROM institute WHERE instituteId BETWEEN 700 AND 720 ORDER BY 1',
          )
        ).map(row => [row['instituteId'], row['imageUrl']]),
      );
    await stand.source.query(
      "INSERT INTO institutes (id, name, imageUrl) VALUES (701, 'A', 'one'), (702, 'B', NULL), (703, 'C', 'three'), (704, 'D', NULL), (705, 'E', 'five')",
    );
    await stand.caughtUp();
    // The row that takes the value is written before the row that gives it up, and a chain depends on it.
    await transaction(async () => {
      await stand.source.query('UPDATE institutes SET imageUrl = NULL WHERE id = 703');
      await stand.source.query("UPDATE institutes SET imageUrl = 'three' WHERE id = 701");
      await stand.source.query("UPDATE institutes SET imageUrl = 'one' WHERE id = 704");
      await stand.source.query('DELETE FROM institutes WHERE id = 705');
      await stand.source.query("UPDATE institutes SET imageUrl = 'five' WHERE id = 702");
    });
    await stand.caughtUp();
    expect(await stand.letters()).toEqual([]);
    expect(await images()).toEqual({701: 'three', 702: 'five', 703: null, 704: 'one'});
    // A reconcile that finds all of these at once.
    await stand.daemon.post('/replication/pause');
    await stand.source.query(
      "UPDATE institutes SET imageUrl = CASE id WHEN 701 THEN NULL WHEN 704 THEN 'three' WHEN 702 THEN 'one' END WHERE id IN (701, 702, 704)",
    );
    expect((await stand.daemon.post('/sync/trigger', {mode: 'diff'})).body).toMatchObject({success: true});
    expect(await stand.letters()).toEqual([]);
    expect(await images()).toEqual({701: null, 702: 'one', 703: null, 704: 'three'});
    await stand.daemon.post('/replication/resume');
  });
});
