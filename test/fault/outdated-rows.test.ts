/**
 * Rows of the log that a foreign key of the source, or a row above, changed later in the same batch: what the log
 * says of them is outdated when it is applied. The stream alone must still be right; no reconcile follows.
 */
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {GraphSuite} from '../helpers/graph-suite.ts';
import {query} from '../servers/databases.ts';

const ACTIONS = 'ON DELETE CASCADE ON UPDATE CASCADE';
const FROM = `
  CREATE TABLE areas (k INT PRIMARY KEY, w INT NOT NULL DEFAULT 1, note CHAR(9) NOT NULL DEFAULT 'on');
  CREATE TABLE shops (k INT, area INT, PRIMARY KEY (k, area), KEY (area), FOREIGN KEY (area) REFERENCES areas (k) ${ACTIONS});
  CREATE TABLE desks (k INT PRIMARY KEY, shop INT NOT NULL, area INT NOT NULL, KEY (shop, area),
    FOREIGN KEY (shop, area) REFERENCES shops (k, area) ${ACTIONS});
  CREATE TABLE lamps (k INT PRIMARY KEY, desk INT NOT NULL, note CHAR(9) NOT NULL DEFAULT 'on', KEY (desk), FOREIGN KEY (desk) REFERENCES desks (k) ${ACTIONS});
  CREATE TABLE signs (id INT AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL, area INT NULL, place INT NOT NULL, KEY (k), KEY (area));
  INSERT INTO areas (k) VALUES (1), (2), (3);
  INSERT INTO shops VALUES (1, 1), (1, 2);
  INSERT INTO desks VALUES (1, 1, 1), (2, 1, 2);
  INSERT INTO lamps (k, desk) VALUES (1, 1), (2, 2);
  INSERT INTO signs (k, area, place) VALUES (1, 3, 2), (1, NULL, 1)`;
const TO = `
  CREATE TABLE area (k INT PRIMARY KEY, note CHAR(9) NOT NULL);
  CREATE TABLE shop (k INT, area INT, PRIMARY KEY (k, area), KEY (area));
  CREATE TABLE desk (k INT PRIMARY KEY, shop INT NOT NULL, area INT NOT NULL, KEY (shop, area));
  CREATE TABLE lamp (k INT PRIMARY KEY, desk INT NOT NULL, note CHAR(9) NOT NULL, KEY (desk));
  CREATE TABLE sign (k INT PRIMARY KEY, area INT NULL, place INT NOT NULL, KEY (area))`;
const TABLES = {
  area: {
    from: 'areas',
    key: 'k',
    columns: {k: 'k', note: {copy: 'note', check: 'notEmpty'}},
    where: {w: 1},
  },
  shop: {from: 'shops', key: ['k', 'area'], columns: {k: 'k', area: 'area'}, parents: {area: 'area'}},
  desk: {
    from: 'desks',
    key: 'k',
    columns: {k: 'k', shop: 'shop', area: 'area'},
    parents: {shop: ['shop', 'area']},
  },
  lamp: {
    from: 'lamps',
    key: 'k',
    columns: {k: 'k', desk: 'desk', note: {copy: 'note', check: 'notEmpty'}},
    parents: {desk: 'desk'},
  },
  sign: {
    from: 'signs',
    key: 'k',
    columns: {k: 'k', area: 'area', place: 'place'},
    parents: {area: 'area'},
    prefer: [{column: 'place', order: 'desc'}],
  },
};

describeEachFlavour('a row that is outdated within its batch', places => {
  const suite = new GraphSuite(places, {tables: TABLES, from: FROM, to: TO});
  const streamed = (...statements: readonly string[]) => suite.streamed(...statements);
  const keys = async (table: string) =>
    (await query(suite.stand.target, `SELECT k FROM ${table} ORDER BY k`)).map(({k}) => Number(k));

  const lamps = async () => (await keys('lamp')).filter(k => k >= 50);
  const letters = async () =>
    (await query(suite.stand.target, 'SELECT target_table AS t, row_key AS k FROM sync_dead_letter')).map(
      ({t, k}) => `${String(t)} ${String(k)}`,
    );

  it('is not written below a row that stops being eligible', async () => {
    await streamed('INSERT INTO desks VALUES (3, 1, 1)', 'UPDATE areas SET w = 0 WHERE k = 1');
    expect(await keys('desk')).toEqual([2]);
    await streamed('UPDATE areas SET w = 1 WHERE k = 1');
    expect(await keys('desk')).toEqual([1, 2, 3]);
    expect(await keys('lamp')).toEqual([1, 2]);
  });

  it('is not written below a row that is deleted', async () => {
    await streamed('INSERT INTO desks VALUES (4, 1, 1)', 'UPDATE desks SET shop = 1, area = 2 WHERE k = 3');
    await streamed(
      'INSERT INTO areas (k) VALUES (4)',
      'INSERT INTO shops VALUES (1, 4)',
      'INSERT INTO desks VALUES (5, 1, 4)',
    );
    // The desk moves below the area, and is deleted with it.
    await streamed(
      'UPDATE desks SET area = 4 WHERE k = 3',
      'INSERT INTO desks VALUES (6, 1, 4)',
      'DELETE FROM areas WHERE k = 4',
    );
    expect(await keys('desk')).toEqual([1, 2, 4]);
  });

  it('follows the keys above it', async () => {
    await streamed(
      'INSERT INTO desks VALUES (7, 1, 1)',
      'UPDATE areas SET k = 9 WHERE k = 1',
      'UPDATE areas SET k = 1 WHERE k = 2',
      'UPDATE areas SET k = 2 WHERE k = 9',
    );
    expect(await keys('desk')).toEqual([1, 2, 4, 7]);
    expect(await keys('lamp')).toEqual([1, 2]);
  });

  it('loses its children if it was deleted and is back', async () => {
    await streamed('UPDATE desks SET area = 3 - k WHERE k IN (1, 2)');
    await streamed(
      'DELETE FROM areas WHERE k = 2',
      'INSERT INTO areas (k) VALUES (2)',
      'INSERT INTO shops VALUES (1, 2)',
      'INSERT INTO desks VALUES (1, 1, 2)',
    );
    expect(await keys('lamp')).toEqual([2]);
    // It comes back below another row.
    await streamed('INSERT INTO lamps (k, desk) VALUES (1, 1)');
    await streamed(
      'DELETE FROM areas WHERE k = 2',
      'INSERT INTO areas (k) VALUES (2)',
      'INSERT INTO shops VALUES (1, 2)',
      'INSERT INTO desks VALUES (1, 1, 1)',
    );
    expect(await keys('lamp')).toEqual([2]);
    // Its deletion does not show in the target, where it has been below the other row all the time.
    await streamed('INSERT INTO lamps (k, desk) VALUES (1, 1)');
    await streamed(
      'UPDATE desks SET area = 2 WHERE k = 1',
      'DELETE FROM areas WHERE k = 2',
      'INSERT INTO desks VALUES (1, 1, 1)',
    );
    expect(await keys('lamp')).toEqual([2]);
  });

  it('gives way to the next one with its key if its parent leaves', async () => {
    const place = async () =>
      Number((await query(suite.stand.target, 'SELECT place FROM sign'))[0]?.['place']);
    expect(await place()).toBe(2);
    await streamed('UPDATE areas SET w = 0 WHERE k = 3');
    expect(await place()).toBe(1);
    await streamed('UPDATE areas SET w = 1 WHERE k = 3');
    expect(await place()).toBe(2);
    await streamed('INSERT INTO signs (k, area, place) VALUES (1, 1, 3)');
    await streamed('UPDATE areas SET w = 0 WHERE k = 3');
    await streamed('UPDATE areas SET w = 1 WHERE k = 3');
    expect(await place()).toBe(3);
  });

  it('that fails a check leaves with the row above', async () => {
    await streamed(
      'INSERT INTO areas (k) VALUES (5), (6)',
      'INSERT INTO shops VALUES (1, 5), (1, 6)',
      'INSERT INTO desks VALUES (50, 1, 5), (60, 1, 6)',
      'INSERT INTO lamps (k, desk) VALUES (50, 50), (51, 50), (52, 50), (53, 50)',
    );
    const FAILING = [
      "UPDATE lamps SET note = '' WHERE k IN (50, 51, 52)",
      "INSERT INTO lamps VALUES (54, 50, ''), (55, 50, '')",
    ];
    // One has another parent by then, and one of those is right again.
    const moved = [
      'UPDATE lamps SET desk = 60 WHERE k = 51',
      "UPDATE lamps SET desk = 60, note = 'on' WHERE k IN (52, 55)",
    ];
    await streamed(...FAILING, 'UPDATE areas SET w = 0 WHERE k = 5');
    expect(await lamps()).toEqual([]);
    await streamed('UPDATE areas SET w = 1 WHERE k = 5');
    expect(await lamps()).toEqual([53]);
    await streamed("UPDATE lamps SET note = 'on'", 'DELETE FROM lamps WHERE k > 53');
    expect(await lamps()).toEqual([50, 51, 52, 53]);
    await streamed(...FAILING, ...moved, 'DELETE FROM areas WHERE k = 5');
    expect(await lamps()).toEqual([52, 55]);
    expect(await letters()).toEqual(['lamp 51']);
    await streamed('DELETE FROM lamps WHERE k = 51');
  });

  it('that fails a check is not set aside if its parent left and came back', async () => {
    const rows = [
      'INSERT INTO areas (k) VALUES (8)',
      'INSERT INTO shops VALUES (1, 8)',
      'INSERT INTO desks VALUES (80, 1, 8)',
    ];
    await streamed(...rows);
    for (const [left, back] of [
      ['DELETE FROM areas WHERE k = 8', rows],
      ['DELETE FROM shops WHERE area = 8', rows.slice(1)],
      ['DELETE FROM desks WHERE k = 80', rows.slice(2)],
    ] as const) {
      await streamed('INSERT INTO lamps (k, desk) VALUES (81, 80)');
      const failing = ["UPDATE lamps SET note = '' WHERE k = 81", "INSERT INTO lamps VALUES (82, 80, '')"];
      await streamed(...failing, left, ...back);
      expect(await keys('lamp')).not.toContain(81);
      expect(await letters()).toEqual([]);
    }
  });

  it('keeps its children if only its former parent left', async () => {
    await streamed(
      'INSERT INTO areas (k) VALUES (11), (12)',
      'INSERT INTO shops VALUES (1, 11), (1, 12)',
      'INSERT INTO desks VALUES (90, 1, 11)',
      'INSERT INTO lamps (k, desk) VALUES (90, 90)',
    );
    // The target deletes the former shop, with the desk, only when the shop's turn comes.
    await streamed(
      'UPDATE desks SET area = 12 WHERE k = 90',
      'DELETE FROM areas WHERE k = 11',
      'INSERT INTO areas (k) VALUES (11)',
    );
    expect(await lamps()).toContain(90);
  });

  it('is not written if its parent, of which the target had nothing, was another row', async () => {
    await streamed(
      'INSERT INTO areas (k, w) VALUES (13, 0), (15, 1)',
      'INSERT INTO shops VALUES (1, 13), (1, 15)',
      'INSERT INTO desks VALUES (91, 1, 13)',
      'INSERT INTO lamps (k, desk) VALUES (91, 91)',
    );
    await streamed(
      "UPDATE lamps SET note = 'dim' WHERE k = 91",
      'DELETE FROM areas WHERE k = 13',
      'INSERT INTO desks VALUES (91, 1, 15)',
    );
    expect(await keys('desk')).toContain(91);
    expect(await lamps()).not.toContain(91);
  });

  it('loses its children if it left and came back below a row that was set aside', async () => {
    const rows = ['INSERT INTO shops VALUES (1, 14)', 'INSERT INTO desks VALUES (92, 1, 14)'];
    await streamed('INSERT INTO areas (k) VALUES (14)', ...rows);
    await streamed("UPDATE areas SET note = '' WHERE k = 14");
    expect(await letters()).toEqual(['area 14']);
    await streamed(
      "UPDATE areas SET note = 'on' WHERE k = 14",
      'DELETE FROM shops WHERE area = 14',
      'INSERT INTO shops VALUES (1, 14)',
    );
    expect(await letters()).toEqual([]);
    expect(await keys('desk')).not.toContain(92);
  });

  it('loses its children if it left, and waits when it is back', async () => {
    const desks = async () => (await keys('desk')).filter(k => k >= 100);
    await streamed(
      'INSERT INTO areas (k) VALUES (20)',
      'INSERT INTO shops VALUES (1, 20), (2, 20), (3, 20)',
      'INSERT INTO desks VALUES (100, 1, 20), (101, 1, 20), (102, 2, 20)',
      'INSERT INTO lamps (k, desk) VALUES (100, 100), (101, 101), (102, 102)',
    );
    // It fails a check.
    await streamed(
      'DELETE FROM areas WHERE k = 20',
      "INSERT INTO areas (k, note) VALUES (20, '')",
      'INSERT INTO shops VALUES (1, 20), (3, 20)',
      'INSERT INTO desks VALUES (101, 1, 20)',
    );
    expect(await letters()).toEqual(['area 20']);
    expect(await desks()).toEqual([101]);
    expect((await lamps()).filter(k => k >= 100)).toEqual([]);
    // It waits with the row above.
    await streamed('INSERT INTO desks VALUES (103, 3, 20)', 'INSERT INTO lamps (k, desk) VALUES (103, 103)');
    await streamed('DELETE FROM shops WHERE area = 20', 'INSERT INTO shops VALUES (3, 20)');
    expect(await letters()).toEqual(['area 20']);
    expect(await desks()).toEqual([]);
    expect((await lamps()).filter(k => k >= 100)).toEqual([]);
    await streamed("UPDATE areas SET note = 'on' WHERE k = 20", 'INSERT INTO desks VALUES (104, 3, 20)');
    // The target refuses it.
    await suite.stand.target.query("ALTER TABLE area ADD CONSTRAINT no_area CHECK (note <> 'no')");
    await suite.stand.source.query(
      `START TRANSACTION; DELETE FROM areas WHERE k = 20; INSERT INTO areas (k, note) VALUES (20, 'no');
       INSERT INTO shops VALUES (3, 20); COMMIT`,
    );
    await suite.stand.streamed();
    expect(await letters()).toEqual(['area 20']);
    expect(await desks()).toEqual([]);
    await streamed('DELETE FROM areas WHERE k = 20');
    expect(await letters()).toEqual([]);
  });

  it('that fails a check waits if the target refuses the row above', async () => {
    await streamed('INSERT INTO areas (k) VALUES (7)', 'INSERT INTO shops VALUES (1, 7)');
    await suite.stand.target.query('ALTER TABLE desk ADD CONSTRAINT no_desk CHECK (k <> 70)');
    await suite.stand.source.query(
      "START TRANSACTION; INSERT INTO desks VALUES (70, 1, 7); INSERT INTO lamps VALUES (70, 70, ''); COMMIT",
    );
    await suite.stand.streamed();
    expect(await letters()).toEqual(['desk 70']);
    await streamed('DELETE FROM desks WHERE k = 70');
    expect(await letters()).toEqual([]);
  });
});
