/** Bytes that wait in reused buffers: none are overwritten before they are released. */
import {fc} from '../../helpers/draws.ts';
import {expect, it} from 'vitest';
import {Slabs, type Slab} from '../../../replicator/decode/slabs.ts';

const size = fc.oneof(
  {weight: 4, arbitrary: fc.integer({min: 0, max: 60_000})},
  {weight: 1, arbitrary: fc.integer({min: 200_000, max: 300_000})},
);
const step = fc.oneof(
  {weight: 3, arbitrary: fc.record({tag: fc.constant('keep' as const), size})},
  {weight: 2, arbitrary: fc.record({tag: fc.constant('release' as const), which: fc.nat()})},
);

it('keeps every piece unchanged until it is released', () => {
  const reused = new Set<Buffer>();
  let given = 0;
  fc.assert(
    fc.property(fc.array(step, {maxLength: 60}), steps => {
      const slabs = new Slabs();
      const pieces: {slab: Slab; from: number; bytes: Buffer}[] = [];
      for (const [i, one] of steps.entries()) {
        if (one.tag === 'keep') {
          const bytes = Buffer.alloc(one.size, i + 1);
          const slab = slabs.withRoom(bytes.length);
          if (reused.has(slab.buffer)) given++;
          reused.add(slab.buffer);
          pieces.push({slab, from: slab.add(bytes, 0, bytes.length), bytes});
        } else {
          const [gone] = pieces.splice(one.which % Math.max(1, pieces.length), 1);
          gone?.slab.release();
        }
        for (const {slab, from, bytes} of pieces)
          expect(slab.buffer.subarray(from, from + bytes.length).equals(bytes)).toBe(true);
      }
    }),
    {numRuns: 200},
  );
  expect(given).toBeGreaterThan(100);
});
