import {describe, expect, it} from 'vitest';
import {bySourceKey, byTargetKey, diffTable, differingColumns} from '../../../reconciler/diff.ts';
import {mapRow} from '../../../src/mapping/row.ts';
import type {Row} from '../../../src/mapping/values.ts';
import {entityOf, institute, membership, plan, tableOf, user} from '../plan-fixture.ts';

const plans = plan();
const written = mapRow;
const source = (...rows: Row[]) => new Map(rows.map(row => [row[0] ?? '', row]));
const users = tableOf(plans, 'user');
const ofUsers = entityOf(plans, 'user');
const compare = (sources: ReadonlyMap<string, Row>, there: readonly Row[], newestWins = false) =>
  diffTable(ofUsers, users, sources, byTargetKey(ofUsers, users, there), {newestWins});

describe('a comparison', () => {
  it('distinguishes equal, missing, different, invalid and extra rows', () => {
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
    expect(compare(rows, there)).toEqual({
      equal: ['1'],
      missing: ['2'],
      different: ['3'],
      invalid: ['4'],
      extra: ['5', '6'],
    });
  });

  it('counts a row that cannot be written as invalid, and never as extra', () => {
    const diff = compare(source(user('4', {password: ''})), [written(users, user('4'))]);
    expect(diff).toMatchObject({invalid: ['4'], extra: [], different: []});
  });

  it('compares keys as numbers, and everything else as text', () => {
    const padded = written(users, user('7')).with(0, '007');
    expect(compare(source(user('7')), [padded]).equal).toEqual(['7']);
    for (const [index, value] of [
      [1, 'ada l'],
      [2, 'U7@x.org'],
      [3, '$2b$ '],
      [4, '2024-01-02 03:04:05.001'],
    ] as const) {
      const there = written(users, user('7')).with(index, value);
      expect(compare(source(user('7')), [there]).different).toEqual(['7']);
      expect(differingColumns(users, written(users, user('7')), there)).toEqual([users.columns[index]?.name]);
    }
  });

  it('distinguishes null from empty', () => {
    const [entity, institutes] = [entityOf(plans, 'institute'), tableOf(plans, 'institute')];
    const there = byTargetKey(entity, institutes, [written(institutes, institute('1', {imageUrl: ''}))]);
    const rows = source(institute('1', {imageUrl: null}));
    expect(diffTable(entity, institutes, rows, there, {newestWins: false}).different).toEqual(['1']);
  });

  it('considers a later row of the target equal if the newest wins', () => {
    const later = written(users, user('1', {last_name: 'edited', updated_at: '2030-01-01 00:00:00'}));
    expect(compare(source(user('1')), [later], true).equal).toEqual(['1']);
    expect(compare(source(user('1')), [later], false).different).toEqual(['1']);
    const earlier = written(users, user('1', {last_name: 'edited', updated_at: '2020-01-01 00:00:00'}));
    expect(compare(source(user('1')), [earlier], true).different).toEqual(['1']);
  });
});

describe('source rows by key', () => {
  it('keep the first of several for one key', () => {
    const entity = entityOf(plans, 'institute_users');
    const [first, second] = [
      membership('1', '2', {status: 'active'}),
      membership('1', '2', {status: 'inactive'}),
    ];
    expect([...bySourceKey(entity, [first, second, membership('1', '3')])]).toEqual([
      ['1:2', first],
      ['1:3', membership('1', '3')],
    ]);
  });
});
