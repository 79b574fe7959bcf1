/**
 * The log's reader gives every type of column as SELECT does: also types that no mapping uses yet, because a
 * mapping is changed more easily than a decoder. FLOAT and DOUBLE are the same double, not the same text.
 */
import {expect, it} from 'vitest';
import type {Plan} from '../../src/mapping/plan.ts';
import {findColumn} from '../../src/mapping/schema.ts';
import {sourceSelectList} from '../../src/mapping/sql/columns.ts';
import {cellOf} from '../../src/mapping/packed.ts';
import {doubleText, toRow} from '../../src/mapping/values.ts';
import {queryRows} from '../../src/db/connection.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {changesOf, configOf, planOf, sessionsFor} from './stand.ts';

/** A definition, and values as SQL. */
type Type = readonly [definition: string, values: readonly string[]];

const MOMENTS = [
  "'1970-01-01 00:00:01.000001'",
  "'2038-01-19 03:14:07.999999'",
  "'2024-02-29 23:59:59.5'",
  '0',
];
const DAYS = [
  "'1000-01-01 00:00:00'",
  "'9999-12-31 23:59:59.999999'",
  "'2024-00-00'",
  "'2024-02-00 01:02:03.25'",
  "'0000-05-01'",
  '0',
];
const CLOCKS = [
  "'-838:59:59'",
  "'838:59:59'",
  "'-00:00:00.000001'",
  "'00:00:00'",
  "'12:34:56.789012'",
  "'-1:02:03.5'",
  "'100:00:00.99'",
];
const DOUBLES = [
  '0',
  '-0e0',
  '0.1',
  '-1.5e-7',
  '1e20',
  '1.7976931348623157e308',
  '2.2250738585072014e-308',
  '123456789.123',
  '16777217',
  '1e-5',
];
const WORDS = ["''", "'a'", "'  a  '", "'é€🙂'", "REPEAT('lang ', 60)", "'a\\0b'"];
const BYTES = [
  "''",
  "X'00'",
  "X'6100'",
  "X'ff00fe'",
  "'é'",
  "X'c3'",
  "X'eda080'",
  "X'e282'",
  "REPEAT(X'80', 40)",
  "X'20410a'",
];
const REPEATED = '1234567890'.repeat(3);
const digits = (max: number) => Array.from({length: max + 1}, (_, i) => i);

const SHARED: readonly Type[] = [
  ...['TINYINT', 'SMALLINT', 'MEDIUMINT', 'INT', 'BIGINT'].flatMap((type): Type[] => [
    [type, ['-9223372036854775808', '9223372036854775807', '0', '-1']],
    [`${type} UNSIGNED`, ['18446744073709551615', '0', '9007199254740993']],
    [`${type}(20) ZEROFILL`, ['0', '7', '18446744073709551615']],
  ]),
  ...[
    'DECIMAL(1,0)',
    'DECIMAL(5,5)',
    'DECIMAL(9,9)',
    'DECIMAL(10,3)',
    'DECIMAL(38,19)',
    'DECIMAL(65,30)',
    'DECIMAL(65,0)',
    'DECIMAL(20,2) UNSIGNED',
    'DECIMAL(8,2) ZEROFILL',
  ].map((type): Type => [
    type,
    ['0', '1', '-1', '0.5', '-0.00001', '123456789.987654321', REPEATED, `-${REPEATED}.${REPEATED}`],
  ]),
  ['FLOAT', DOUBLES],
  ['FLOAT UNSIGNED ZEROFILL', ['1.5', '1.0000001']],
  ['DOUBLE', DOUBLES],
  ['DOUBLE(10,3)', ['1.5', '-99.999']],
  ...[1, 3, 8, 9, 31, 48, 49, 64].map((bits): Type => [
    `BIT(${bits})`,
    ["b'0'", "b'1'", '18446744073709551615', "b'101'"],
  ]),
  ['YEAR', ["'0000'", '1901', '2155', '2024']],
  ['DATE', DAYS],
  ...digits(6).flatMap((n): Type[] => [
    [`DATETIME(${n})`, DAYS],
    [`TIMESTAMP(${n})`, MOMENTS],
    [`TIME(${n})`, CLOCKS],
  ]),
  ...[
    'CHAR(40)',
    'CHAR(100)',
    'VARCHAR(63)',
    'VARCHAR(300)',
    'TINYTEXT',
    'TEXT',
    'MEDIUMTEXT',
    'LONGTEXT',
    'CHAR(200) CHARACTER SET latin1',
    'VARCHAR(80) CHARACTER SET utf16',
    'VARCHAR(80) COLLATE utf8mb4_bin',
  ].map((type): Type => [type, WORDS]),
  ...[
    'BINARY(1)',
    'BINARY(9)',
    'BINARY(255)',
    'VARBINARY(40)',
    'VARBINARY(300)',
    'TINYBLOB',
    'BLOB',
    'MEDIUMBLOB',
    'LONGBLOB',
  ].map((type): Type => [type, BYTES]),
  ["ENUM('a','b,c','it''s','é','A b')", ['1', '2', '3', '4', '5', '0']],
  [
    `ENUM(${digits(300)
      .map(i => `'m${i}'`)
      .join()})`,
    ['1', '256', '301'],
  ],
  ["SET('a','b c','it''s','é')", ["''", "'a'", "'a,é'", '15', '6']],
  [
    `SET(${digits(63)
      .map(i => `'m${i}'`)
      .join()})`,
    ['1', '9223372036854775808', '18446744073709551615', '0'],
  ],
];

const MARIADB: readonly Type[] = [
  ['JSON', ['\'{"b": 1, "a": [1.50, "é"]}\'', "'[]'", '\'"text"\'', "'1e20'", "'null'"]],
  ...[
    'VARCHAR(100) COMPRESSED',
    'VARCHAR(400) COMPRESSED',
    'TEXT COMPRESSED',
    'LONGTEXT COMPRESSED CHARACTER SET latin1',
  ].map((type): Type => [type, [...WORDS, "REPEAT('compressed é ', 20)"]]),
  ...['VARBINARY(300) COMPRESSED', 'BLOB COMPRESSED'].map((type): Type => [
    type,
    [...BYTES, "REPEAT(X'ff01', 120)"],
  ]),
];
const MYSQL: readonly Type[] = [
  [
    'JSON',
    [
      '\'{"a": 1, "b": [true, null, "x\\\\u0001é\\\\n\\\\"", -5, 70000, 5000000000, 18446744073709551615, 1.5]}\'',
      "'[]'",
      "'{}'",
      '\'"text"\'',
      "'1e20'",
      "'1.0'",
      "'-0.0'",
      "'1.5e-9'",
      "'123456789012345680000.0'",
      "JSON_OBJECT('d', CAST(1.50 AS DECIMAL(5,2)), 't', CAST('2024-01-02' AS DATE))",
      "JSON_ARRAY(REPEAT('x', 70000), 1, JSON_OBJECT('k', 2))",
    ],
  ],
];

describeEachFlavour('a column', ({flavour, server, source, target}) => {
  const sessions = sessionsFor({server, source, target});

  it('#24 of any type is read from the log as SELECT gives it', async () => {
    const {sql, reading, writing} = sessions();
    const types = [...SHARED, ...(flavour === 'mariadb' ? MARIADB : MYSQL)];
    const names = types.map((_, i) => `c${i}`);
    await sql.query('SET SESSION innodb_strict_mode = 0');
    await sql.query(
      `DROP TABLE IF EXISTS institute_user, users, institutes;
       CREATE TABLE users (id INT PRIMARY KEY, first_name TEXT, last_name TEXT, email TEXT, password TEXT, is_active INT, created_at DATE, updated_at DATE,
         ${types.map(([definition], i) => `c${i} ${definition} NULL DEFAULT NULL`).join(', ')}) ROW_FORMAT=DYNAMIC DEFAULT CHARSET utf8mb4;
       CREATE TABLE institutes (id INT PRIMARY KEY, name TEXT, imageUrl TEXT, created_at DATETIME, updated_at DATETIME);
       CREATE TABLE institute_user (institute_id INT, user_id INT, user_type TEXT, status TEXT, created_at DATETIME, updated_at DATETIME, PRIMARY KEY (institute_id, user_id))`,
    );
    const usual = await planOf(reading, writing, {source, target});
    const users = usual.sources.find(({table}) => table === 'users');
    if (users === undefined) throw new Error('the plan has no source users');
    const columns = ['id', ...names];
    const every = {
      ...users,
      columns,
      actual: columns,
      schemas: columns.map(name => findColumn(users.schema, name)),
    };
    expect(every.schemas).not.toContain(undefined);
    const plan: Plan = {...usual, sources: usual.sources.map(source => (source === users ? every : source))};
    const most = Math.max(...types.map(([, values]) => values.length));
    const changes = await changesOf(configOf(server, source), plan, 3_100_000_000, async () => {
      for (let n = 0; n <= most; n++)
        await sql.query(
          `INSERT IGNORE INTO users (id, ${names.join()}) VALUES (${n}, ${types.map(([, values]) => values[n] ?? 'NULL').join()})`,
        );
    });
    const selected = await queryRows(
      'source',
      reading,
      `SELECT ${sourceSelectList(every)} FROM users s ORDER BY id`,
    );
    expect(changes).toHaveLength(most + 1);
    const wrong = changes.flatMap(({after, partial}, n) => {
      const expected = toRow(selected[n] ?? []);
      return types.flatMap(([definition, values], i) => {
        const isDouble = /^(?:FLOAT|DOUBLE)/.test(definition);
        const server = expected[i + 1] ?? null;
        const wanted = isDouble && server !== null ? doubleText(Number(server)) : server;
        const short = (text: string | null | undefined) => text?.slice(0, 60) ?? null;
        const got = after === null ? null : cellOf(after, i + 1);
        return got === wanted
          ? []
          : [
              {
                definition: definition.slice(0, 40),
                value: short(values[n]),
                wanted: short(wanted),
                got: short(got),
                partial,
              },
            ];
      });
    });
    // What only the server can print is read from it: such a row says so.
    expect(wrong.filter(({partial}) => !partial)).toEqual([]);
    expect(wrong.filter(({definition}) => definition !== 'JSON')).toEqual([]);
  });
});
