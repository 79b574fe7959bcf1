/**
 * Rows that somebody deleted on the target, and that left the source unseen by the stream: they must not stay
 * owned, whatever the form of their key.
 */
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {environment, type Environment} from '../helpers/daemon.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {migrate, sync} from '../helpers/in-process.ts';
import {connect} from '../servers/databases.ts';

const MAPPING = {
  version: 1,
  tables: {
    country: {from: 'countries', key: 'code', columns: {code: 'code', name: 'name'}},
    flag: {from: 'countries', key: 'code', columns: {code: 'code', name: 'name'}, parents: {country: 'code'}},
    city: {
      from: 'cities',
      key: 'id',
      columns: {id: 'id', country: 'country'},
      parents: {country: 'country'},
    },
    street: {
      from: 'streets',
      key: ['city', 'no'],
      columns: {city: 'city', no: 'no'},
      parents: {city: 'city'},
    },
  },
};
const CITY = 'id BIGINT NOT NULL PRIMARY KEY, country VARCHAR(20) NOT NULL, KEY (country)';
const STREET = 'city BIGINT NOT NULL, no BIGINT NOT NULL, PRIMARY KEY (city, no)';
const COUNTRY = 'code VARCHAR(20) NOT NULL PRIMARY KEY, name VARCHAR(20) NOT NULL';
/** In several chunks of ownership, and at both limits of a number. */
const FAR = ['-9223372036854775808', '-65537', '65536', '9007199254740993', '9223372036854775807'];

describeEachFlavour('rows that are on neither side any more', ({server, source, target}) => {
  const directory = mkdtempSync(join(tmpdir(), 'laas-sync-absent-'));
  let env: Environment = {};
  beforeAll(() => {
    const file = join(directory, 'mapping.json');
    writeFileSync(file, JSON.stringify(MAPPING));
    env = environment({...server, database: source}, {...server, database: target}, {SYNC_MAPPING: file});
  });
  afterAll(() => rmSync(directory, {recursive: true, force: true}));

  for (const deletes of ['mirror', 'keep'])
    it(`are not owned, with SYNC_DELETES=${deletes}`, async () => {
      const from = await connect(server, source);
      const to = await connect(server, target);
      try {
        await from.query(`DROP TABLE IF EXISTS countries, cities, streets;
          CREATE TABLE countries (${COUNTRY}); CREATE TABLE cities (${CITY}); CREATE TABLE streets (${STREET});
          INSERT INTO countries VALUES ('a', 'A'), ('b:%', 'B'), ('c', 'C');
          INSERT INTO cities VALUES (1, 'a'), (2, 'a'), (3, 'b:%'), ${FAR.map(id => `(${id}, 'a')`).join(', ')};
          INSERT INTO streets SELECT id, 1 FROM cities; INSERT INTO streets SELECT id, -70000 FROM cities`);
        await to.query(`DROP TABLE IF EXISTS country, flag, city, street;
          CREATE TABLE country (${COUNTRY}); CREATE TABLE flag (${COUNTRY}); CREATE TABLE city (${CITY}); CREATE TABLE street (${STREET})`);
        const settings = {...env, SYNC_NAME: deletes, SYNC_DELETES: deletes};
        await migrate(settings);
        expect(await sync(settings)).toBe(0);
        // The children stay on the source, and some of them have to be written again.
        const gone = [2, ...FAR].join(', ');
        await from.query(
          `DELETE FROM countries WHERE code = 'b:%'; DELETE FROM cities WHERE id IN (${gone})`,
        );
        await to.query(
          `DELETE FROM country WHERE code = 'b:%'; DELETE FROM flag WHERE code = 'b:%'; DELETE FROM city WHERE id IN (3, ${gone}); DELETE FROM street WHERE city <> 1 OR no = 1`,
        );
        expect(await sync(settings)).toBe(0);
        const rows = async (sql: string) => {
          const [found] = await to.query<mysql.RowDataPacket[][]>({sql, rowsAsArray: true});
          return found.map(row => (row as unknown[]).join(' '));
        };
        expect(await rows('SELECT code FROM country ORDER BY 1')).toEqual(['a', 'c']);
        expect(await rows('SELECT id FROM city ORDER BY 1')).toEqual(['1']);
        expect(await rows('SELECT city, no FROM street ORDER BY 1, 2')).toEqual(['1 -70000', '1 1']);
        // Rows that others now create with these keys are foreign.
        await to.query(
          `INSERT INTO country VALUES ('b:%', 'Theirs'); INSERT INTO city SELECT ${gone.split(', ').join(", 'c' UNION ALL SELECT ")}, 'c'; INSERT INTO street VALUES (2, 1)`,
        );
        expect(await sync({...settings, SYNC_DELETES: 'mirror'})).toBe(0);
        expect(await rows("SELECT name FROM country WHERE code = 'b:%'")).toEqual(['Theirs']);
        expect((await rows('SELECT id FROM city')).length).toBe(2 + FAR.length);
        expect(await rows('SELECT city, no FROM street ORDER BY 1, 2')).toEqual(['1 -70000', '1 1', '2 1']);
      } finally {
        for (const connection of [from, to]) connection.destroy();
      }
    });
});
