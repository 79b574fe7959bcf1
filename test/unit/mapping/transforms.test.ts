import {describe, expect, it} from 'vitest';
import {TRANSFORMS, targetForm, toTimestamp, trimSpaces} from '../../../src/mapping/transforms.ts';
import type {Value} from '../../../src/mapping/values.ts';
import {column} from '../plan-fixture.ts';

const apply = (
  name: keyof typeof TRANSFORMS,
  inputs: readonly Value[],
  target = column('c', 'datetime', {fraction: 3}),
) => TRANSFORMS[name].value(inputs[0] ?? null, inputs[1] ?? null, targetForm(target, name));

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
    expect(apply('full-name', [first, last])).toBe(name);
  });
});

describe('trimming', () => {
  it('cuts U+0020 and no other white space', () => {
    expect(trimSpaces('  a b  ')).toBe('a b');
    for (const space of ['\t', '\n', '\r', '\u00a0', '\u2003', '\u3000', '\0']) {
      expect(trimSpaces(` ${space}a${space} `)).toBe(`${space}a${space}`);
    }
  });

  it('leaves nothing of spaces alone', () => {
    expect(trimSpaces('   ')).toBe('');
    expect(trimSpaces('')).toBe('');
  });

  it('applies to e-mails, of which null stays null', () => {
    expect(apply('trimmed', [' a@b.c '])).toBe('a@b.c');
    expect(apply('trimmed', [null])).toBeNull();
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
    expect(apply('is-active', [status])).toBe(mapped);
  });
});

describe('a role for a column with members of its own spelling', () => {
  it('is spelled as they are', () => {
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
  it('has no spaces at the end, as the column keeps none', () => {
    for (const name of ['copy', 'secret'] as const) {
      expect(apply(name, [' a  '], column('c', 'char'))).toBe(' a');
      expect(apply(name, [' a  '], column('c', 'varchar'))).toBe(' a  ');
    }
  });
});

describe('a password', () => {
  it('is copied byte for byte', () => {
    for (const secret of [' $2b$10$x ', '', '\0\\\'"', '🔑é']) expect(apply('secret', [secret])).toBe(secret);
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
    expect(apply('timestamp', [a, b])).toBe(mapped);
  });

  it('of a row without one is the first that a TIMESTAMP column can hold', () => {
    expect(apply('timestamp', [null, '0000-00-00'], column('c', 'timestamp'))).toBe('1970-01-01 00:00:01');
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
    expect(toTimestamp(text, fraction)).toBe(rounded);
  });
});
