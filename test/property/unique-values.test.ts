/** The order of writes with unique conflicts, for any values that rows want and hold. */
import {fc} from '../helpers/draws.ts';
import {describe, expect, it} from 'vitest';
import {orderWrites} from '../../src/apply/write-order.ts';

describe('unique values', () => {
  const value = fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), {freq: 8});
  const contender = fc.record({
    wants: fc.tuple(value, value),
    holds: fc.tuple(value, value),
    state: fc.constantFrom('pending', 'pending', 'pending', 'pending', 'kept', 'refused', 'other'),
    firm: fc.boolean(),
  });
  /** Rows that hold no value twice. */
  const rows = fc.array(contender, {minLength: 1, maxLength: 7}).map(list => {
    const seen = [new Set<string>(), new Set<string>()];
    return list.map((row, at) => ({
      ...row,
      key: String(at),
      holds: row.holds.map((held, i) =>
        held === null || seen[i]?.has(held) ? null : (seen[i]?.add(held), held),
      ),
    }));
  });

  it('are never held twice in the order of writes, and no row waits without a cause', () => {
    fc.assert(
      fc.property(rows, all => {
        const contenders = all
          .filter(({state}) => state !== 'other')
          .map(row => ({...row, kept: row.state === 'kept'}));
        const others = all.filter(({state}) => state === 'other');
        const holders = [0, 1].map(
          i => new Map(others.flatMap(({key, holds}) => (holds[i] ? [[holds[i], key] as const] : []))),
        );
        const firm = new Set(all.filter(row => row.firm).map(({key}) => key));
        const refused = new Set(all.filter(({state}) => state === 'refused').map(({key}) => key));
        const {writable, conflicts, evicted, parked} = orderWrites(
          {contenders, holders},
          {isFirm: key => firm.has(key), refused},
        );
        const now = new Map(all.map(({key, holds}) => [key, [...holds]]));
        for (const key of evicted) {
          expect(firm.has(key)).toBe(false);
          expect(writable).not.toContain(key);
          now.delete(key);
        }
        for (const {key, uniqueKey} of parked) now.get(key)?.splice(uniqueKey, 1, null);
        for (const key of writable) {
          const {wants} = all[Number(key)] ?? {wants: []};
          for (const [other, held] of now)
            if (other !== key) held.forEach((one, i) => expect(one !== null && one === wants[i]).toBe(false));
          now.set(key, [...wants]);
        }
        for (const [key, other] of conflicts) {
          const {wants} = all[Number(key)] ?? {wants: []};
          // A row that stays although others had claimed its values waits for the next attempt.
          if (firm.has(key)) continue;
          expect(now.get(other)?.some((one, i) => one !== null && one === wants[i])).toBe(true);
        }
        expect(writable.length + conflicts.size).toBe(all.filter(({state}) => state === 'pending').length);
      }),
      {numRuns: 3000},
    );
  });
});
