import {describe, expect, it} from 'vitest';
import {settleConflicts} from '../../../src/apply/unique.ts';

const settled = (wanted: Record<string, string>, held: Record<string, string>) =>
  Object.fromEntries(settleConflicts(new Map(Object.entries(wanted)), new Map(Object.entries(held))));

describe('unique values', () => {
  it('that nobody holds are free', () => {
    expect(settled({1: 'a', 2: 'b'}, {})).toEqual({});
  });

  it('may be swapped, and passed on in a ring', () => {
    expect(settled({1: 'b', 2: 'a'}, {1: 'a', 2: 'b'})).toEqual({});
    expect(settled({1: 'b', 2: 'c', 3: 'a'}, {1: 'a', 2: 'b', 3: 'c'})).toEqual({});
  });

  it('may be taken over from a row that gives them up', () => {
    expect(settled({1: 'new', 2: 'a'}, {1: 'a'})).toEqual({});
  });

  it('stay with a row that is not in the batch', () => {
    expect(settled({1: 'a'}, {9: 'a'})).toEqual({1: '9'});
  });

  it('stay with the row that holds them already, else go to the first', () => {
    expect(settled({1: 'a', 2: 'a'}, {2: 'a'})).toEqual({1: '2'});
    expect(settled({1: 'a', 2: 'a'}, {})).toEqual({2: '1'});
  });

  it('of a row that cannot be written stay where they are, for all who wanted them', () => {
    expect(settled({1: 'x', 2: 'a', 3: 'b'}, {1: 'a', 2: 'b', 9: 'x'})).toEqual({1: '9', 2: '1', 3: '2'});
  });

  it('cost as few rows as possible', () => {
    expect(settled({1: 'x', 2: 'b', 3: 'a'}, {1: 'a', 3: 'c', 9: 'x'})).toEqual({1: '9', 3: '1'});
  });

  it('of a row that wants none are not freed for others by it', () => {
    expect(Object.fromEntries(settleConflicts(new Map([['2', 'a']]), new Map([['1', 'a']])))).toEqual({
      2: '1',
    });
  });

  it('go round in a ring though another row wants one of them too', () => {
    expect(settled({1: 'a', 2: 'g', 3: 'a'}, {2: 'a', 3: 'g'})).toEqual({1: '3'});
  });
});
