import {describe, expect, it} from 'vitest';
import {parseMapping} from '../../../src/mapping/file/read.ts';
import {entitiesOf, parentsFirst} from '../../../src/mapping/topology.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';

interface Entry {
  readonly from?: string;
  readonly where?: object;
  readonly parents?: Readonly<Record<string, string>>;
}

/** Tables with a key `id` and a column `ref` that may refer to a parent. */
function tablesOf(entries: Readonly<Record<string, Entry>>) {
  const tables = Object.fromEntries(
    Object.entries(entries).map(([target, {from = `${target}s`, where = {}, parents = {}}]) => [
      target,
      {from, key: 'id', columns: {id: 'id', ref: 'ref_id'}, where, parents},
    ]),
  );
  return parseMapping(JSON.stringify({version: 1, tables}), 'test').tables;
}

const namesOf = (tables: Parameters<typeof entitiesOf>[0]) =>
  entitiesOf(tables).map(({primary, companions}) => [
    primary.target,
    ...companions.map(({target}) => target),
  ]);

describe('entities', () => {
  it('of LAAS are the institutes, the users with their passwords, and the memberships', () => {
    expect(namesOf(LAAS.tables)).toEqual([['institute'], ['user', 'user_auth'], ['institute_users']]);
  });

  it('include a companion: same source, key and conditions, a child by whole key', () => {
    const both = {from: 'people', where: {active: 1}};
    expect(namesOf(tablesOf({a: both, b: {...both, parents: {a: 'id'}}}))).toEqual([['a', 'b']]);
  });

  it.each<[string, Entry, Entry]>([
    ['another source', {from: 'people'}, {from: 'others', parents: {a: 'id'}}],
    ['other conditions', {from: 'people'}, {from: 'people', where: {active: 1}, parents: {a: 'id'}}],
    ['a reference by another column', {from: 'people'}, {from: 'people', parents: {a: 'ref'}}],
    ['no reference', {from: 'people'}, {from: 'people'}],
  ])('stay separate with %s', (_, a, b) => {
    expect(namesOf(tablesOf({a, b}))).toEqual([['a'], ['b']]);
  });

  it('stay separate if a companion would have a parent that its primary lacks', () => {
    const tables = tablesOf({
      top: {},
      a: {from: 'people'},
      b: {from: 'people', parents: {a: 'id', top: 'ref'}},
    });
    expect(namesOf(tables)).toEqual([['top'], ['a'], ['b']]);
  });
});

describe('the order of tables', () => {
  it('is parents first, through every depth, and otherwise that of the file', () => {
    const tables = tablesOf({
      d: {parents: {c: 'ref'}},
      c: {parents: {b: 'ref', a: 'id'}},
      b: {parents: {a: 'ref'}},
      x: {},
      a: {},
    });
    expect(tables.map(({target}) => target)).toEqual(['a', 'b', 'c', 'd', 'x']);
    expect(parentsFirst(tables)).toEqual(tables);
  });

  it('does not exist if there are cycles, each of which is named', () => {
    const one = (parent: string): Entry => ({parents: {[parent]: 'ref'}});
    const tables = () => tablesOf({a: one('b'), b: one('a'), c: one('d'), d: one('c'), e: one('e')});
    expect(tables).toThrow(/a → b → a[^]*c → d → c[^]*'e' is its own parent/);
  });
});
