/**
 * Every pair of a source type and a target type: where the doctor finds a fault, the SQL that it prints is accepted
 * by the server, and nothing is left to say afterwards.
 */
import {afterAll, beforeAll, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {examine} from '../../src/doctor/doctor.ts';
import type {Finding} from '../../src/doctor/findings.ts';
import {parseMapping} from '../../src/mapping/file/read.ts';
import {describeEachFlavour, isShort} from '../helpers/flavours.ts';
import {connect, query} from '../servers/databases.ts';
import type {Flavour} from '../servers/provision.ts';
import {configOf, type Stand} from './doctor-stand.ts';

const SHARED = [
  'TINYINT',
  'TINYINT UNSIGNED',
  'SMALLINT',
  'MEDIUMINT UNSIGNED',
  'INT',
  'INT UNSIGNED',
  'INT(9) ZEROFILL',
  'BIGINT',
  'BIGINT UNSIGNED',
  'YEAR',
  'DECIMAL(5,2)',
  'DECIMAL(20,4)',
  'DECIMAL(30,0) UNSIGNED',
  'FLOAT',
  'FLOAT(7,3)',
  'DOUBLE',
  'DOUBLE(12,4)',
  'BIT(1)',
  'BIT(64)',
  'CHAR(3)',
  'CHAR(36) CHARACTER SET ascii',
  'VARCHAR(10)',
  'VARCHAR(100) CHARACTER SET latin1',
  'TINYTEXT',
  'TEXT',
  'LONGTEXT',
  "ENUM('A','b c')",
  "SET('a','it''s')",
  'BINARY(16)',
  'VARBINARY(20)',
  'VARBINARY(400)',
  'BLOB',
  'LONGBLOB',
  'DATE',
  'DATETIME',
  'DATETIME(3)',
  'DATETIME(6)',
  'TIMESTAMP(2)',
  'TIME',
  'TIME(4)',
  'JSON',
] as const;
const MORE: Readonly<Record<Flavour, readonly string[]>> = {
  mariadb: ['UUID', 'INET6'],
  mysql: [],
};
/** Types that only a target may have in this test: a source of them is refused by itself. */
const UNMAPPABLE = ['POINT', 'GEOMETRY'];

const TEXTS = [
  'CHAR(3)',
  'VARCHAR(10)',
  'VARCHAR(100) CHARACTER SET latin1',
  'TEXT',
  'VARBINARY(20)',
  "ENUM('A','b c')",
];

/** A default and attributes that a column of the type may have, some of which the fix cannot keep. */
function attributesOf(type: string): string {
  if (type.startsWith('INT(9)')) return " NOT NULL DEFAULT 7 COMMENT 'it''s, (theirs)'";
  if (type === 'INT') return " NOT NULL DEFAULT 7 COMMENT 'it''s, (theirs)'";
  if (type === 'DECIMAL(5,2)') return ' NOT NULL DEFAULT 1.50';
  if (type === 'BIT(1)') return " NOT NULL DEFAULT b'1'";
  if (type === 'VARCHAR(10)') return " NOT NULL DEFAULT 'a, b' COLLATE utf8mb4_bin";
  if (type.startsWith('ENUM')) return " NOT NULL DEFAULT 'b c'";
  if (type === 'DATE') return " NOT NULL DEFAULT '2020-01-01'";
  if (type === 'DATETIME') return ' NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP';
  if (type === 'DATETIME(3)') return ' NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)';
  if (type === 'TIME') return " NOT NULL DEFAULT '01:02:03'";
  return ' NULL';
}

const OPERATORS: readonly (readonly [name: string, use: object, source: readonly string[]])[] = [
  ['trim', {trim: 'a'}, TEXTS],
  ['join', {join: ['a', 'b'], with: ', '}, TEXTS],
  [
    'first',
    {first: ['a', 'b']},
    ['INT UNSIGNED', 'DECIMAL(20,4)', 'BIT(64)', 'LONGTEXT', 'LONGBLOB', 'DATE', 'TIME(4)', 'JSON'],
  ],
  ['first_text', {first: ['a', 'b'], otherwise: 'none at all'}, TEXTS],
  ['first_number', {first: ['a', 'b'], otherwise: -70_000}, ['INT', 'DECIMAL(5,2)', 'TINYINT UNSIGNED']],
  [
    'first_date',
    {first: ['a', 'b'], otherwise: '1970-01-01 00:00:00.5'},
    ['DATE', 'DATETIME', 'TIMESTAMP(2)'],
  ],
  ['lookup', {lookup: 'a', values: {1: 'ab', 2: 'b c'}, otherwise: null}, ['VARCHAR(10)', 'INT', 'BLOB']],
  ['lookup_number', {lookup: 'a', values: {1: 300, 2: -5}}, ['VARCHAR(10)', 'INT']],
  ['one_of', {oneOf: 'a', values: [1]}, ['VARCHAR(10)', 'INT']],
  ['constant', {constant: "it's"}, ['INT']],
  ['constant_number', {constant: 123_456.75}, ['INT']],
  ['constant_date', {constant: '2020-01-02 03:04:05'}, ['INT']],
];

const CHECKS = [
  'source-columns',
  'target-columns',
  'target-keys',
  'target-width',
  'target-charset',
  'target-null',
];

describeEachFlavour('the SQL of the doctor for a pair of types', ({flavour, server, source, target}) => {
  const stand: Stand = {server, source, target};
  const types: readonly string[] = [...SHARED, ...MORE[flavour]];
  const targets: readonly string[] = [...types, ...UNMAPPABLE];
  let onSource: mysql.Connection;
  let onTarget: mysql.Connection;
  beforeAll(async () => {
    onSource = await connect(server, source);
    onTarget = await connect(server, target);
  });
  afterAll(async () => {
    await onSource?.end();
    await onTarget?.end();
  });

  async function doctor(mapping: object): Promise<Finding[]> {
    const config = {...configOf(stand), mapping: parseMapping(JSON.stringify(mapping), 'test')};
    const findings = await examine(config);
    return findings.filter(({check, level}) => CHECKS.includes(check) && level !== 'ok');
  }

  const nameOf = (type: string) =>
    type
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '_')
      .replace(/_$/, '');
  const shown = ({level, message, why, fix}: Finding) => `${level}: ${message} (${why}) -- ${String(fix)}`;

  /** Runs each fix of the doctor once; returns what a server refused, and what the doctor finds afterwards. */
  async function fixAll(mapping: object): Promise<{found: Finding[]; refused: string[]; left: string[]}> {
    const found = await doctor(mapping);
    const refused: string[] = [];
    for (const finding of found) {
      try {
        await (finding.side === 'source' ? onSource : onTarget).query(String(finding.fix));
      } catch (error) {
        refused.push(`${shown(finding)}: ${String(error)}`);
      }
    }
    return {found, refused, left: (await doctor(mapping)).map(shown)};
  }

  async function fresh(): Promise<void> {
    for (const [connection, schema] of [
      [onSource, source],
      [onTarget, target],
    ] as const) {
      const tables = await query(
        connection,
        'SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?',
        [schema],
      );
      for (const {name} of tables) await connection.query(`DROP TABLE \`${String(name)}\``);
    }
  }

  const GROUP = 7;
  const groups = Array.from({length: Math.ceil(types.length / GROUP)}, (_, i) =>
    types.slice(i * GROUP, (i + 1) * GROUP),
  );
  it.each(isShort ? groups.slice(0, 2) : groups)(
    'is accepted for a copy of %s and others',
    async (...group) => {
      await fresh();
      const tables: Record<string, object> = {};
      for (const type of group) {
        const name = nameOf(type);
        await onSource.query(
          `CREATE TABLE s_${name} (id BIGINT PRIMARY KEY, a ${type} NULL) CHARACTER SET utf8mb4`,
        );
        const columns = targets.map(one => `t_${nameOf(one)} ${one}${attributesOf(one)}`);
        await onTarget.query(
          `CREATE TABLE c_${name} (id BIGINT PRIMARY KEY, ${columns.join(', ')}) CHARACTER SET latin1`,
        );
        const copies = targets.map(one => [`t_${nameOf(one)}`, 'a']);
        tables[`c_${name}`] = {
          from: `s_${name}`,
          key: 'id',
          columns: {id: 'id', ...Object.fromEntries(copies)},
        };
      }
      const {found, refused, left} = await fixAll({version: 1, tables});
      expect(found.length).toBeGreaterThan(group.length * 10);
      expect(refused).toEqual([]);
      expect(left).toEqual([]);
    },
  );

  it.each(isShort ? OPERATORS.slice(0, 4) : OPERATORS)('is accepted for %s', async (_, use, sources) => {
    await fresh();
    const tables: Record<string, object> = {};
    for (const type of sources) {
      const name = nameOf(type);
      await onSource.query(
        `CREATE TABLE s_${name} (id BIGINT PRIMARY KEY, a ${type} NULL, b ${type} NULL) CHARACTER SET utf8mb4`,
      );
      const columns = targets.map(one => `t_${nameOf(one)} ${one}${attributesOf(one)}`);
      await onTarget.query(
        `CREATE TABLE c_${name} (id BIGINT PRIMARY KEY, ${columns.join(', ')}) CHARACTER SET utf8mb4`,
      );
      const uses = targets.map(one => [`t_${nameOf(one)}`, use]);
      tables[`c_${name}`] = {from: `s_${name}`, key: 'id', columns: {id: 'id', ...Object.fromEntries(uses)}};
    }
    const {refused, left} = await fixAll({version: 1, tables});
    expect(refused).toEqual([]);
    expect(left).toEqual([]);
  });

  it('adds a column that is missing to a table with rows', async () => {
    await fresh();
    const tables: Record<string, object> = {};
    for (const type of types) {
      const name = nameOf(type);
      for (const nulls of ['NULL', 'NOT NULL']) {
        const table = `${name}_${nulls === 'NULL' ? 'null' : 'not'}`;
        await onSource.query(
          `CREATE TABLE s_${table} (id BIGINT PRIMARY KEY, a ${type} ${nulls}, b ${type} ${nulls})`,
        );
        await onTarget.query(
          `CREATE TABLE c_${table} (id BIGINT PRIMARY KEY) CHARACTER SET latin1; INSERT INTO c_${table} VALUES (1), (2)`,
        );
        const isText = TEXTS.some(one => one === type);
        const columns = {
          id: 'id',
          copied: 'a',
          first: {first: ['a', 'b']},
          ...(isText ? {trimmed: {trim: 'a'}, joined: {join: ['a', 'b'], with: ', '}} : {}),
        };
        tables[`c_${table}`] = {from: `s_${table}`, key: 'id', columns};
      }
    }
    const {refused, left} = await fixAll({version: 1, tables});
    expect(refused).toEqual([]);
    expect(left).toEqual([]);
  });
});
