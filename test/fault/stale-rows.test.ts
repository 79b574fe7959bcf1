/**
 * Stale rows whose reference has changed since: they wait with their new parent, while the target has them below the
 * former one. The stream alone must still be right; no reconcile follows.
 */
import {afterAll, beforeAll, expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {GraphOracle} from '../helpers/graph-oracle.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
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

describeEachFlavour('a stale row below a former parent', ({server, source, target}) => {
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
  const desks = async () =>
    (await query(stand.target, 'SELECT k, area FROM desk')).map(
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
