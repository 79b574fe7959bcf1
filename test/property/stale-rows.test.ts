/**
 * Stale rows: the target keeps what it has of a row that cannot be written, with the parent that the row had then.
 * Rows fail a check, change their parents, and leave with them or with the former ones, in any order. After each
 * batch, by the stream alone, each row is right or is a dead letter. SEED and RUNS in the
 * environment repeat a run or make it longer.
 */
import {fc} from '../helpers/draws.ts';
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {GraphOracle} from '../helpers/graph-oracle.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 8);

const COMMON = "w INT NOT NULL DEFAULT 1, v INT NOT NULL DEFAULT 0, m CHAR(1) NOT NULL DEFAULT 'x'";
/** No foreign key: a cascade would not be in the log (test/property/held-batches.test.ts). */
const FROM = `
  CREATE TABLE areas (k INT PRIMARY KEY, ${COMMON});
  CREATE TABLE desks (k INT PRIMARY KEY, up INT NOT NULL, KEY (up), ${COMMON});
  CREATE TABLE lamps (k INT PRIMARY KEY, up INT NOT NULL, KEY (up), ${COMMON});
  INSERT INTO areas (k) VALUES (1), (2), (3);
  INSERT INTO desks (k, up) VALUES (1, 1), (2, 2), (3, 3);
  INSERT INTO lamps (k, up) VALUES (1, 1), (2, 2), (3, 3)`;
const toSql = (hasKeys: boolean) =>
  [
    ['area', ''],
    ['desk', 'area'],
    ['lamp', 'desk'],
  ]
    .map(([name, up]) => {
      const key = hasKeys ? `, FOREIGN KEY (up) REFERENCES ${up} (k)` : '';
      const reference = up === '' ? '' : `, up INT NOT NULL, KEY (up)${key}`;
      return `CREATE TABLE ${name} (k INT PRIMARY KEY, v INT NOT NULL, m CHAR(1) NOT NULL${reference})`;
    })
    .join('; ');
const COLUMNS = {k: 'k', v: 'v', m: {copy: 'm', check: 'notEmpty'}};
const TABLES = {
  area: {from: 'areas', key: 'k', columns: COLUMNS, where: {w: 1}},
  desk: {from: 'desks', key: 'k', columns: {...COLUMNS, up: 'up'}, where: {w: 1}, parents: {area: 'up'}},
  lamp: {from: 'lamps', key: 'k', columns: {...COLUMNS, up: 'up'}, where: {w: 1}, parents: {desk: 'up'}},
};

const table = fc.constantFrom('areas', 'desks', 'lamps');
const child = fc.constantFrom('desks', 'lamps');
const key = fc.integer({min: 1, max: 3});
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(table, key).map(([t, k]) => `UPDATE ${t} SET m = IF(m = '', 'x', '') WHERE k = ${k}`),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(child, key, key).map(([t, k, up]) => `UPDATE ${t} SET up = ${up} WHERE k = ${k}`),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(child, key, key)
      .map(([t, k, up]) => `UPDATE ${t} SET m = '', up = ${up} WHERE k = ${k}`),
  },
  {weight: 3, arbitrary: fc.tuple(table, key).map(([t, k]) => `UPDATE ${t} SET w = 1 - w WHERE k = ${k}`)},
  {weight: 1, arbitrary: fc.tuple(table, key).map(([t, k]) => `UPDATE ${t} SET v = v + 1 WHERE k = ${k}`)},
  {weight: 1, arbitrary: fc.tuple(table, key).map(([t, k]) => `DELETE FROM ${t} WHERE k = ${k}`)},
  {weight: 2, arbitrary: key.map(k => `INSERT IGNORE INTO areas (k) VALUES (${k})`)},
  {
    weight: 2,
    arbitrary: fc
      .tuple(child, key, key)
      .map(([t, k, up]) => `INSERT IGNORE INTO ${t} (k, up) VALUES (${k}, ${up})`),
  },
);
const batches = fc.noBias(
  fc.array(fc.array(step, {minLength: 1, maxLength: 3}), {minLength: 20, maxLength: 40}),
);

/** A stale row may outlive a parent that it does not have in the target (docs/mapping.md, Keys and indexes). */
const isNoStaleRow = (difference: string) => !difference.includes(': must not be there:');

describeEachFlavour(`a stale row (seed ${SEED})`, ({server, source, target}) => {
  const places = {source: {server, database: source}, target: {server, database: target}};

  it('keeps its dead letter when a parent that it had before leaves', {timeout: 3_600_000}, async () => {
    const check = async (hasKeys: boolean, work: readonly (readonly string[])[]) => {
      await using stand = await MappedStand.open(
        {server, source, target},
        {tables: TABLES, from: FROM, to: toSql(hasKeys)},
      );
      await using oracle = await GraphOracle.open(stand.config.mapping, places.source, places.target);
      await stand.started();
      const runs = () => query(stand.target, 'SELECT COUNT(*) AS n FROM sync_run');
      const before = await runs();
      const done: string[] = [];
      for (const steps of work) {
        const sql = `START TRANSACTION; ${steps.join('; ')}; COMMIT`;
        await stand.source.query(sql);
        done.push(sql);
        await stand.streamed();
        const found = (await oracle.differences('lenient')).filter(isNoStaleRow);
        expect(found, done.join('\n')).toEqual([]);
      }
      expect(await runs()).toEqual(before);
    };
    await fc.assert(fc.asyncProperty(fc.boolean(), batches, check), {
      numRuns: RUNS,
      seed: SEED,
      endOnFailure: process.env['SHRINK'] === undefined,
      ...(process.env['REPLAY'] === undefined ? {} : {path: process.env['REPLAY']}),
    });
  });
});
