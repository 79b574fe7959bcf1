/** A key or an index that is missing: the doctor prints SQL that the server accepts, or says that there is none. */
import {expect, it} from 'vitest';
import {examine} from '../../src/doctor/doctor.ts';
import type {Finding} from '../../src/doctor/findings.ts';
import {parseMapping} from '../../src/mapping/file/read.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {connect, type Reachable} from '../servers/databases.ts';
import {configOf} from './doctor-stand.ts';

const KEYS = [
  'INT',
  'DECIMAL(10,2)',
  'BIT(9)',
  'DATE',
  'VARCHAR(40)',
  'CHAR(36) CHARACTER SET ascii',
  'BINARY(16)',
  "ENUM('a','b')",
];
/** No server makes a key of them, or they are too long for the key of a mapping. */
const NO_KEYS = ['JSON', 'TINYTEXT', 'TEXT', 'TINYBLOB', 'LONGTEXT', 'BLOB', 'FLOAT', 'DOUBLE'];
const CHECKS = ['source-keys', 'target-keys', 'source-index', 'target-index'];

describeEachFlavour('a missing key', ({server, source, target}) => {
  const run = async (on: Reachable, schema: string, sql: readonly string[]) => {
    const connection = await connect(on, schema);
    try {
      for (const one of sql) await connection.query(one);
    } finally {
      await connection.end();
    }
  };

  it.each([...KEYS, ...NO_KEYS])('of the type %s is added by SQL, or cannot be', async type => {
    const name = type.toLowerCase().replaceAll(/\W+/g, '_');
    const isKey = KEYS.includes(type);
    const tables: Record<string, object> = {};
    const sources: string[] = [];
    const targets: string[] = [];
    for (const [i, [nulls, of]] of [
      ['NULL', type],
      ['NOT NULL', type],
      ['NOT NULL', 'INT'],
    ].entries()) {
      const [from, to] = [`s${i}_${name}`, `t${i}_${name}`];
      sources.push(`CREATE TABLE ${from} (k ${of} ${nulls}, id INT NOT NULL) CHARACTER SET utf8mb4`);
      targets.push(`CREATE TABLE ${to} (k ${type} NOT NULL, id INT) CHARACTER SET utf8mb4`);
      tables[to] = {from, key: 'k', columns: {k: 'k', id: 'id'}};
    }
    sources.push(`CREATE TABLE child_${name} (id INT PRIMARY KEY, k ${type})`);
    targets.push(`CREATE TABLE child_${name} (id INT PRIMARY KEY, k ${type})`);
    tables[`child_${name}`] = {
      from: `child_${name}`,
      key: 'id',
      columns: {id: 'id', k: 'k'},
      parents: {[`t0_${name}`]: 'k'},
    };
    await run(server, source, sources);
    await run(server, target, targets);
    const mapping = parseMapping(JSON.stringify({version: 1, tables}), 'test');
    const config = {...configOf({server, source, target}), mapping};
    const faults = async () =>
      (await examine(config)).filter(({check, level}) => CHECKS.includes(check) && level !== 'ok');
    const isSql = ({fix}: Finding) => String(fix).startsWith('ALTER');

    const found = await faults();
    expect(found.filter(({check}) => check === 'source-keys')).toHaveLength(3);
    expect(found.filter(({check}) => check === 'target-keys')).toHaveLength(3);
    // Without keys there is no plan, and what a plan shows is reported the second time.
    for (let round = 1; round <= 2; round++)
      for (const {side, fix} of (await faults()).filter(isSql))
        await run(server, side === 'source' ? source : target, [String(fix)]);
    const left = await faults();
    // What is left has no SQL: no statement makes a key of such a column, or an index of all of its text.
    expect(left.filter(isSql)).toEqual([]);
    const keys = left.filter(({check}) => check.endsWith('-keys'));
    expect(keys.map(({fix}) => String(fix)).filter(fix => !fix.startsWith('name other columns'))).toEqual([]);
    expect(keys).toHaveLength(isKey ? 0 : 4);
  });
});
