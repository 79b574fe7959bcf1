/**
 * Stale rows whose reference has changed since: they wait with their new parent, while the target has them below the
 * former one. The stream alone must still be right; no reconcile follows.
 */
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {GraphSuite} from '../helpers/graph-suite.ts';
import {query} from '../servers/databases.ts';

const FROM = `
  CREATE TABLE areas (k INT PRIMARY KEY, w INT NOT NULL DEFAULT 1, note VARCHAR(9) NOT NULL DEFAULT 'on');
  CREATE TABLE desks (k INT PRIMARY KEY, area INT NOT NULL, KEY (area));
  INSERT INTO areas (k) VALUES (1)`;
const TO = `
  CREATE TABLE area (k INT PRIMARY KEY, note VARCHAR(9) NOT NULL);
  CREATE TABLE desk (k INT PRIMARY KEY, area INT NOT NULL, KEY (area))`;
const TABLES = {
  area: {
    from: 'areas',
    key: 'k',
    columns: {k: 'k', note: {copy: 'note', check: 'notEmpty'}},
    where: {w: 1},
  },
  desk: {from: 'desks', key: 'k', columns: {k: 'k', area: 'area'}, parents: {area: 'area'}},
};

describeEachFlavour('a stale row below a former parent', places => {
  const suite = new GraphSuite(places, {tables: TABLES, from: FROM, to: TO});
  const streamed = (...statements: readonly string[]) => suite.streamed(...statements);
  const desks = async () =>
    (await query(suite.stand.target, 'SELECT k, area FROM desk')).map(
      ({k, area}) => `${String(k)}:${String(area)}`,
    );

  it.each([
    {was: 'in the target', first: ["INSERT INTO areas VALUES (2, 1, 'on')"]},
    {was: 'never there', first: []},
  ])('leaves with its new parent, which was $was', async ({first}) => {
    for (const leaves of ['UPDATE areas SET w = 0 WHERE k = 2', 'DELETE FROM areas WHERE k = 2']) {
      for (const statement of first) await streamed(statement);
      await streamed('INSERT INTO desks VALUES (1, 1)');
      await streamed("REPLACE INTO areas VALUES (2, 1, '')");
      await streamed('UPDATE desks SET area = 2 WHERE k = 1');
      expect(await desks()).toEqual(['1:1']);
      await streamed(leaves);
      expect(await desks()).toEqual([]);
      await streamed('DELETE FROM areas WHERE k = 2', 'DELETE FROM desks');
    }
  });

  it('leaves with its new parent in the batch in which it moves', async () => {
    await streamed('INSERT INTO desks VALUES (2, 1)', "INSERT INTO areas VALUES (3, 1, '')");
    await streamed('UPDATE desks SET area = 3 WHERE k = 2', 'UPDATE areas SET w = 0 WHERE k = 3');
    expect(await desks()).toEqual([]);
  });
});
