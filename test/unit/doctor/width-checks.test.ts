/** Target columns that are narrower than their sources, and the type that the doctor's SQL gives them. */
import {describe, expect, it} from 'vitest';
import {columnWarnings} from '../../../src/doctor/column-warnings.ts';
import {parseMapping} from '../../../src/mapping/file/read.ts';
import {buildPlan} from '../../../src/mapping/plan.ts';
import {NO_CASCADES} from '../../../src/mapping/cascades.ts';
import type {ColumnSchema} from '../../../src/mapping/schema.ts';
import {column, table} from '../../unit/plan-fixture.ts';

/** A column from its definition, as a server describes it. */
function of(name: string, definition: string): ColumnSchema {
  const [, type = '', length, scale] = /^(\w+)(?:\((\d+)(?:,(\d+))?\))?/.exec(definition) ?? [];
  const [, charset = 'utf8mb4'] = / CHARACTER SET (\w+)/.exec(definition) ?? [];
  const isText = /char|text/.test(type);
  const sizes: Readonly<Record<string, number>> = {
    tinytext: 255,
    text: 65_535,
    longtext: 4_294_967_295,
    blob: 65_535,
  };
  return column(name, type, {
    definition,
    columnType: definition.replace(/ CHARACTER SET \w+/, ''),
    unsigned: definition.includes('unsigned'),
    charset: isText ? charset : null,
    collation: isText ? `${charset}_bin` : null,
    maxLength: sizes[type] ?? (isText || /binary/.test(type) ? Number(length) : null),
    fraction: /^(?:datetime|timestamp|time)$/.test(type) ? Number(length ?? 0) : 0,
    scale: Number(scale ?? 0),
    clause: ' NOT NULL',
  });
}

function warningsOf(source: string, target: string, use: object | string = 'a'): string[] {
  const mapping = parseMapping(
    JSON.stringify({version: 1, tables: {t: {from: 's', key: 'id', columns: {id: 'id', c: use}}}}),
    'test',
  );
  const id = of('id', 'bigint');
  const plan = buildPlan(
    mapping,
    {
      tables: new Map([['s', table([['id']], id, of('a', source), of('b', source))]]),
      enforced: [],
      cascades: NO_CASCADES,
    },
    {tables: new Map([['t', table([['id']], id, of('c', target))]]), references: [], referringSchemas: null},
  );
  return columnWarnings(plan.tables).map(({message, fix}) => `${message} -- ${String(fix)}`);
}

const fixOf = (type: string) => `ALTER TABLE \`t\` MODIFY \`c\` ${type} NOT NULL;`;

describe('a target column that is narrower than its source', () => {
  it.each([
    ['bigint', 'int', 'is int, its source bigint', 'BIGINT'],
    ['int unsigned', 'int', 'is int, its source int unsigned', 'BIGINT'],
    ['smallint', 'year(4)', 'is year(4), its source smallint', 'BIGINT'],
    ['bit(40)', 'int', 'is int, its source bit(40)', 'BIGINT'],
    ['decimal(20,4)', 'decimal(10,4)', 'is decimal(10,4), its source decimal(20,4)', 'DECIMAL(20,4)'],
    ['decimal(10,2)', 'decimal(10,4)', 'is decimal(10,4), its source decimal(10,2)', 'DECIMAL(12,4)'],
    ['decimal(10,2)', 'decimal(10,2) unsigned', 'is decimal(10,2) unsigned, its source', 'DECIMAL(10,2)'],
    ['bigint', 'decimal(10,0)', 'is decimal(10,0), its source bigint', 'DECIMAL(19,0)'],
    ['bit(9)', 'bit(8)', 'is bit(8), its source bit(9)', 'BIT(64)'],
    ['int', 'bit(8)', 'is bit(8), its source int', 'BIGINT'],
    ['double', 'double unsigned', 'is double unsigned, its source double', 'DOUBLE'],
    ['datetime(6)', 'datetime(3)', 'is datetime(3), its source datetime(6)', 'DATETIME(6)'],
    ['datetime', 'timestamp', 'is timestamp, its source datetime', 'DATETIME'],
    ['date', 'timestamp', 'is timestamp, its source date', 'DATETIME'],
    ['datetime(3)', 'timestamp', 'is timestamp, its source datetime(3)', 'DATETIME(3)'],
    ['timestamp(2)', 'timestamp', 'is timestamp, its source timestamp(2)', 'TIMESTAMP(2)'],
    ['timestamp(2)', 'datetime', 'is datetime, its source timestamp(2)', 'DATETIME(2)'],
    ['varchar(20)', 'varchar(10)', 'holds 10 characters, its source 20', 'VARCHAR(20)'],
    ['text', 'varchar(10)', 'holds 10 characters, its source 65535', 'TEXT'],
    ['longtext', 'text', 'holds 65535 bytes, its source 4294967295', 'LONGTEXT'],
    ['varchar(9000)', 'varchar(10)', 'holds 10 characters, its source 9000', 'TEXT'],
    ['bigint', 'varchar(5)', 'holds 5 characters, its source 20', 'VARCHAR(20)'],
    ['decimal(5,2)', 'varchar(6)', 'holds 6 characters, its source 7', 'VARCHAR(7)'],
    ['json', 'varchar(10)', 'holds 10 characters, its source 4294967295', 'LONGTEXT'],
    ['varbinary(20)', 'varbinary(10)', 'holds 10 bytes, its source 20', 'VARBINARY(20)'],
    ['varchar(10)', 'varbinary(10)', 'holds 10 bytes, its source 40', 'VARBINARY(40)'],
    ['blob', 'varbinary(10)', 'holds 10 bytes, its source 65535', 'BLOB'],
  ])('is a warning, and its SQL makes room: %s in %s', (source, target, message, type) => {
    const warnings = warningsOf(source, target);
    expect(warnings).toEqual([expect.stringContaining(`t.c ${message}`)]);
    expect(warnings[0]).toContain(fixOf(type));
    const [definition = ''] = /^[A-Z]+(?:\(.*?\))?(?: UNSIGNED)?/.exec(type) ?? [];
    expect(warningsOf(source, definition.toLowerCase())).toEqual([]);
  });

  it.each([
    ['int', 'bigint unsigned'],
    ['bigint unsigned', 'bigint'],
    ['year(4)', 'smallint'],
    ['year(4)', 'varchar(4)'],
    ['bigint', 'decimal(19,0)'],
    ['bit(8)', 'bit(8)'],
    ['bit(31)', 'int'],
    ['decimal(5,2)', 'decimal(7,4)'],
    ['datetime(3)', 'datetime(6)'],
    ['timestamp', 'timestamp(3)'],
    ['date', 'datetime'],
    ['date', 'date'],
    ['time', 'time(3)'],
    ['varchar(10)', 'varchar(10)'],
    ['text CHARACTER SET latin1', 'text CHARACTER SET latin1'],
    ['varchar(10) CHARACTER SET ascii', 'varbinary(10)'],
    ['bigint', 'varchar(20) CHARACTER SET latin1'],
  ])('is not one that holds every value: %s in %s', (source, target) => {
    expect(warningsOf(source, target)).toEqual([]);
  });

  it('is widened and recoded by one statement', () => {
    const warnings = warningsOf('varchar(20)', 'varchar(10) CHARACTER SET latin1');
    expect(warnings).toHaveLength(2);
    for (const line of warnings)
      expect(line).toContain('MODIFY `c` VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL;');
  });

  it('is measured by all inputs of its operator', () => {
    expect(warningsOf('varchar(20)', 'varchar(30)', {join: ['a', 'b'], with: ', '})).toEqual([
      `t.c holds 30 characters, its source 42 -- ${fixOf('VARCHAR(42)')}`,
    ]);
    expect(warningsOf('varchar(2)', 'varchar(4)', {first: ['a', 'b'], otherwise: 'none'})).toEqual([]);
    expect(warningsOf('varchar(20)', 'varchar(3)', {lookup: 'a', values: {x: 'y'}, otherwise: 'z'})).toEqual(
      [],
    );
  });
});
