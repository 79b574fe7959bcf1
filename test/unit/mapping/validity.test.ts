import {describe, expect, it} from 'vitest';
import {judge, type Judged} from '../../../src/mapping/row.ts';
import {column, plan, table, targetSchema, user} from '../plan-fixture.ts';
import type {Value} from '../../../src/mapping/values.ts';

const plans = plan();
const judged = (values: Record<string, Value>): Judged => judge(plans.tables.user, user('1', values));
const codeOf = (outcome: Judged) => (outcome.tag === 'dead-letter' ? outcome.code : outcome.tag);

describe('an e-mail', () => {
  it.each(['a@b', 'a@b.c', 'é@ü', "o'x@y", 'a+b@c-d', '🙂@🙂', '..@..', ' a@b '])('%j is valid', email => {
    expect(codeOf(judged({email}))).toBe('row');
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
  ])('%j is not', email => {
    expect(codeOf(judged({email}))).toBe('invalid-email');
  });
});

describe('a row', () => {
  it('with an empty password is a dead letter, of user and user_auth alike', () => {
    expect(codeOf(judged({password: ''}))).toBe('invalid-password');
    expect(codeOf(judge(plans.tables.user_auth, user('1', {password: ''})))).toBe('invalid-password');
    expect(codeOf(judged({password: ' '}))).toBe('row');
  });

  it('is not eligible without e-mail, password or the flag', () => {
    for (const values of [
      {email: null},
      {password: null},
      {is_active: '0'},
      {is_active: null},
      {is_active: '2'},
    ]) {
      expect(codeOf(judged(values))).toBe('ineligible');
    }
  });

  it('counts characters of VARCHAR as the server does', () => {
    expect(codeOf(judged({first_name: 'x'.repeat(20), last_name: ''}))).toBe('row');
    expect(codeOf(judged({first_name: '🙂'.repeat(20), last_name: null}))).toBe('row');
    expect(codeOf(judged({first_name: 'x'.repeat(21), last_name: ''}))).toBe('value-too-long');
    expect(codeOf(judged({first_name: '🙂'.repeat(21), last_name: null}))).toBe('value-too-long');
  });

  it('counts bytes of TEXT', () => {
    const wide = targetSchema().user.columns.map(known =>
      known.name === 'name' ? column('name', 'text', {maxLength: 10}) : known,
    );
    const {tables} = plan({}, {user: table([['userId']], ...wide)});
    const name = (first: string) =>
      codeOf(judge(tables.user, user('1', {first_name: first, last_name: null})));
    expect(name('x'.repeat(10))).toBe('row');
    expect(name('é'.repeat(5))).toBe('row');
    expect(name('é'.repeat(6))).toBe('value-too-long');
  });
});

describe('an id', () => {
  const withKey = (type: string, unsigned: boolean) =>
    plan(
      {},
      {
        user: table(
          [['userId']],
          ...targetSchema().user.columns.map(known =>
            known.name === 'userId' ? column('userId', type, {unsigned}) : known,
          ),
        ),
      },
    ).tables.user;
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
    expect(codeOf(judge(withKey(type, unsigned), user(id)))).toBe(fits ? 'row' : 'out-of-range');
  });
});
