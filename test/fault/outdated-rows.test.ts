/**
 * Rows of the log that a foreign key of the source, or a row above, changed later in the same batch: what the log
 * says of them is outdated when it is applied. The stream alone must still be right; no reconcile follows.
 */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {GraphOracle} from '../helpers/graph-oracle.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';

const ACTIONS = 'ON DELETE CASCADE ON UPDATE CASCADE';
const FROM = `
  CREATE TABLE areas (k INT PRIMARY KEY, w INT NOT NULL DEFAULT 1);
  CREATE TABLE shops (k INT, area INT, PRIMARY KEY (k, area), KEY (area), FOREIGN KEY (area) REFERENCES areas (k) ${ACTIONS});
  CREATE TABLE desks (k INT PRIMARY KEY, shop INT NOT NULL, area INT NOT NULL, KEY (shop, area),
    FOREIGN KEY (shop, area) REFERENCES shops (k, area) ${ACTIONS});
  CREATE TABLE lamps (k INT PRIMARY KEY, desk INT NOT NULL, KEY (desk), FOREIGN KEY (desk) REFERENCES desks (k) ${ACTIONS});
  CREATE TABLE signs (id INT AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL, area INT NULL, place INT NOT NULL, KEY (k), KEY (area));
  INSERT INTO areas (k) VALUES (1), (2), (3);
  INSERT INTO shops VALUES (1, 1), (1, 2);
  INSERT INTO desks VALUES (1, 1, 1), (2, 1, 2);
  INSERT INTO lamps VALUES (1, 1), (2, 2);
  INSERT INTO signs (k, area, place) VALUES (1, 3, 2), (1, NULL, 1)`;
const TO = `
  CREATE TABLE area (k INT PRIMARY KEY);
  CREATE TABLE shop (k INT, area INT, PRIMARY KEY (k, area), KEY (area));
  CREATE TABLE desk (k INT PRIMARY KEY, shop INT NOT NULL, area INT NOT NULL, KEY (shop, area));
  CREATE TABLE lamp (k INT PRIMARY KEY, desk INT NOT NULL, KEY (desk));
  CREATE TABLE sign (k INT PRIMARY KEY, area INT NULL, place INT NOT NULL, KEY (area))`;
const TABLES = {
  area: {from: 'areas', key: 'k', columns: {k: 'k'}, where: {w: 1}},
  shop: {from: 'shops', key: ['k', 'area'], columns: {k: 'k', area: 'area'}, parents: {area: 'area'}},
  desk: {
    from: 'desks',
    key: 'k',
    columns: {k: 'k', shop: 'shop', area: 'area'},
    parents: {shop: ['shop', 'area']},
  },
  lamp: {from: 'lamps', key: 'k', columns: {k: 'k', desk: 'desk'}, parents: {desk: 'desk'}},
  sign: {
    from: 'signs',
    key: 'k',
    columns: {k: 'k', area: 'area', place: 'place'},
    parents: {area: 'area'},
    prefer: [{column: 'place', order: 'desc'}],
  },
};

describeEachFlavour('a row that is outdated within its batch', ({server, source, target}) => {
  let stand: MappedStand;
  let oracle: GraphOracle;
  beforeAll(async () => {
    stand = await MappedStand.open({server, source, target}, {tables: TABLES, from: FROM, to: TO});
    const [from, to] = [
      {server, database: source},
      {server, database: target},
    ];
    oracle = await GraphOracle.open(stand.config.mapping, from, to);
    await stand.started();
  });
  afterAll(async () => {
    await oracle?.[Symbol.asyncDispose]();
    await stand?.[Symbol.asyncDispose]();
  });

  /** One transaction is one batch. */
  async function streamed(...statements: readonly string[]): Promise<void> {
    const runs = () => query(stand.target, 'SELECT COUNT(*) AS n FROM sync_run');
    const before = await runs();
    await stand.source.query(`START TRANSACTION; ${statements.join('; ')}; COMMIT`);
    await stand.streamed();
    expect(await oracle.differences()).toEqual([]);
    expect(await runs()).toEqual(before);
  }
  const keys = async (table: string) =>
    (await query(stand.target, `SELECT k FROM ${table} ORDER BY k`)).map(({k}) => Number(k));

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
    await streamed(
      'DELETE FROM areas WHERE k = 2',
      'INSERT INTO areas (k) VALUES (2)',
      'INSERT INTO shops VALUES (1, 2)',
      'INSERT INTO desks VALUES (1, 1, 2)',
    );
    expect(await keys('lamp')).toEqual([2]);
    // It comes back below another row.
    await streamed('INSERT INTO lamps VALUES (1, 1)');
    await streamed(
      'DELETE FROM areas WHERE k = 2',
      'INSERT INTO areas (k) VALUES (2)',
      'INSERT INTO shops VALUES (1, 2)',
      'INSERT INTO desks VALUES (1, 1, 1)',
    );
    expect(await keys('lamp')).toEqual([2]);
    // Its deletion does not show in the target, where it has been below the other row all the time.
    await streamed('INSERT INTO lamps VALUES (1, 1)');
    await streamed(
      'UPDATE desks SET area = 2 WHERE k = 1',
      'DELETE FROM areas WHERE k = 2',
      'INSERT INTO desks VALUES (1, 1, 1)',
    );
    expect(await keys('lamp')).toEqual([2]);
  });

  it('gives way to the next one with its key if its parent leaves', async () => {
    const place = async () => Number((await query(stand.target, 'SELECT place FROM sign'))[0]?.['place']);
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
});
