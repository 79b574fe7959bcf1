/** Properties of every value, without a server. */
import {fc} from '../helpers/draws.ts';
import {describe, expect, it} from 'vitest';
import {IdSet} from '../../src/apply/id-set.ts';
import {chunkEnd} from '../../src/apply/owned-chunks.ts';
import {Ownership} from '../../src/apply/ownership.ts';
import {literal} from '../../src/apply/sql-text.ts';
import type {EntityPlan} from '../../src/mapping/entities.ts';
import type {RowKey} from '../../src/mapping/key.ts';
import {roundMoment} from '../../src/mapping/operators/moments.ts';
import {trimSpaces} from '../../src/mapping/operators/texts.ts';
import {canonicalSet, formatPosition, parsePosition, setCovers} from '../../src/position/position.ts';
import {closed, entityOf, plan} from '../unit/plan-fixture.ts';
import {moment, text} from './stand.ts';

const low = fc.oneof(
  fc.integer({min: 0, max: 65_535}),
  fc.integer({min: 0, max: 40}),
  fc.constantFrom(0, 31, 32, 65_535),
);

describe('a set of ids', () => {
  it('is a Set', () => {
    const operation = fc.oneof(
      fc.record({tag: fc.constantFrom('add' as const, 'delete' as const), low}),
      fc.record({tag: fc.constantFrom('range' as const), low, length: fc.integer({min: 0, max: 6000})}),
      fc.record({tag: fc.constantFrom('clone' as const, 'store' as const)}),
    );
    fc.assert(
      fc.property(fc.array(operation, {maxLength: 30}), operations => {
        let ours = new IdSet();
        const model = new Set<number>();
        for (const one of operations) {
          switch (one.tag) {
            case 'add':
              ours.add(one.low);
              model.add(one.low);
              break;
            case 'delete':
              ours.delete(one.low);
              model.delete(one.low);
              break;
            case 'range':
              for (let id = one.low; id < Math.min(65_536, one.low + one.length); id++) {
                ours.add(id);
                model.add(id);
              }
              break;
            case 'clone':
              ours = ours.clone();
              break;
            case 'store':
              ours = IdSet.decode(ours.encode());
              break;
          }
        }
        expect(ours.size).toBe(model.size);
        expect([...ours.values()]).toEqual([...model].toSorted((a, b) => a - b));
        expect(IdSet.decode(ours.encode()).encode()).toEqual(ours.encode());
      }),
      {numRuns: 60},
    );
  });
});

describe('ownership', () => {
  const id = fc
    .oneof(fc.bigInt({min: -(2n ** 63n), max: 2n ** 64n - 1n}), fc.bigInt({min: -200_000n, max: 200_000n}))
    .map(String);

  const plans = plan();
  /** Whether a view owns `b` once `a` is owned. */
  async function ownsBeside(entity: EntityPlan, a: RowKey, b: RowKey): Promise<boolean> {
    const view = await new Ownership('s').view(
      want => {
        want(entity, a);
        want(entity, b);
      },
      () => Promise.resolve(closed([])),
    );
    view.add(entity, a);
    return view.has(entity, b);
  }

  it('keeps any two 64-bit ids apart, and shares no chunk beyond a chunk’s end', async () => {
    const users = entityOf(plans, 'user');
    await fc.assert(
      fc.asyncProperty(id, id, async (a, b) => {
        expect(await ownsBeside(users, a, b)).toBe(a === b);
        expect(BigInt(chunkEnd(a)) >= BigInt(a) && BigInt(chunkEnd(a)) - BigInt(a) < 65_536n).toBe(true);
        expect(chunkEnd(a) === chunkEnd(b)).toBe(BigInt(a) >> 16n === BigInt(b) >> 16n);
      }),
    );
  });

  it('keeps any two keys of two ids apart', async () => {
    const memberships = entityOf(plans, 'institute_users');
    const few = fc.oneof(id, fc.constantFrom('-1', '0', '1', '65536'));
    await fc.assert(
      fc.asyncProperty(few, few, few, few, async (a, b, c, d) => {
        expect(await ownsBeside(memberships, `${a}:${b}`, `${c}:${d}`)).toBe(a === c && b === d);
      }),
    );
  });
});

describe('a position', () => {
  const uuid = fc.uuid();
  const interval = fc
    .tuple(fc.integer({min: 1, max: 1000}), fc.integer({min: 0, max: 50}))
    .map(([from, length]) => (length === 0 ? `${from}` : `${from}-${from + length}`));
  const set = fc
    .array(
      fc
        .tuple(uuid, fc.array(interval, {minLength: 1, maxLength: 4}))
        .map(([name, intervals]) => [name, ...intervals].join(':')),
      {maxLength: 4},
    )
    .map(parts => canonicalSet(parts.join(',')));
  const domain = fc.uniqueArray(
    fc.tuple(fc.nat(2 ** 32 - 1), fc.nat(2 ** 32 - 1), fc.bigInt({min: 0n, max: 2n ** 64n - 1n})),
    {maxLength: 4, selector: ([number]) => number},
  );
  const position = fc.oneof(
    set.map(value => ({tag: 'mysql-gtid' as const, set: value})),
    domain.map(parts => parsePosition(`mariadb-gtid ${parts.map(part => part.join('-')).join(',')}`)),
    fc.record({
      tag: fc.constant('file' as const),
      file: fc.stringMatching(/^[a-z:.-]{1,12}\.\d{6}$/),
      offset: fc.maxSafeNat(),
    }),
  );

  it('is read as it was written', () => {
    fc.assert(
      fc.property(position, one => {
        expect(parsePosition(formatPosition(one))).toEqual(one);
      }),
    );
  });

  it('covers its parts', () => {
    fc.assert(
      fc.property(set, set, (a, b) => {
        const both = canonicalSet([a, b].filter(part => part !== '').join(','));
        expect([setCovers(both, a), setCovers(both, b), setCovers(a, both)]).toEqual([
          true,
          true,
          both === a,
        ]);
      }),
    );
  });
});

describe('text', () => {
  it('is trimmed of spaces as by the server, and no further', () => {
    fc.assert(
      fc.property(text, one => {
        expect(trimSpaces(one)).toBe(one.replace(/^ +| +$/g, ''));
      }),
    );
  });

  it('as a literal ends at its closing quote', () => {
    fc.assert(
      fc.property(text, one => {
        const inside = literal(one).slice(1, -1);
        expect(/^(?:[^'\\]|\\.)*$/su.test(inside)).toBe(true);
        const plain: Record<string, string> = {'0': '\0', n: '\n', r: '\r', Z: '\x1a'};
        expect(inside.replace(/\\(.)/gsu, (_, char: string) => plain[char] ?? char)).toBe(one);
      }),
    );
  });
});

describe('rounding', () => {
  it('is to the nearest digit, and half up', () => {
    fc.assert(
      fc.property(moment, fc.integer({min: 0, max: 6}), (one, fraction) => {
        const micros = (value: string) =>
          BigInt(Date.parse(`${value.slice(0, 19).replace(' ', 'T')}Z`)) * 1000n +
          BigInt(value.slice(20).padEnd(6, '0') || 0);
        const unit = 10n ** BigInt(6 - fraction);
        const rounded = roundMoment(one, fraction);
        expect(rounded).toHaveLength(fraction === 0 ? 19 : 20 + fraction);
        expect(micros(rounded)).toBe(((micros(one) + unit / 2n) / unit) * unit);
      }),
    );
  });
});
