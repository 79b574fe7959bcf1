/** What must hold for every value, without a server. */
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import type {RowChange} from '../../replicator/events.ts';
import {Compactor} from '../../replicator/transaction/compact.ts';
import {IdSet} from '../../src/apply/id-set.ts';
import {chunkEnd} from '../../src/apply/owned-chunks.ts';
import {Ownership} from '../../src/apply/ownership.ts';
import {literal} from '../../src/apply/sql-text.ts';
import {settle} from '../../src/apply/settle.ts';
import type {EntityPlan} from '../../src/mapping/entities.ts';
import type {RowKey} from '../../src/mapping/key.ts';
import {roundMoment} from '../../src/mapping/operators/moments.ts';
import {trimSpaces} from '../../src/mapping/operators/texts.ts';
import {sourceKey} from '../../src/mapping/row.ts';
import type {Row} from '../../src/mapping/values.ts';
import {canonicalSet, formatPosition, parsePosition, setCovers} from '../../src/position/position.ts';
import {closed, entityOf, membership, plan, unpacked, user} from '../unit/plan-fixture.ts';
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
  /** What a view says of `b` once `a` is owned. */
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

  it('covers what it is made of', () => {
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
  it('is trimmed of spaces as the server does it, and no further', () => {
    fc.assert(
      fc.property(text, one => {
        expect(trimSpaces(one)).toBe(one.replace(/^ +| +$/g, ''));
      }),
    );
  });

  it('as a literal ends where its quotes do', () => {
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
  it('is to the nearest, and half up', () => {
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

describe('unique values', () => {
  const value = fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), {freq: 8});
  const stake = fc.record({
    wants: fc.tuple(value, value),
    holds: fc.tuple(value, value),
    state: fc.constantFrom('pending', 'pending', 'pending', 'pending', 'kept', 'refused', 'other'),
    firm: fc.boolean(),
  });
  /** Rows that hold nothing twice. */
  const rows = fc.array(stake, {minLength: 1, maxLength: 7}).map(list => {
    const seen = [new Set<string>(), new Set<string>()];
    return list.map((row, at) => ({
      ...row,
      key: String(at),
      holds: row.holds.map((held, i) =>
        held === null || seen[i]?.has(held) ? null : (seen[i]?.add(held), held),
      ),
    }));
  });

  it('are never held twice in the order of the writes, and no row waits without cause', () => {
    fc.assert(
      fc.property(rows, all => {
        const stakes = all
          .filter(({state}) => state !== 'other')
          .map(row => ({...row, kept: row.state === 'kept'}));
        const others = all.filter(({state}) => state === 'other');
        const holders = [0, 1].map(
          i => new Map(others.flatMap(({key, holds}) => (holds[i] ? [[holds[i], key] as const] : []))),
        );
        const firm = new Set(all.filter(row => row.firm).map(({key}) => key));
        const refused = new Set(all.filter(({state}) => state === 'refused').map(({key}) => key));
        const {writable, conflicts, evicted, parked} = settle(
          {stakes, holders},
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
          // Who stays though others had claimed what it holds waits for the next look.
          if (firm.has(key)) continue;
          expect(now.get(other)?.some((one, i) => one !== null && one === wants[i])).toBe(true);
        }
        expect(writable.length + conflicts.size).toBe(all.filter(({state}) => state === 'pending').length);
      }),
      {numRuns: 3000},
    );
  });
});

describe('a stream', () => {
  const plans = plan();
  const step = fc.oneof(
    fc.record({
      tag: fc.constantFrom('put' as const, 'drop' as const),
      id: fc.integer({min: 1, max: 4}),
      version: fc.nat(99),
    }),
    fc.record({
      tag: fc.constant('move' as const),
      id: fc.integer({min: 1, max: 4}),
      to: fc.integer({min: 1, max: 4}),
      version: fc.nat(99),
    }),
  );

  /** Row changes as a server would log them, and the rows that they end in. */
  function history(
    steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[],
    make: (id: string, version: string) => Row,
    table: RowChange['table'],
  ) {
    const rows = new Map<number, Row>();
    const states: Map<number, Row>[] = [new Map()];
    const changes: RowChange[] = [];
    const log = (before: Row | null, after: Row | null) => {
      changes.push({table, before, after, partial: false, unchecked: false});
      states.push(new Map(rows));
    };
    for (const one of steps) {
      const before = rows.get(one.id) ?? null;
      if (one.tag === 'drop' && before !== null) {
        rows.delete(one.id);
        log(before, null);
      } else if (one.tag === 'put') {
        const after = make(String(one.id), String(one.version));
        rows.set(one.id, after);
        log(before, after);
      } else if (one.tag === 'move' && before !== null && !rows.has(one.to)) {
        const after = make(String(one.to), String(one.version));
        rows.delete(one.id);
        rows.set(one.to, after);
        log(before, after);
      }
    }
    return {changes, states};
  }
  const compacted = (changes: readonly RowChange[]) => {
    const compactor = new Compactor(plans);
    for (const change of changes) compactor.add(change);
    return compactor.changes();
  };
  const byKey = (rows: ReadonlyMap<number, Row>, entity: EntityPlan) =>
    new Map([...rows.values()].map(row => [sourceKey(entity, row) ?? '', row]));

  it('from any place on, applied to any state since then, ends in the same rows', () => {
    fc.assert(
      fc.property(fc.array(step, {maxLength: 25}), fc.nat(), fc.nat(), (steps, a, b) => {
        for (const [make, table, target] of [
          [(id: string, version: string) => user(id, {last_name: version}), 'users', 'user'],
          [
            (id: string, version: string) => membership('1', id, {user_type: version}),
            'institute_user',
            'institute_users',
          ],
        ] as const) {
          const entity = entityOf(plans, target);
          const {changes, states} = history(steps, make, table);
          const from = a % (changes.length + 1);
          const state = from + (b % (changes.length + 1 - from));
          const set = compacted(changes.slice(from));
          const rows = byKey(states[state] ?? new Map(), entity);
          set.of(entity).forEach((source, key) => {
            const row = unpacked(table, source);
            if (row === null) rows.delete(key);
            else rows.set(key, row);
          });
          expect(rows).toEqual(byKey(states.at(-1) ?? new Map(), entity));
        }
      }),
      {numRuns: 300},
    );
  });
});
