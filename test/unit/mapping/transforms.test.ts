import {describe, expect, it} from 'vitest';
import {roundMoment} from '../../../src/mapping/operators/moments.ts';
import type {OperatorUse, Shape} from '../../../src/mapping/operators/operator.ts';
import {operatorOf} from '../../../src/mapping/operators/registry.ts';
import {trimSpaces} from '../../../src/mapping/operators/texts.ts';
import {familyOf} from '../../../src/mapping/families.ts';
import type {ColumnSchema} from '../../../src/mapping/schema.ts';
import type {Value} from '../../../src/mapping/values.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';
import {column, packed} from '../plan-fixture.ts';

const WITHOUT: OperatorUse = {operator: 'constant', value: null};
const laas = (table: string, target: string): OperatorUse =>
  LAAS.tables.find(map => map.target === table)?.columns.find(one => one.target === target)?.use ?? WITHOUT;
const USES = {
  copy: {operator: 'copy'},
  trim: {operator: 'trim'},
  name: laas('user', 'name'),
  role: laas('institute_users', 'role'),
  isActive: laas('institute_users', 'isActive'),
  date: laas('user', 'createdAt'),
} as const satisfies Record<string, OperatorUse>;

function shapeOf(inputs: readonly ColumnSchema[], target: ColumnSchema): Shape {
  const family = (of: ColumnSchema) => familyOf(of) ?? 'text';
  return {
    column: target,
    family: family(target),
    inputs: inputs.map((schema, place) => ({schema, family: family(schema), place})),
  };
}

const TEXT = column('c', 'varchar');
const DATE = column('c', 'datetime', {fraction: 3});

/** The value of an operator; the inputs are of the target's type unless another is given. */
function apply(
  name: keyof typeof USES,
  row: readonly Value[],
  target = name === 'date' ? DATE : TEXT,
  input = name === 'date' ? DATE : TEXT,
): Value {
  const shape = shapeOf(
    row.map(() => input),
    target,
  );
  const operator = operatorOf(USES[name]);
  const value = operator.value(USES[name], shape, target.fraction)(row);
  const written: Value[] = [];
  operator.packed(
    USES[name],
    shape,
    target.fraction,
  )?.(packed(row), {
    value: one => written.push(one),
    bytes: (from, start, end) => written.push(from.toString('utf8', start, end)),
    joined: (from, start, end, next, nextEnd) =>
      written.push(`${from.toString('utf8', start, end)} ${from.toString('utf8', next, nextEnd)}`),
  });
  for (const one of written) expect(one).toBe(value);
  return value;
}

describe('a name', () => {
  it.each([
    ['Ada', 'Lovelace', 'Ada Lovelace'],
    ['  Ada ', '  Lovelace  ', 'Ada Lovelace'],
    ['Ada', null, 'Ada'],
    [null, 'Lovelace', 'Lovelace'],
    ['   ', 'Lovelace', 'Lovelace'],
    ['Ada', '', 'Ada'],
    [null, null, ''],
    ['  ', ' ', ''],
    ['Ada  Byron', 'King', 'Ada  Byron King'],
    ['\tAda\u00a0', '\u3000L', '\tAda\u00a0 \u3000L'],
  ])('of %j and %j is %j', (first, last, name) => {
    expect(apply('name', [first, last])).toBe(name);
  });
});

describe('trimming', () => {
  it('cuts U+0020 and no other white space', () => {
    expect(trimSpaces('  a b  ')).toBe('a b');
    for (const space of ['\t', '\n', '\r', '\u00a0', '\u2003', '\u3000', '\0']) {
      expect(trimSpaces(` ${space}a${space} `)).toBe(`${space}a${space}`);
    }
  });

  it('leaves nothing of a text of spaces only', () => {
    expect(trimSpaces('   ')).toBe('');
    expect(trimSpaces('')).toBe('');
  });

  it('applies to e-mails, and null stays null', () => {
    expect(apply('trim', [' a@b.c '])).toBe('a@b.c');
    expect(apply('trim', [null])).toBeNull();
  });
});

describe('a role', () => {
  it.each([
    ['ADMIN', 'ADMIN'],
    ['teacher', 'FACULTY'],
    [' Instructor ', 'FACULTY'],
    ['STUDENT', 'STUDENT'],
    ['staff', 'STAFF'],
    ['Director', 'DIRECTOR'],
    ['guest', 'STUDENT'],
    ['FACULTY', 'STUDENT'],
    ['\tADMIN', 'STUDENT'],
    ['', 'STUDENT'],
    [null, 'STUDENT'],
    ['constructor', 'STUDENT'],
    ['__proto__', 'STUDENT'],
  ])('of %j is %s', (role, mapped) => {
    expect(apply('role', [role])).toBe(mapped);
  });
});

describe('isActive', () => {
  it.each([
    ['ACTIVE', '1'],
    [' active ', '1'],
    ['Active', '1'],
    ['inactive', '0'],
    ['activ', '0'],
    ['\nactive', '0'],
    ['', '0'],
    [null, '0'],
  ])('of %j is %s', (status, mapped) => {
    expect(apply('isActive', [status])).toBe(mapped);
  });
});

describe('a role for a column with members of its own spelling', () => {
  it('has their spelling', () => {
    const members = ['admin', 'Faculty', 'STUDENT', 'staff', 'director'];
    const target = column('role', 'enum', {members});
    const roles = ['Admin', 'teacher', 'x', null, 'STAFF'];
    expect(roles.map(role => apply('role', [role], target))).toEqual([
      'admin',
      'Faculty',
      'STUDENT',
      'STUDENT',
      'staff',
    ]);
  });
});

describe('a text for a CHAR column', () => {
  it('has no spaces at the end, because the column drops them', () => {
    expect(apply('copy', [' a  '], column('c', 'char'))).toBe(' a');
    expect(apply('copy', [' a  '], column('c', 'varchar'))).toBe(' a  ');
  });
});

describe('a password', () => {
  it('is copied byte for byte', () => {
    for (const secret of [' $2b$10$x ', '', '\0\\\'"', '🔑é']) expect(apply('copy', [secret])).toBe(secret);
  });
});

describe('a timestamp', () => {
  const first = '2024-01-02 03:04:05';
  const second = '2023-01-02 03:04:05';
  it.each([
    [first, second, `${first}.000`],
    [null, second, `${second}.000`],
    ['0000-00-00 00:00:00', second, `${second}.000`],
    ['0000-00-00', second, `${second}.000`],
    [null, null, '1970-01-01 00:00:00.000'],
    [null, '0000-00-00 00:00:00.000000', '1970-01-01 00:00:00.000'],
    ['2024-01-02', null, '2024-01-02 00:00:00.000'],
    ['2024-00-00', second, `${second}.000`],
    ['2024-02-00 01:02:03', second, `${second}.000`],
    ['2024-00-05', '0000-05-01', '1970-01-01 00:00:00.000'],
  ])('of %j, else %j, is %j', (a, b, mapped) => {
    expect(apply('date', [a, b])).toBe(mapped);
  });

  it('of a row without one is the first that a TIMESTAMP column can hold', () => {
    expect(apply('date', [null, '0000-00-00'], column('c', 'timestamp'))).toBe('1970-01-01 00:00:01');
  });

  it.each([
    ['2024-05-06 07:08:09.123449', 3, '2024-05-06 07:08:09.123'],
    ['2024-05-06 07:08:09.123500', 3, '2024-05-06 07:08:09.124'],
    ['2024-05-06 07:08:09.999499', 3, '2024-05-06 07:08:09.999'],
    ['2024-05-06 07:08:09.999500', 3, '2024-05-06 07:08:10.000'],
    ['2024-05-06 07:08:09.5', 0, '2024-05-06 07:08:10'],
    ['2024-05-06 07:08:09.499999', 0, '2024-05-06 07:08:09'],
    ['2024-05-06 07:08:09.1', 6, '2024-05-06 07:08:09.100000'],
    ['2024-05-06 07:08:09', 6, '2024-05-06 07:08:09.000000'],
    ['2023-12-31 23:59:59.9995', 3, '2024-01-01 00:00:00.000'],
    ['2024-02-28 23:59:59.95', 1, '2024-02-29 00:00:00.0'],
    ['2023-02-28 23:59:59.95', 1, '2023-03-01 00:00:00.0'],
    ['1999-12-31 23:59:59.9999995', 6, '2000-01-01 00:00:00.000000'],
    ['0099-12-31 23:59:59.9', 0, '0100-01-01 00:00:00'],
    ['2024-05-06 07:08:09.0995', 3, '2024-05-06 07:08:09.100'],
    ['2023-02-29 23:59:59.9', 0, '2023-02-29 23:59:59'],
    ['2024-04-31 23:59:59.95', 1, '2024-04-31 23:59:59.9'],
    ['2000-02-29 23:59:59.9', 0, '2000-03-01 00:00:00'],
    ['1900-02-29 23:59:59.9', 0, '1900-02-29 23:59:59'],
  ])('%s with %i digits is %s', (text, fraction, rounded) => {
    expect(roundMoment(text, fraction)).toBe(rounded);
  });
});

describe('bytes', () => {
  const blob = column('c', 'varbinary', {charset: null});

  it('are looked up as the text that they encode', () => {
    expect(apply('role', [' teacher '], TEXT, blob)).toBe('FACULTY');
    const use: OperatorUse = {operator: 'oneOf', values: ['É']};
    const value = (input: ColumnSchema, text: string) =>
      operatorOf(use).value(use, shapeOf([input], column('c', 'tinyint')), 0)([text]);
    expect([value(blob, 'É'), value(blob, ' é'), value(TEXT, 'é')]).toEqual(['1', '1', '1']);
  });

  it('equal no value of the mapping if they encode no text', () => {
    expect(apply('isActive', ['\udcff active'], TEXT, blob)).toBe('0');
  });
});
