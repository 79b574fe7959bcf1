import {describe, expect, it} from 'vitest';
import type {RowChange} from '../../../replicator/events.ts';
import {Compactor} from '../../../replicator/transaction/compact.ts';
import type {SourceTable} from '../../../src/mapping/tables.ts';
import type {Row} from '../../../src/mapping/values.ts';
import {column, membership, plan, sourceSchema, table, unpacked, user} from '../plan-fixture.ts';

const change = (
  name: SourceTable,
  before: Row | null,
  after: Row | null,
  extra: Partial<RowChange> = {},
): RowChange => ({table: name, before, after, partial: false, unchecked: false, ...extra});
const users = (before: Row | null, after: Row | null, extra: Partial<RowChange> = {}) =>
  change('users', before, after, extra);

function compacted(changes: readonly RowChange[], plans = plan()) {
  const compactor = new Compactor(plans);
  for (const one of changes) compactor.add(one);
  return compactor.changes();
}
const key = (id: string) => user(id, {first_name: null, last_name: null});

describe('a user’s changes', () => {
  it('become its last state', () => {
    const [a, b, c] = [user('1'), user('1', {email: 'b@b'}), user('1', {email: 'c@c'})];
    expect(compacted([users(null, a), users(a, b), users(b, c)]).users.get('1')).toEqual({
      row: c,
      left: false,
      fresh: true,
      reread: false,
    });
  });

  it('end in nothing when it was deleted', () => {
    expect(compacted([users(null, user('1')), users(key('1'), null)]).users.get('1')).toMatchObject({
      row: null,
      left: true,
    });
  });

  it('remember that it was gone in between', () => {
    const {users: parents} = compacted([users(key('1'), null), users(null, user('1'))]);
    expect(parents.get('1')).toMatchObject({row: user('1'), left: true, fresh: false});
  });

  it('that move its key are a delete and an insert', () => {
    const {users: parents} = compacted([users(key('1'), user('2'))]);
    expect(parents.get('1')).toMatchObject({row: null, left: true});
    expect(parents.get('2')).toMatchObject({row: user('2'), left: true, fresh: false});
  });

  it('can move two keys past each other', () => {
    const {users: parents} = compacted([
      users(key('1'), user('3')),
      users(key('2'), user('1')),
      users(key('3'), user('2')),
    ]);
    expect([...parents].map(([id, {row}]) => [id, unpacked('users', row)?.[0] ?? null])).toEqual([
      ['1', '1'],
      ['3', null],
      ['2', '2'],
    ]);
  });

  it('are not fresh where foreign keys went unchecked', () => {
    expect(compacted([users(null, user('1'), {unchecked: true})]).users.get('1')).toMatchObject({
      fresh: false,
    });
  });

  it('are read anew where the last image is not whole, and only then', () => {
    const partial = {partial: true};
    expect(compacted([users(key('1'), user('1'), partial)]).users.get('1')).toMatchObject({reread: true});
    expect(
      compacted([users(key('1'), user('1'), partial), users(key('1'), user('1'))]).users.get('1'),
    ).toMatchObject({reread: false});
  });
});

describe('a membership’s changes', () => {
  const repeating = plan({
    institute_user: table([['id']], column('id', 'bigint'), ...sourceSchema().institute_user.columns),
  });
  const pair = (before: Row | null, after: Row | null, extra: Partial<RowChange> = {}) =>
    change('institute_user', before, after, extra);

  it('become its last state, or none', () => {
    const last = membership('1', '2', {user_type: 'ADMIN'});
    expect(
      compacted([pair(null, membership('1', '2')), pair(membership('1', '2'), last)]).memberships.get('1:2'),
    ).toBe(last);
    expect(compacted([pair(null, last), pair(last, null)]).memberships.get('1:2')).toBeNull();
  });

  it('that move it leave nothing where it was', () => {
    const {memberships, pairsToRead} = compacted([pair(membership('1', '2'), membership('1', '3'))]);
    expect([memberships.get('1:2'), memberships.get('1:3')]).toEqual([null, membership('1', '3')]);
    expect(pairsToRead.size).toBe(0);
  });

  it('are looked up where a pair may repeat', () => {
    const {pairsToRead} = compacted([pair(membership('1', '2'), membership('1', '3'))], repeating);
    expect([...pairsToRead]).toEqual(['1:2', '1:3']);
  });

  it('are looked up where the last image is not whole', () => {
    expect([...compacted([pair(null, membership('1', '2'), {partial: true})]).pairsToRead]).toEqual(['1:2']);
    expect([
      ...compacted([pair(null, membership('1', '2'), {partial: true}), pair(membership('1', '2'), null)])
        .pairsToRead,
    ]).toEqual([]);
  });
});
