import {expect, it} from 'vitest';
import {withoutKey} from '../../../src/doctor/cluster-keys.ts';

const key = (table: string, name: string, column = 'a', prefix = '', nullable = '') => [
  table,
  name,
  column,
  prefix,
  nullable,
];

it.each([
  ['a primary key', [key('t', 'PRIMARY')], []],
  ['a unique key that cannot be NULL', [key('t', 'u', 'a'), key('t', 'u', 'b')], []],
  ['no unique key', [], ['t']],
  ['a unique key with a part that may be NULL', [key('t', 'u'), key('t', 'u', 'b', '', 'YES')], ['t']],
  ['a unique key over a prefix', [key('t', 'u', 'a', '10')], ['t']],
  ['a unique key over an expression', [key('t', 'u', '')], ['t']],
  ['an unfit key and a fit one', [key('t', 'v', 'a', '', 'YES'), key('t', 'w', 'b')], []],
  ['a key of another table', [key('other', 'PRIMARY')], ['t']],
])('a table with %s', (_, parts, lacking) => {
  expect(withoutKey(['t'], parts)).toEqual(lacking);
});
