import {describe, expect, it} from 'vitest';
import {judge, type Verdict} from '../../../src/mapping/row.ts';
import type {Plan} from '../../../src/mapping/plan.ts';
import {
  column,
  entityOf,
  institute,
  packed,
  plan,
  sourceTable,
  table,
  tableOf,
  targetTable,
  user,
  type TargetTable,
} from '../plan-fixture.ts';
import type {Row, Value} from '../../../src/mapping/values.ts';

const plans = plan();
/** A row is judged alike as values and as bytes. */
function verdict(of: Plan, target: TargetTable, row: Row): Verdict {
  const judged = judge(entityOf(of, target), tableOf(of, target), row);
  expect(judge(entityOf(of, target), tableOf(of, target), packed(row))).toBe(judged);
  return judged;
}
const judged = (values: Record<string, Value>): Verdict => verdict(plans, 'user', user('1', values));

describe('an e-mail', () => {
  it.each(['a@b', 'a@b.c', 'é@ü', "o'x@y", 'a+b@c-d', '🙂@🙂', '..@..', ' a@b '])('%j is valid', email => {
    expect(judged({email})).toBe('row');
  });
  it.each([
    '',
    ' ',
    'a',
    '@',
    'a@',
    '@b',
    'a@b@c',
    'a b@c',
    'a@b c',
    'a\t@b',
    'a@b\n',
    'a\u00a0@b',
    'a@\u3000b',
    '\u2028a@b',
  ])('%j is not valid', email => {
    expect(judged({email})).toBe('invalid-email');
  });
});

describe('a row', () => {
  it('with an empty password is a dead letter, of user and user_auth alike', () => {
    expect(judged({password: ''})).toBe('invalid-password');
    expect(verdict(plans, 'user_auth', user('1', {password: ''}))).toBe('invalid-password');
    expect(judged({password: ' '})).toBe('row');
  });

  it('is not eligible without e-mail, password or the flag', () => {
    for (const values of [
      {email: null},
      {password: null},
      {is_active: '0'},
      {is_active: null},
      {is_active: '2'},
    ]) {
      expect(judged(values)).toBe('ineligible');
    }
  });

  it('with a null for a column that takes none is a dead letter, if it is eligible', () => {
    const strict = (name: string) =>
      plan(
        {},
        {
          institute: table(
            [['instituteId']],
            ...targetTable('institute').columns.map(known =>
              known.name === name ? {...known, nullable: false} : known,
            ),
          ),
        },
      );
    const verdictOf = (name: string, values: Record<string, Value>) =>
      verdict(strict(name), 'institute', institute('1', values));
    expect(verdictOf('imageUrl', {imageUrl: null})).toBe('null-value');
    expect(verdictOf('imageUrl', {imageUrl: ''})).toBe('row');
    // A condition leaves it out, and a date that is missing has another value.
    expect(verdictOf('name', {name: null})).toBe('ineligible');
    expect(verdictOf('createdAt', {created_at: null, updated_at: null})).toBe('row');
  });

  it('counts characters of VARCHAR as the server does', () => {
    expect(judged({first_name: 'x'.repeat(20), last_name: ''})).toBe('row');
    expect(judged({first_name: '🙂'.repeat(20), last_name: null})).toBe('row');
    expect(judged({first_name: 'x'.repeat(21), last_name: ''})).toBe('value-too-long');
    expect(judged({first_name: '🙂'.repeat(21), last_name: null})).toBe('value-too-long');
  });

  it('counts bytes of TEXT', () => {
    const wide = targetTable('user').columns.map(known =>
      known.name === 'name' ? column('name', 'text', {maxLength: 10}) : known,
    );
    const widened = plan({}, {user: table([['userId']], ...wide)});
    const name = (first: string) => verdict(widened, 'user', user('1', {first_name: first, last_name: null}));
    expect(name('x'.repeat(10))).toBe('row');
    expect(name('é'.repeat(5))).toBe('row');
    expect(name('é'.repeat(6))).toBe('value-too-long');
  });
});

describe('bytes', () => {
  const changed = (columns: ReturnType<typeof table>['columns'], name: string, type: string) =>
    columns.map(known => (known.name === name ? column(name, type, {charset: null, maxLength: 10}) : known));
  const withName = (type: string) =>
    plan(
      {institutes: table([['id']], ...changed(sourceTable('institutes').columns, 'name', 'blob'))},
      {institute: table([['instituteId']], ...changed(targetTable('institute').columns, 'name', type))},
    );
  const school = (name: string): Row => institute('1', {name});

  it('must be UTF-8 for a text, and are counted as bytes for a binary column', () => {
    const [text, binary] = [withName('text'), withName('varbinary')];
    expect(verdict(text, 'institute', school('é'))).toBe('row');
    for (const bad of ['\udcff', 'a\udcc3', '\udced\udca0\udc80'])
      expect(judge(entityOf(text, 'institute'), tableOf(text, 'institute'), school(bad))).toBe(
        'invalid-encoding',
      );
    const long = (name: string) =>
      judge(entityOf(binary, 'institute'), tableOf(binary, 'institute'), school(name));
    expect([long('\udcff'.repeat(10)), long('\udcff'.repeat(11)), long('é'.repeat(6))]).toEqual([
      'row',
      'value-too-long',
      'value-too-long',
    ]);
  });
});

describe('a CHAR of the target', () => {
  it('refuses a password of spaces only, because it drops them', () => {
    const columns = targetTable('user').columns.map(known =>
      known.name === 'password' ? column('password', 'char') : known,
    );
    const narrow = plan({}, {user: table([['userId']], ...columns)});
    expect(verdict(narrow, 'user', user('1', {password: '  '}))).toBe('invalid-password');
    expect(verdict(narrow, 'user', user('1', {password: ' a '}))).toBe('row');
  });
});

describe('an id', () => {
  const withKey = (type: string, unsigned: boolean) =>
    plan(
      {},
      {
        user: table(
          [['userId']],
          ...targetTable('user').columns.map(known =>
            known.name === 'userId' ? column('userId', type, {unsigned}) : known,
          ),
        ),
      },
    );
  it.each([
    ['bigint', false, '9223372036854775807', true],
    ['bigint', false, '9223372036854775808', false],
    ['bigint', false, '-9223372036854775808', true],
    ['bigint', true, '18446744073709551615', true],
    ['bigint', true, '-1', false],
    ['int', false, '2147483647', true],
    ['int', false, '2147483648', false],
    ['int', true, '4294967295', true],
    ['int', true, '4294967296', false],
    ['mediumint', false, '-8388609', false],
    ['smallint', true, '65535', true],
    ['tinyint', false, '128', false],
  ])('in %s (unsigned: %s): %s fits: %s', (type, unsigned, id, fits) => {
    expect(verdict(withKey(type, unsigned), 'user', user(id))).toBe(fits ? 'row' : 'out-of-range');
  });
});
