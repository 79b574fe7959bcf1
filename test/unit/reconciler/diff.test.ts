import {describe, expect, it} from 'vitest';
import {byTargetKey, diffTable} from '../../../reconciler/diff.ts';
import {mapRow} from '../../../src/mapping/row.ts';
import type {Row} from '../../../src/mapping/values.ts';
import {column, institute, membership, plan, sourceSchema, table, user} from '../plan-fixture.ts';

const plans = plan();
const written = mapRow;
const source = (...rows: Row[]) => new Map(rows.map(row => [row[0] ?? '', row]));
const {user: users} = plans.tables;
const source1 = {newestWins: false};

describe('a comparison', () => {
  it('tells equal, missing, different, invalid and extra rows apart', () => {
    const rows = source(
      user('1'),
      user('2'),
      user('3'),
      user('4', {email: 'x'}),
      user('5', {is_active: '0'}),
    );
    const there = [
      written(users, user('1')),
      written(users, user('3', {last_name: 'old'})),
      written(users, user('5')),
      written(users, user('6')),
    ];
    expect(diffTable(users, rows, there, source1)).toEqual({
      equal: ['1'],
      missing: ['2'],
      different: ['3'],
      invalid: ['4'],
      extra: ['5', '6'],
    });
  });

  it('takes a row that cannot be written for invalid whether it is there or not, and never for extra', () => {
    const diff = diffTable(users, source(user('4', {password: ''})), [written(users, user('4'))], source1);
    expect(diff).toMatchObject({invalid: ['4'], extra: [], different: []});
  });

  it('compares ids as numbers, and everything else as it is written', () => {
    const padded = written(users, user('7')).with(0, '007');
    expect(diffTable(users, new Map([['7', user('7')]]), [padded], source1).extra).toEqual(['007']);
    for (const [index, value] of [
      [1, 'ada l'],
      [2, 'U7@x.org'],
      [3, '$2b$ '],
      [4, '2024-01-02 03:04:05.001'],
    ] as const) {
      expect(
        diffTable(users, source(user('7')), [written(users, user('7')).with(index, value)], source1)
          .different,
      ).toEqual(['7']);
    }
  });

  it('tells null from empty', () => {
    const {institute: institutes} = plans.tables;
    const rows = source(institute('1', {imageUrl: null}));
    expect(
      diffTable(institutes, rows, [written(institutes, institute('1', {imageUrl: ''}))], source1).different,
    ).toEqual(['1']);
  });

  it('takes a later row of the target for equal where the newest wins', () => {
    const later = written(users, user('1', {last_name: 'edited', updated_at: '2030-01-01 00:00:00'}));
    expect(diffTable(users, source(user('1')), [later], {newestWins: true}).equal).toEqual(['1']);
    expect(diffTable(users, source(user('1')), [later], {newestWins: false}).different).toEqual(['1']);
    const earlier = written(users, user('1', {last_name: 'edited', updated_at: '2020-01-01 00:00:00'}));
    expect(diffTable(users, source(user('1')), [earlier], {newestWins: true}).different).toEqual(['1']);
  });
});

describe('source rows by target key', () => {
  it('keep the first of several for one pair', () => {
    const repeating = plan({
      institute_user: table([['id']], column('id', 'bigint'), ...sourceSchema().institute_user.columns),
    });
    const [first, second] = [membership('1', '2', {id: '9'}), membership('1', '2', {id: '8'})];
    expect([...byTargetKey(repeating, 'institute_users', [first, second, membership('1', '3')])]).toEqual([
      ['1:2', first],
      ['1:3', membership('1', '3')],
    ]);
  });
});
