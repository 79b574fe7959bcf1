import {describe, expect, it} from 'vitest';
import {
  asFound,
  EMPTY_CHANGE_SET,
  perTable,
  type ChangeSet,
  type ParentChange,
} from '../../../src/apply/change-set.ts';
import {decide, type Knowledge, type Work} from '../../../src/apply/decide.ts';
import {
  Ownership,
  ownedInstitute,
  ownedMembership,
  ownedUser,
  type OwnedKey,
} from '../../../src/apply/ownership.ts';
import type {TargetTable} from '../../../src/mapping/tables.ts';
import type {Row} from '../../../src/mapping/values.ts';
import {closed, institute, membership, plan, user} from '../plan-fixture.ts';

interface Given {
  readonly users?: Readonly<Record<string, ParentChange>>;
  readonly institutes?: Readonly<Record<string, ParentChange>>;
  readonly memberships?: Readonly<Record<string, Row | null>>;
  readonly owned?: readonly OwnedKey[];
  readonly dead?: Partial<Record<TargetTable, readonly string[]>>;
  readonly options?: Partial<Pick<Knowledge, 'follow' | 'mayDelete'>>;
  readonly enforced?: boolean;
}

async function decided({
  users = {},
  institutes = {},
  memberships = {},
  owned = [],
  dead = {},
  options = {},
  enforced = true,
}: Given): Promise<Work> {
  const changes: ChangeSet = {
    ...EMPTY_CHANGE_SET,
    users: new Map(Object.entries(users)),
    institutes: new Map(Object.entries(institutes)),
    memberships: new Map(Object.entries(memberships)),
  };
  const pairs = Object.keys(memberships).map(key => key.split(':'));
  const asked = [
    ...Object.keys(users).map(ownedUser),
    ...Object.keys(institutes).map(ownedInstitute),
    ...pairs.flatMap(([i = '', u = '']) => [ownedInstitute(i), ownedUser(u), ownedMembership(i, u)]),
  ];
  const view = await new Ownership('s').view(asked, () => Promise.resolve(closed([])));
  for (const key of owned) view.add(key);
  return decide(plan({parentsEnforced: {users: enforced, institutes: enforced}}), changes, {
    owned: view,
    dead: perTable(table => new Set(dead[table] ?? [])),
    follow: true,
    mayDelete: true,
    ...options,
  });
}

const keys = (rows: readonly {key: string}[]) => rows.map(({key}) => key);
const fresh = (row: Row): ParentChange => ({...asFound(row), fresh: true});

describe('a user that changed', () => {
  it('is written with its user_auth, and no more where it is ours already', async () => {
    const work = await decided({users: {1: asFound(user('1'))}, owned: [ownedUser('1')]});
    expect([keys(work.upserts.user), keys(work.upserts.user_auth), work.followUsers]).toEqual([
      ['1'],
      ['1'],
      [],
    ]);
  });

  it('brings its memberships along when it enters', async () => {
    expect((await decided({users: {1: asFound(user('1'))}})).followUsers).toEqual(['1']);
  });

  it('cannot have any when it was just inserted and foreign keys are enforced', async () => {
    expect((await decided({users: {1: fresh(user('1'))}})).followUsers).toEqual([]);
    expect((await decided({users: {1: fresh(user('1'))}, enforced: false})).followUsers).toEqual(['1']);
  });

  it('brings them along when it had been gone for a while', async () => {
    const change = {...asFound(user('1')), left: true};
    expect((await decided({users: {1: change}, owned: [ownedUser('1')]})).followUsers).toEqual(['1']);
  });

  it('brings them along when it was a dead letter', async () => {
    const work = await decided({
      users: {1: asFound(user('1'))},
      owned: [ownedUser('1')],
      dead: {user: ['1']},
    });
    expect(work.followUsers).toEqual(['1']);
  });

  it('does not where the change set holds them', async () => {
    expect((await decided({users: {1: asFound(user('1'))}, options: {follow: false}})).followUsers).toEqual(
      [],
    );
  });

  it('is one dead letter, not two, when it cannot be written', async () => {
    const work = await decided({users: {1: asFound(user('1', {email: 'nobody'}))}});
    expect(work.deadLetters).toEqual([{table: 'user', key: '1', code: 'invalid-email', detail: null}]);
    expect(keys(work.upserts.user_auth)).toEqual([]);
  });

  it('stays on the target when its update cannot be written', async () => {
    const work = await decided({users: {1: asFound(user('1', {password: ''}))}, owned: [ownedUser('1')]});
    expect(work.deletes.user).toEqual([]);
  });

  it('is deleted when it leaves the filter or the source, if it is ours', async () => {
    for (const row of [null, user('1', {is_active: '0'}), user('1', {email: null})]) {
      expect((await decided({users: {1: asFound(row)}, owned: [ownedUser('1')]})).deletes.user).toEqual([
        '1',
      ]);
      expect((await decided({users: {1: asFound(row)}})).deletes.user).toEqual([]);
      expect(
        (await decided({users: {1: asFound(row)}, owned: [ownedUser('1')], options: {mayDelete: false}}))
          .deletes.user,
      ).toEqual([]);
    }
  });

  it('is no dead letter any more once it left', async () => {
    expect((await decided({users: {1: asFound(null)}, dead: {user: ['1']}})).settled.user).toEqual(['1']);
  });
});

describe('a membership that changed', () => {
  const both = [ownedUser('2'), ownedInstitute('1')];
  const one = {'1:2': membership('1', '2')};

  it('is written between parents that are there', async () => {
    expect(keys((await decided({memberships: one, owned: both})).upserts.institute_users)).toEqual(['1:2']);
  });

  it('is written when its parents are in the same batch', async () => {
    const work = await decided({
      memberships: one,
      users: {2: fresh(user('2'))},
      institutes: {1: fresh(institute('1'))},
    });
    expect(keys(work.upserts.institute_users)).toEqual(['1:2']);
  });

  it('is passed over without a parent', async () => {
    for (const owned of [[], [ownedUser('2')], [ownedInstitute('1')]]) {
      const work = await decided({memberships: one, owned});
      expect([keys(work.upserts.institute_users), work.deletes.institute_users, work.deadLetters]).toEqual([
        [],
        [],
        [],
      ]);
    }
  });

  it('waits with a parent that is a dead letter, and is none itself', async () => {
    const work = await decided({
      memberships: one,
      users: {2: asFound(user('2', {email: 'x'}))},
      owned: [...both, ownedMembership('1', '2')],
      dead: {institute_users: ['1:2']},
    });
    expect(work.deadLetters.map(({table}) => table)).toEqual(['user']);
    expect([
      keys(work.upserts.institute_users),
      work.deletes.institute_users,
      work.settled.institute_users,
    ]).toEqual([[], [], ['1:2']]);
    // A parent of an earlier batch, too: what the target has of it is not what the source says now.
    const later = await decided({memberships: one, owned: both, dead: {user: ['2']}});
    expect([keys(later.upserts.institute_users), later.deadLetters]).toEqual([[], []]);
  });

  it('is left to those who read its parent’s anew', async () => {
    const work = await decided({
      memberships: one,
      users: {2: asFound(user('2'))},
      owned: [ownedInstitute('1')],
    });
    expect([work.followUsers, keys(work.upserts.institute_users)]).toEqual([['2'], []]);
  });

  it('is deleted when it is gone or its parent leaves, if it is ours', async () => {
    const owned = [...both, ownedMembership('1', '2')];
    expect((await decided({memberships: {'1:2': null}, owned})).deletes.institute_users).toEqual(['1:2']);
    expect(
      (await decided({memberships: one, users: {2: asFound(null)}, owned})).deletes.institute_users,
    ).toEqual(['1:2']);
    expect((await decided({memberships: {'1:2': null}, owned: both})).deletes.institute_users).toEqual([]);
    expect(
      (await decided({memberships: {'1:2': null}, owned, options: {mayDelete: false}})).deletes
        .institute_users,
    ).toEqual([]);
  });
});
