import {describe, expect, it} from 'vitest';
import {IdSet} from '../../../src/apply/id-set.ts';

function of(numbers: Iterable<number>): IdSet {
  const set = new IdSet();
  for (const number of numbers) set.add(number);
  return set;
}
const range = (from: number, to: number, step = 1) =>
  Array.from({length: Math.ceil((to - from) / step)}, (_, i) => from + i * step);

describe('a set of ids', () => {
  it('has the numbers that were added, each once', () => {
    const set = of([5, 0, 65_535, 5, 3]);
    expect(set.size).toBe(4);
    expect([...set.values()]).toEqual([0, 3, 5, 65_535]);
    expect([set.has(3), set.has(4), set.has(65_535), set.has(65_534)]).toEqual([true, false, true, false]);
    set.delete(3);
    set.delete(4);
    expect([...set.values()]).toEqual([0, 5, 65_535]);
  });

  it('is the same when it grows from an array to a bitmap', () => {
    const numbers = range(0, 65_536, 7);
    const set = of(numbers.toReversed());
    expect(set.size).toBe(numbers.length);
    expect([...set.values()]).toEqual(numbers);
    set.delete(7);
    expect([set.has(7), set.has(14), set.size]).toEqual([false, true, numbers.length - 1]);
  });

  it.each([
    ['empty', [], 1],
    ['one', [9], 3],
    ['sparse', [1, 500, 65_535], 7],
    ['full', range(0, 65_536), 5],
    ['two runs', [...range(10, 5000), ...range(6000, 9000)], 9],
    ['a small bitmap', range(0, 10_000, 2), 8193],
    ['an array at its limit', range(0, 8192, 2), 8193],
  ])('%s is stored in its smallest form and read back', (_, numbers, bytes) => {
    const stored = of(numbers).encode();
    expect(stored.length).toBe(bytes);
    const read = IdSet.decode(stored);
    expect([...read.values()]).toEqual(numbers);
    expect(read.size).toBe(numbers.length);
    expect(read.encode()).toEqual(stored);
  });

  it('fits its column, whatever its numbers', () => {
    expect(of(range(0, 65_536, 2)).encode().length).toBeLessThanOrEqual(8200);
  });

  it.each([
    Buffer.alloc(0),
    Buffer.from([9]),
    Buffer.from([1, 0]),
    Buffer.from([2, 0]),
    Buffer.from([3, 0, 0]),
  ])('refuses bytes that it did not write (%#)', bytes => {
    expect(() => IdSet.decode(bytes)).toThrow(RangeError);
  });

  it('is cloned into an independent set', () => {
    for (const numbers of [[1, 2], range(0, 20_000, 3)]) {
      const set = of(numbers);
      const copy = set.clone();
      copy.add(65_000);
      copy.delete(numbers[0] ?? 0);
      expect([...set.values()]).toEqual(numbers);
      expect([copy.has(65_000), copy.has(numbers[0] ?? 0), copy.size]).toEqual([true, false, numbers.length]);
    }
  });
});
