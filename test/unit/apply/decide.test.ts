import {describe, expect, it} from 'vitest';
import {INSERTED, LEFT} from '../../../src/apply/change-set.ts';
import {decide, type Knowledge} from '../../../src/apply/decide.ts';
import {Ownership} from '../../../src/apply/ownership.ts';
import type {RowKey} from '../../../src/mapping/key.ts';
import {perTable} from '../../../src/mapping/plan.ts';
import {
  closed,
  entityOf,
  institute,
  membership,
  plan,
  tableOf,
  user,
  type TargetTable,
} from '../plan-fixture.ts';
import {changeSet, flagged, fresh, type Given as Changed} from './changes-fixture.ts';

type Keys = Partial<Record<TargetTable, readonly RowKey[]>>;

interface Given extends Changed {
  readonly owned?: Keys;
  readonly dead?: Keys;
  readonly options?: Partial<Pick<Knowledge, 'follow' | 'mayDelete'>>;
  readonly enforced?: boolean;
}

async function decided({owned = {}, dead = {}, options = {}, enforced = true, ...changed}: Given) {
  const plans = enforced ? plan() : plan({}, {}, {enforced: []});
  const changes = changeSet(plans, changed);
  const view = await new Ownership('s').view(
    want => {
      for (const entity of plans.entities) for (const key of ['1', '2', '1:2']) want(entity, key);
    },
    () => Promise.resolve(closed([])),
  );
  for (const table of ['institute', 'user', 'institute_users'] as const)
    for (const key of owned[table] ?? []) view.add(entityOf(plans, table), key);
  const work = decide(plans, changes, {
    owned: view,
    dead: perTable(plans, ({target}) => new Set(dead[target as TargetTable] ?? [])),
    follow: true,
    mayDelete: true,
    ...options,
  });
  const of = <T>(lists: readonly T[], table: TargetTable) => lists[tableOf(plans, table).index];
  return {
    upserts: (table: TargetTable) => of(work.upserts, table)?.map(({key}) => key),
    settled: (table: TargetTable) => of(work.settled, table),
    deletes: (table: TargetTable) => work.deletes[entityOf(plans, table).index],
    follow: (table: TargetTable) => work.follow[entityOf(plans, table).index],
    doubtful: (table: TargetTable) => work.doubtful[entityOf(plans, table).index],
    deadLetters: work.deadLetters.map(({table: {target}, ...letter}) => ({table: target, ...letter})),
  };
}

describe('a user that changed', () => {
  it('is the only dead letter if it cannot be written: its user_auth waits with it', async () => {
    const work = await decided({
      user: {1: user('1', {email: 'nonsense'})},
      dead: {user_auth: ['1']},
    });
    expect(work.deadLetters.map(({table}) => table)).toEqual(['user']);
    expect(work.settled('user_auth')).toEqual(['1']);
  });

  it('is written with its user_auth only, if it is owned already', async () => {
    const work = await decided({user: {1: user('1')}, owned: {user: ['1']}});
    expect([work.upserts('user'), work.upserts('user_auth'), work.follow('user')]).toEqual([
      ['1'],
      ['1'],
      [],
    ]);
  });

  it('enters together with its memberships', async () => {
    expect((await decided({user: {1: user('1')}})).follow('user')).toEqual(['1']);
  });

  it('has no memberships if it was just inserted and foreign keys are enforced', async () => {
    expect((await decided({user: {1: fresh(user('1'))}})).follow('user')).toEqual([]);
    expect((await decided({user: {1: fresh(user('1'))}, enforced: false})).follow('user')).toEqual(['1']);
  });

  it('enters with its memberships if it was deleted within the batch', async () => {
    const work = await decided({user: {1: flagged(user('1'), LEFT)}, owned: {user: ['1']}});
    expect(work.follow('user')).toEqual(['1']);
  });

  it('enters with its memberships if it was a dead letter', async () => {
    const work = await decided({user: {1: user('1')}, owned: {user: ['1']}, dead: {user: ['1']}});
    expect(work.follow('user')).toEqual(['1']);
  });

  it('enters alone if the change set has its memberships', async () => {
    const work = await decided({user: {1: user('1')}, options: {follow: false}});
    expect(work.follow('user')).toEqual([]);
  });

  it('is one dead letter, not two, when it cannot be written', async () => {
    const work = await decided({user: {1: user('1', {email: 'nobody'})}});
    expect(work.deadLetters).toMatchObject([{table: 'user', key: '1', code: 'invalid-email', detail: null}]);
    expect(work.upserts('user_auth')).toEqual([]);
  });

  it('stays on the target when its update cannot be written', async () => {
    const work = await decided({user: {1: user('1', {password: ''})}, owned: {user: ['1']}});
    expect(work.deletes('user')).toEqual([]);
  });

  it('is deleted when it leaves the filter or the source, if it is owned', async () => {
    for (const row of [null, user('1', {is_active: '0'}), user('1', {email: null})]) {
      const owned = {user: ['1']};
      expect((await decided({user: {1: row}, owned})).deletes('user')).toEqual(['1']);
      expect((await decided({user: {1: row}})).deletes('user')).toEqual([]);
      const kept = await decided({user: {1: row}, owned, options: {mayDelete: false}});
      expect(kept.deletes('user')).toEqual([]);
    }
  });

  it('is not a dead letter any more once it has left', async () => {
    expect((await decided({user: {1: null}, dead: {user: ['1']}})).settled('user')).toEqual(['1']);
  });

  it('is not a dead letter any more if it has left and is kept', async () => {
    const given = {user: {1: null}, owned: {user: ['1']}, dead: {user: ['1']}};
    const work = await decided({...given, options: {mayDelete: false}});
    expect([work.settled('user'), work.deletes('user')]).toEqual([['1'], []]);
  });
});

describe('a membership that changed', () => {
  const both = {user: ['2'], institute: ['1']};
  const ours = {...both, institute_users: ['1:2']};
  const one = {'1:2': membership('1', '2')};

  it('is written if its parents are present', async () => {
    const work = await decided({institute_users: one, owned: both});
    expect(work.upserts('institute_users')).toEqual(['1:2']);
  });

  it('is written when its parents are in the same batch', async () => {
    const parents = {user: {2: fresh(user('2'))}, institute: {1: fresh(institute('1'))}};
    const work = await decided({institute_users: one, ...parents});
    expect(work.upserts('institute_users')).toEqual(['1:2']);
  });

  it('is ignored without a parent', async () => {
    for (const owned of [{}, {user: ['2']}, {institute: ['1']}]) {
      const work = await decided({institute_users: one, owned});
      expect([work.upserts('institute_users'), work.deletes('institute_users'), work.deadLetters]).toEqual([
        [],
        [],
        [],
      ]);
    }
  });

  it('waits with a parent that is a dead letter, and is not one itself', async () => {
    const work = await decided({
      institute_users: one,
      user: {2: user('2', {email: 'x'})},
      owned: ours,
      dead: {institute_users: ['1:2']},
    });
    expect(work.deadLetters.map(({table}) => table)).toEqual(['user']);
    expect([
      work.upserts('institute_users'),
      work.deletes('institute_users'),
      work.settled('institute_users'),
    ]).toEqual([[], [], ['1:2']]);
    // A parent of an earlier batch, too: the target has an outdated row of it.
    const later = await decided({institute_users: one, owned: both, dead: {user: ['2']}});
    expect([later.upserts('institute_users'), later.deadLetters]).toEqual([[], []]);
  });

  it('is in doubt if the children of its parent are read again', async () => {
    const work = await decided({institute_users: one, user: {2: user('2')}, owned: {institute: ['1']}});
    expect([work.follow('user'), work.upserts('institute_users')]).toEqual([['2'], []]);
    expect(work.doubtful('institute_users')).toEqual(['1:2']);
  });

  it('is in doubt if its parent was inserted although the target has it', async () => {
    const back = {user: {2: flagged(user('2'), INSERTED)}};
    const work = await decided({institute_users: one, ...back, owned: both});
    expect([work.follow('user'), work.doubtful('institute_users')]).toEqual([['2'], ['1:2']]);
  });

  it('is deleted with its source row or its parent, if it is owned', async () => {
    const gone = {'1:2': null};
    expect((await decided({institute_users: gone, owned: ours})).deletes('institute_users')).toEqual(['1:2']);
    const orphan = await decided({institute_users: one, user: {2: null}, owned: ours});
    expect(orphan.deletes('institute_users')).toEqual(['1:2']);
    expect((await decided({institute_users: gone, owned: both})).deletes('institute_users')).toEqual([]);
    const kept = await decided({institute_users: gone, owned: ours, options: {mayDelete: false}});
    expect(kept.deletes('institute_users')).toEqual([]);
  });
});
