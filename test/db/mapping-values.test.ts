/** Values of the mapping file that a target column does not hold are refused before a row is written, with the SQL that makes room. */
import {beforeAll, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {readSourceSchema, readTargetSchema} from '../../src/db/schema.ts';
import {parseMapping} from '../../src/mapping/file/read.ts';
import {buildPlan} from '../../src/mapping/plan.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {sessionsFor} from '../property/stand.ts';
import {connect, query} from '../servers/databases.ts';

const LONG = 'x'.repeat(300);
/** The type of the target column, the operator, the value that it cannot hold, and why. */
const CASES: readonly (readonly [type: string, use: unknown, value: string | null, reason: RegExp])[] = [
  ["ENUM('a','it''s') NOT NULL", {constant: 'c'}, 'c', /'c' is not a member/],
  ["ENUM('a','b') NULL", {lookup: 'word', values: {X: 'c'}}, 'c', /not a member/],
  ["ENUM('a','b') NULL", {lookup: 'word', values: {X: 'a'}, otherwise: "d'"}, "d'", /not a member/],
  ["ENUM('a','b') NULL", {first: ['letter'], otherwise: 'c'}, 'c', /not a member/],
  ["ENUM('a','b') NULL", {constant: ''}, '', /not a member/],
  ["SET('a','b') NULL", {constant: 'a,c'}, 'a,c', /'c' is not a member/],
  ['VARCHAR(3) NULL', {constant: 'four'}, 'four', /does not fit/],
  ['VARCHAR(3) NULL', {lookup: 'word', values: {X: 'a'}, otherwise: 'four'}, 'four', /does not fit/],
  ['VARCHAR(3) NULL', {first: ['word'], otherwise: 'four'}, 'four', /does not fit/],
  ['TINYTEXT NULL', {constant: LONG}, LONG, /does not fit/],
  ['VARBINARY(3) NULL', {constant: 'four'}, 'four', /does not fit/],
  ['TINYINT NULL', {constant: 128}, '128', /does not fit/],
  ['SMALLINT UNSIGNED NULL', {constant: -1}, '-1', /does not fit/],
  ['INT NULL', {lookup: 'word', values: {X: 4_000_000_000}}, '4000000000', /does not fit/],
  ['DECIMAL(4,1) NULL', {constant: 1234.5}, '1234.5', /does not fit/],
  ['DECIMAL(4,1) UNSIGNED NULL', {constant: -1}, '-1', /does not fit/],
  ['BIT(2) NULL', {constant: 4}, '4', /does not fit/],
  ['FLOAT NULL', {constant: '1e39'}, '1e39', /does not fit/],
  ['DOUBLE NULL', {constant: '1e309'}, '1e309', /does not fit/],
  ['TIME NULL', {constant: '839:00:00'}, '839:00:00', /does not fit/],
  ['INT NOT NULL', {constant: null}, null, /writes null/],
  ['VARCHAR(9) NOT NULL', {lookup: 'word', values: {X: 'a'}, otherwise: null}, null, /writes null/],
];
/** Values that a column does hold, although they look similar. */
const HELD: readonly (readonly [type: string, use: unknown])[] = [
  ["ENUM('a','B') NOT NULL", {lookup: 'word', values: {X: 'A', Y: 'b '}, otherwise: 'a'}],
  ["SET('a','b') NULL", {constant: 'b,A'}],
  ["SET('a','b') NULL", {constant: ''}],
  ['VARCHAR(4) NULL', {constant: '🎓🎓🎓🎓'}],
  ['CHAR(3) NULL', {constant: 'abc  '}],
  ['TINYINT NULL', {constant: -128}],
  ['BIGINT UNSIGNED NULL', {constant: '18446744073709551615'}],
  ['DECIMAL(4,1) NULL', {constant: -999.9}],
  ['BIT(64) NULL', {constant: '18446744073709551615'}],
  ['TIME NULL', {constant: '-838:59:59'}],
  ['INT NULL', {constant: null}],
];

describeEachFlavour('a value of the mapping', ({server, source, target}) => {
  const sessions = sessionsFor({server, source, target});
  let to: mysql.Connection;
  beforeAll(async () => {
    await sessions().sql.query(
      "CREATE TABLE given (id INT PRIMARY KEY, word VARCHAR(20) NULL, letter ENUM('a','b') NULL)",
    );
    to = await connect(server, target);
    await to.query("SET sql_mode = 'STRICT_ALL_TABLES'");
    return () => to.end();
  });
  const planned = async (use: unknown) => {
    const {reading, writing} = sessions();
    const mapping = parseMapping(
      JSON.stringify({
        version: 1,
        tables: {written: {from: 'given', key: 'id', columns: {id: 'id', v: use}}},
      }),
      'drawn',
    );
    return buildPlan(
      mapping,
      await readSourceSchema(reading, source, mapping),
      await readTargetSchema(writing, target, mapping),
    );
  };
  const furnish = (type: string) =>
    to.query(`DROP TABLE IF EXISTS written; CREATE TABLE written (id INT PRIMARY KEY, v ${type})`);
  const isHeld = (type: string, value: string | null) =>
    to
      .query(`REPLACE INTO written VALUES (1, ${type.startsWith('BIT') ? 'CAST(? AS UNSIGNED)' : '?'})`, [
        value,
      ])
      .then(
        async () => (await query(to, 'SELECT v FROM written')).length === 1,
        () => false,
      );

  it.each(CASES)(
    '%#: that %s does not hold is refused, and the SQL makes room',
    async (type, use, value, reason) => {
      await furnish(type);
      expect(await isHeld(type, value)).toBe(false);
      const error = await planned(use).catch((thrown: unknown) => thrown);
      expect(String(error)).toMatch(reason);
      const [, fix = ''] = /on the target: (.*;)$/s.exec(String(error)) ?? [];
      await to.query(fix);
      expect(await isHeld(type, value)).toBe(true);
      await planned(use);
    },
  );

  it.each([
    ['1', '01'],
    ['-0', '0'],
  ])('%s is refused beside %s in a lookup over a number', async (one, other) => {
    await furnish('VARCHAR(9) NULL');
    const values = {[one]: 'a', [other]: 'b'};
    await expect(planned({lookup: 'id', values, otherwise: null})).rejects.toThrow(
      `are the same value of id`,
    );
    // A text is compared letter by letter.
    await planned({lookup: 'word', values, otherwise: null});
  });

  it.each(HELD)('%#: that %s holds is accepted', async (type, use) => {
    await furnish(type);
    await planned(use);
  });
});
