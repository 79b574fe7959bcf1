import {describe, expect, it} from 'vitest';
import type {RowChange} from '../../../replicator/events.ts';
import {Compactor} from '../../../replicator/transaction/compact.ts';
import {FRESH, LEFT, REREAD, type EntityChanges} from '../../../src/apply/change-set.ts';
import {parseMapping} from '../../../src/mapping/file/read.ts';
import {parentJoins} from '../../../src/mapping/mapping.ts';
import {buildPlan, type Plan} from '../../../src/mapping/plan.ts';
import type {Row} from '../../../src/mapping/values.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';
import {
  column,
  entityOf,
  institute,
  membership,
  plan,
  sourceSchema,
  sourceTable,
  table,
  targetSchema,
  unpacked,
  user,
  type SourceTable,
  type TargetTable,
} from '../plan-fixture.ts';

const change = (
  name: SourceTable,
  before: Row | null,
  after: Row | null,
  extra: Partial<RowChange> = {},
): RowChange => ({table: name, before, after, partial: false, unchecked: false, ...extra});
const users = (before: Row | null, after: Row | null, extra: Partial<RowChange> = {}) =>
  change('users', before, after, extra);
const pair = (before: Row | null, after: Row | null, extra: Partial<RowChange> = {}) =>
  change('institute_user', before, after, extra);
const unchecked = {unchecked: true};

interface State {
  readonly row: unknown;
  readonly left: boolean;
  readonly fresh: boolean;
  readonly reread: boolean;
}
function statesOf(changes: EntityChanges): Map<string, State> {
  const states = new Map<string, State>();
  changes.forEach((row, key, flags) =>
    states.set(key, {
      row,
      left: (flags & LEFT) !== 0,
      fresh: (flags & FRESH) !== 0,
      reread: (flags & REREAD) !== 0,
    }),
  );
  return states;
}
function compacted(
  changes: readonly RowChange[],
  target: TargetTable = 'user',
  plans: Plan = plan(),
  trustsChecks = true,
) {
  const compactor = new Compactor(plans, trustsChecks);
  for (const one of changes) compactor.add(one);
  return statesOf(compactor.changes().of(entityOf(plans, target)));
}
const key = (id: string) => user(id, {first_name: null, last_name: null});

describe('a user’s changes', () => {
  it('become its last state', () => {
    const [a, b, c] = [user('1'), user('1', {email: 'b@b'}), user('1', {email: 'c@c'})];
    expect(compacted([users(null, a), users(a, b), users(b, c)]).get('1')).toEqual({
      row: c,
      left: false,
      fresh: true,
      reread: false,
    });
  });

  it('end in a delete when it was deleted', () => {
    expect(compacted([users(null, user('1')), users(key('1'), null)]).get('1')).toMatchObject({
      row: null,
      left: true,
    });
  });

  it('remember that it was deleted in between', () => {
    const changes = compacted([users(key('1'), null), users(null, user('1'))]);
    expect(changes.get('1')).toMatchObject({row: user('1'), left: true, fresh: false});
  });

  it('remember that it was inserted twice: it was deleted in between', () => {
    const changes = compacted([users(null, user('1')), users(null, user('1'))]);
    expect(changes.get('1')).toMatchObject({row: user('1'), left: true});
    expect(compacted([users(key('1'), user('1')), users(null, user('1'))]).get('1')).toMatchObject({
      left: true,
    });
  });

  it('that move its key are a delete and an insert', () => {
    const changes = compacted([users(key('1'), user('2'))]);
    expect(changes.get('1')).toMatchObject({row: null, left: true});
    expect(changes.get('2')).toMatchObject({row: user('2'), left: true, fresh: false});
  });

  it('can move two keys past each other', () => {
    const plans = plan();
    const compactor = new Compactor(plans);
    for (const one of [users(key('1'), user('3')), users(key('2'), user('1')), users(key('3'), user('2'))])
      compactor.add(one);
    const found: [string, unknown][] = [];
    compactor
      .changes()
      .of(entityOf(plans, 'user'))
      .forEach((row, id) => found.push([id, unpacked('users', row)]));
    expect(found).toEqual([
      ['1', user('1')],
      ['3', null],
      ['2', user('2')],
    ]);
  });

  it('are read again only if the last image is incomplete', () => {
    const partial = {partial: true};
    expect(compacted([users(key('1'), user('1'), partial)]).get('1')).toMatchObject({reread: true});
    expect(
      compacted([users(key('1'), user('1'), partial), users(key('1'), user('1'))]).get('1'),
    ).toMatchObject({reread: false});
  });
});

describe('a row is known to have no older children', () => {
  it('unless a session left out the checks for either end of a reference', () => {
    expect(compacted([users(null, user('1'))]).get('1')).toMatchObject({fresh: true});
    expect(compacted([users(null, user('1'), unchecked)]).get('1')).toMatchObject({fresh: false});
    for (const earlier of [
      pair(null, membership('1', '2'), unchecked),
      users(key('9'), null, unchecked),
      change('institutes', institute('9'), null, unchecked),
    ])
      expect(compacted([earlier, users(null, user('1'))]).get('1')).toMatchObject({fresh: false});
    expect(compacted([users(null, user('1')), users(null, user('2'), unchecked)]).get('1')).toMatchObject({
      fresh: true,
    });
  });

  it('unless an earlier batch had such rows', () => {
    expect(compacted([users(null, user('1'))], 'user', plan(), false).get('1')).toMatchObject({fresh: false});
    const sees = (one: RowChange, plans = plan()) => {
      const compactor = new Compactor(plans);
      compactor.add(one);
      return compactor.sawUnchecked;
    };
    expect(sees(users(null, user('1')))).toBe(false);
    expect(sees(users(null, user('1'), unchecked))).toBe(true);
    expect(sees(pair(membership('1', '2'), null, unchecked))).toBe(true);
  });

  it('whatever is done without the checks to a table whose foreign keys prove nothing', () => {
    const enforced = parentJoins(LAAS).filter(({parent}) => parent === 'users');
    const plans = plan({}, {}, {enforced});
    const deleted = change('institutes', institute('9'), null, unchecked);
    expect(compacted([deleted, users(null, user('1'))], 'user', plans).get('1')).toMatchObject({fresh: true});
    const inserted = pair(null, membership('1', '2'), unchecked);
    expect(compacted([inserted, users(null, user('1'))], 'user', plans).get('1')).toMatchObject({
      fresh: false,
    });
  });
});

describe('a membership’s changes', () => {
  const repeating = plan({
    institute_user: table([['id']], column('id', 'bigint'), ...sourceTable('institute_user').columns),
  });
  const memberships = (changes: readonly RowChange[], plans?: Plan) =>
    compacted(changes, 'institute_users', plans);
  const toRead = (changes: readonly RowChange[], plans?: Plan) =>
    [...memberships(changes, plans)].filter(([, {reread}]) => reread).map(([id]) => id);

  it('become its last state, or none', () => {
    const last = membership('1', '2', {user_type: 'ADMIN'});
    expect(
      memberships([pair(null, membership('1', '2')), pair(membership('1', '2'), last)]).get('1:2')?.row,
    ).toBe(last);
    expect(memberships([pair(null, last), pair(last, null)]).get('1:2')?.row).toBeNull();
  });

  it('that move it delete it under its old key', () => {
    const moved = [pair(membership('1', '2'), membership('1', '3'))];
    expect([memberships(moved).get('1:2')?.row, memberships(moved).get('1:3')?.row]).toEqual([
      null,
      membership('1', '3'),
    ]);
    expect(toRead(moved)).toEqual([]);
  });

  it('are read if a pair may repeat', () => {
    expect(toRead([pair(membership('1', '2'), membership('1', '3'))], repeating)).toEqual(['1:2', '1:3']);
  });

  it('are read if the last image is incomplete', () => {
    const partial = pair(null, membership('1', '2'), {partial: true});
    expect(toRead([partial])).toEqual(['1:2']);
    expect(toRead([partial, pair(membership('1', '2'), null)])).toEqual([]);
  });
});

it('a row that becomes rows of two tables is a change of both, by its own keys', () => {
  const twice = parseMapping(
    `version: 1
tables:
  person: {from: people, key: id, columns: {id: id, name: name}}
  contact: {from: people, key: mail, columns: {mail: email}}
`,
    'twice.yaml',
  );
  const people = table(
    [['id'], ['email']],
    column('id', 'bigint'),
    column('name', 'varchar'),
    column('email', 'varchar'),
  );
  const plans = buildPlan(
    twice,
    sourceSchema({people}, {enforced: []}),
    targetSchema({
      person: table([['id']], column('id', 'bigint'), column('name', 'varchar')),
      contact: table([['mail']], column('mail', 'varchar')),
    }),
  );
  const [source] = plans.sources;
  const row = (values: Record<string, string>) => source?.columns.map(name => values[name] ?? null) ?? [];
  const compactor = new Compactor(plans);
  const after = row({id: '1', name: 'Ada', email: 'b@x'});
  compactor.add({
    table: 'people',
    before: row({id: '1', email: 'a@x'}),
    after,
    partial: false,
    unchecked: false,
  });
  const keys = plans.entities.map(entity =>
    [...statesOf(compactor.changes().of(entity))].map(([id, {row: last}]) => [entity.name, id, last]),
  );
  expect(keys.flat()).toEqual([
    ['person', '1', after],
    ['contact', 'a@x', null],
    ['contact', 'b@x', after],
  ]);
});
