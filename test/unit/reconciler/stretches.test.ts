import {describe, expect, it} from 'vitest';
import {segmentsForEach, Stretches} from '../../../reconciler/stretches.ts';
import type {Range} from '../../../src/mapping/sql/ranges.ts';

/** Segments of ten ids, to beyond the last. */
const segments = (count: number): Range[] =>
  Array.from({length: count}, (_, i) => ({
    after: i === 0 ? null : [String(i * 10)],
    to: i === count - 1 ? null : [String((i + 1) * 10)],
  }));

const isWithin = (inner: Range, {after, to}: Range) =>
  Number(inner.after?.[0] ?? 0) >= Number(after?.[0] ?? 0) &&
  Number(inner.to?.[0] ?? Infinity) <= Number(to?.[0] ?? Infinity);

interface Case {
  readonly ranges: readonly Range[];
  readonly differing?: readonly Range[];
  readonly max: number;
  /** The duration of a comparison. */
  readonly ms?: number;
}

/** Walks through all segments; returns the queries, and the segments that differ. */
async function compare({ranges, differing = [], max, ms = 1}: Case) {
  const asked: string[] = [];
  const found: Range[] = [];
  let nowMs = 0;
  const stretches = new Stretches(max, () => nowMs);
  const isEqual = (range: Range) => {
    asked.push(`${range.after?.[0] ?? ''}-${range.to?.[0] ?? ''}`);
    nowMs += ms;
    return Promise.resolve(!differing.some(one => isWithin(one, range)));
  };
  for (const stretch of stretches.of(ranges))
    for await (const segment of stretches.differing(stretch, isEqual)) found.push(segment);
  return {asked, found};
}

describe('segments that are compared as one', () => {
  it('are as many as allowed, after a first one that agrees', async () => {
    expect((await compare({ranges: segments(8), max: 3})).asked).toEqual(['-10', '10-40', '40-70', '70-']);
  });

  it('are as many as a server compares in two seconds', async () => {
    expect((await compare({ranges: segments(8), max: 100, ms: 400})).asked).toEqual(['-10', '10-60', '60-']);
    expect((await compare({ranges: segments(3), max: 100, ms: 5000})).asked).toEqual(['-10', '10-20', '20-']);
  });

  it('are compared one by one if their stretch differs, as is the one after it', async () => {
    const ranges = segments(9);
    const {asked, found} = await compare({ranges, differing: [ranges[2] ?? {after: null, to: null}], max: 2});
    expect(found).toEqual([ranges[2]]);
    expect(asked).toEqual(['-10', '10-30', '10-20', '20-30', '30-40', '40-60', '60-80', '80-']);
  });

  it('are each found alone, whichever differ and however long the stretches are', async () => {
    for (let max = 1; max <= 5; max++) {
      for (let bits = 0; bits < 1 << 7; bits++) {
        const ranges = segments(7);
        const differing = ranges.filter((_, i) => ((bits >> i) & 1) === 1);
        expect((await compare({ranges, differing, max})).found).toEqual(differing);
      }
    }
  });

  it('are not compared twice if they are alone', async () => {
    const ranges = segments(3);
    expect((await compare({ranges, differing: ranges, max: 4})).asked).toEqual(['-10', '10-20', '20-']);
  });
});

it('there is a stretch for each worker after its first segment', () => {
  const rows = [0, 1, 65_536, 200_000, 500_000];
  expect(rows.map(count => segmentsForEach(2, count))).toEqual([1, 1, 1, 1, 3]);
});
