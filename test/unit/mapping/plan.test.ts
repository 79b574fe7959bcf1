import {describe, expect, it} from 'vitest';
import {SyncError} from '../../../src/errors.ts';
import {buildPlan} from '../../../src/mapping/plan.ts';
import type {ColumnSchema} from '../../../src/mapping/schema.ts';
import {judge, keyOf, mapRow, splitPair} from '../../../src/mapping/row.ts';
import {sourceSelectList} from '../../../src/mapping/sql.ts';
import {
  column,
  institute,
  membership,
  plan,
  sourceSchema,
  table,
  targetSchema,
  user,
} from '../plan-fixture.ts';

function faultOf(make: () => unknown): SyncError {
  try {
    make();
  } catch (error) {
    if (error instanceof SyncError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const without = (schema: ReturnType<typeof sourceSchema>['users'], ...names: string[]) =>
  table(schema.uniqueKeys, ...schema.columns.filter(({name}) => !names.includes(name)));

describe('a plan', () => {
  it('names every mapped column that the source lacks', () => {
    const users = without(sourceSchema().users, 'email', 'is_active');
    const fault = faultOf(() => plan({users}));
    expect(fault).toMatchObject({code: 'schema-incompatible', reaction: 'halt'});
    expect(fault.message).toBe('the source table users lacks the column email, is_active');
  });

  it('names every mapped column of a type that cannot be mapped', () => {
    const users = table(
      [['id']],
      ...sourceSchema().users.columns.map(known => {
        if (known.name === 'email') return column('email', 'json');
        return known.name === 'created_at' ? column('created_at', 'varchar') : known;
      }),
    );
    expect(faultOf(() => plan({users})).message).toMatch(
      /type that cannot be mapped in the column email \(json\), created_at \(varchar\); on the source: ALTER TABLE `users` MODIFY `email` VARCHAR\(255\) NULL; ALTER TABLE `users` MODIFY `created_at` DATETIME\(6\) NULL;$/,
    );
  });

  it('names every fault of the target at once', () => {
    const target = targetSchema();
    const fault = faultOf(() =>
      plan(
        {},
        {user: table([['email']], ...target.user.columns), institute: without(target.institute, 'imageUrl')},
      ),
    );
    expect(fault).toMatchObject({code: 'target-incompatible', reaction: 'halt'});
    expect(fault.message).toBe(
      'the target table institute lacks the column imageUrl; the target table user has no unique key on (userId)',
    );
  });

  it('takes a target with a surrogate key and columns of its own, in another case', () => {
    const {columns} = targetSchema().institute_users;
    const institute_users = table(
      [['id'], ['userid', 'INSTITUTEID']],
      column('id', 'bigint'),
      column('note', 'text'),
      ...columns,
    );
    const {tables} = plan({}, {institute_users});
    expect(tables.institute_users.keyIndexes).toEqual([0, 1]);
  });

  it('reads an absent optional column as null, BIT as a number, and ids without the zeros of ZEROFILL', () => {
    const users = table(
      [['id']],
      ...sourceSchema().users.columns.map(known => {
        if (known.name === 'id') return column('id', 'bigint', {definition: 'bigint(9) unsigned zerofill'});
        return known.name === 'is_active' ? column('is_active', 'bit') : known;
      }),
    );
    const {sources} = plan({users});
    expect(sourceSelectList(sources.institute_user)).toMatch(/, NULL$/);
    expect(sourceSelectList(sources.users)).toMatch(/^s\.`id` \+ 0, .* s\.`is_active` \+ 0,/);
    expect(sourceSelectList(plan().sources.users)).not.toContain('+');
  });

  it('knows whether pairs may repeat', () => {
    expect(plan().pairsRepeat).toBe(false);
    const {columns} = sourceSchema().institute_user;
    expect(plan({institute_user: table([['id']], column('id', 'bigint'), ...columns)}).pairsRepeat).toBe(
      true,
    );
    expect(
      plan({institute_user: table([['institute_id', 'user_id', 'user_type']], ...columns)}).pairsRepeat,
    ).toBe(true);
    expect(plan({institute_user: table([['user_id']], ...columns)}).pairsRepeat).toBe(false);
  });

  it('looks only at the values that could be refused, by what both columns hold', () => {
    const looksAtName = (name: Partial<ColumnSchema>, target: Partial<ColumnSchema>) => {
      const columns = sourceSchema().users.columns.map(known =>
        known.name.endsWith('_name') ? {...known, ...name} : known,
      );
      const wanted = targetSchema().user.columns.map(known =>
        known.name === 'name' ? {...known, ...target} : known,
      );
      const {fallible} = plan({users: table([['id']], ...columns)}, {user: table([['userId']], ...wanted)})
        .tables.user;
      return fallible.map(({name: of}) => of);
    };
    const always = ['userId', 'email', 'password'];
    expect(looksAtName({maxLength: 60}, {maxLength: 121})).toEqual(always);
    for (const [source, target] of [
      [{maxLength: 60}, {maxLength: 120}],
      [{type: 'text', maxLength: 60}, {maxLength: 121}],
      [{maxLength: 60}, {type: 'text', maxLength: 121}],
      [{maxLength: null}, {maxLength: 121}],
    ] as const)
      expect(looksAtName(source, target)).toEqual(['userId', 'name', 'email', 'password']);
    const {institute_users: membership} = plan().tables;
    expect(membership.fallible.map(({name}) => name)).toEqual(['instituteId', 'userId']);
  });

  it('rounds only where the source has more digits than the target', () => {
    const isRounded = (fraction: number) => {
      const columns = sourceSchema().users.columns.map(known =>
        known.name.endsWith('_at') ? {...known, fraction} : known,
      );
      return buildPlan(
        sourceSchema({users: table([['id']], ...columns)}),
        targetSchema(),
      ).tables.user.columns.some(({rounds}) => rounds);
    };
    expect([0, 3, 4, 6].map(isRounded)).toEqual([false, false, true, true]);
  });
});

describe('mapping a row', () => {
  const {tables} = plan();

  it('writes an institute', () => {
    expect(judge(tables.institute, institute('7'))).toEqual({tag: 'row', key: '7'});
    expect(mapRow(tables.institute, institute('7', {imageUrl: 'http://x'}))).toEqual([
      '7',
      'School 7',
      'http://x',
      '2024-01-02 03:04:05.000',
      '2024-02-03 04:05:06.000',
    ]);
    expect(judge(tables.institute, institute('7', {name: null}))).toEqual({tag: 'ineligible', key: '7'});
    expect(judge(tables.institute, institute('7', {name: ''})).tag).toBe('row');
  });

  it('writes one user as user and user_auth', () => {
    const date = expect.any(String) as string;
    expect(mapRow(tables.user, user('9'))).toEqual(['9', 'Ada L', 'u9@x.org', '$2b$', date, date]);
    expect(mapRow(tables.user_auth, user('9'))).toEqual(['9', '$2b$', date, date]);
  });

  it('writes a membership under both its ids', () => {
    const date = expect.any(String) as string;
    expect(judge(tables.institute_users, membership('1', '2'))).toEqual({tag: 'row', key: '1:2'});
    expect(mapRow(tables.institute_users, membership('1', '2'))).toEqual([
      '1',
      '2',
      'FACULTY',
      '1',
      date,
      date,
    ]);
    expect(judge(tables.institute_users, membership('1', '2', {user_id: null}))).toEqual({
      tag: 'ineligible',
      key: '',
    });
  });
});

describe('keys', () => {
  it('are ids of up to 64 bits', () => {
    expect(keyOf(['18446744073709551615'], [0])).toBe('18446744073709551615');
    expect(keyOf(['-5', '7'], [1, 0])).toBe('7:-5');
    for (const value of [null, '', '1.5', '1e3', "1'", '999999999999999999999'])
      expect(keyOf([value], [0])).toBeNull();
    expect(splitPair('7:-5')).toEqual({instituteId: '7', userId: '-5'});
  });
});
