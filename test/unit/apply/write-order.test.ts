import {describe, expect, it} from 'vitest';
import {orderWrites, type Contender} from '../../../src/apply/write-order.ts';

interface Options {
  readonly firm?: readonly string[];
  readonly refused?: readonly string[];
  readonly kept?: readonly string[];
}
type Values = Record<string, string | (string | null)[]>;

/** Rows in the order of `wanted`; other rows in `held` are not written. With several keys, values are lists. */
function orderOf(wanted: Values, held: Values, {firm = [], refused = [], kept = []}: Options = {}) {
  const list = (value: string | (string | null)[] | undefined) =>
    typeof value === 'string' ? [value] : value;
  const keys = Math.max(
    ...[...Object.values(wanted), ...Object.values(held)].map(value => list(value)?.length ?? 0),
  );
  const none = Array.from({length: keys}, () => null);
  const contenders: Contender[] = Object.entries(wanted).map(([key, wants]) => ({
    key,
    wants: list(wants) ?? none,
    holds: list(held[key]) ?? none,
    kept: kept.includes(key),
  }));
  const holders = none.map((_, i) => {
    const others = Object.entries(held).filter(([key]) => wanted[key] === undefined);
    return new Map(others.map(([key, values]) => [list(values)?.[i] ?? '', key]));
  });
  const order = orderWrites(
    {contenders, holders},
    {isFirm: key => firm.includes(key), refused: new Set(refused)},
  );
  return {
    order: order.writable.join(' '),
    conflicts: Object.fromEntries(order.conflicts),
    evicted: order.evicted,
    parked: order.parked.map(({key}) => key),
  };
}
const none = {conflicts: {}, evicted: [], parked: []};

describe('unique values', () => {
  it('that no row holds are free', () => {
    expect(orderOf({1: 'a', 2: 'b'}, {})).toEqual({...none, order: '1 2'});
  });

  it('may be swapped, and passed on in a ring: one row of it is parked', () => {
    expect(orderOf({1: 'b', 2: 'a'}, {1: 'a', 2: 'b'})).toEqual({...none, order: '2 1', parked: ['1']});
    expect(orderOf({1: 'b', 2: 'c', 3: 'a'}, {1: 'a', 2: 'b', 3: 'c'})).toEqual({
      ...none,
      order: '3 2 1',
      parked: ['1'],
    });
  });

  it('may be taken from a row that gives them up, which is written first', () => {
    expect(orderOf({2: 'a', 1: 'new'}, {1: 'a'})).toEqual({...none, order: '1 2'});
    expect(orderOf({1: 'b', 2: 'c', 3: 'd'}, {1: 'a', 2: 'b', 3: 'c'})).toEqual({...none, order: '3 2 1'});
  });

  it('stay with a foreign row', () => {
    expect(orderOf({1: 'a'}, {9: 'a'}, {firm: ['9']})).toEqual({...none, order: '', conflicts: {1: '9'}});
  });

  it('stay with a row that is newer', () => {
    expect(orderOf({1: 'a', 2: 'b'}, {2: 'a'}, {kept: ['2']})).toEqual({
      ...none,
      order: '',
      conflicts: {1: '2'},
    });
  });

  it('stay with the row that holds them, otherwise move to the first', () => {
    expect(orderOf({1: 'a', 2: 'a'}, {2: 'a'})).toEqual({...none, order: '2', conflicts: {1: '2'}});
    expect(orderOf({1: 'a', 2: 'a'}, {})).toEqual({...none, order: '1', conflicts: {2: '1'}});
  });

  it('of a stale row are free, and the row leaves', () => {
    expect(orderOf({1: 'a'}, {8: 'a'})).toEqual({...none, order: '1', evicted: ['8']});
    // Nobody leaves for a row that cannot be written.
    expect(orderOf({1: ['a', 'x']}, {8: ['a', null], 9: [null, 'x']}, {firm: ['9']})).toEqual({
      ...none,
      order: '',
      conflicts: {1: '9'},
    });
  });

  it('of a row that cannot be written are free for the rows that want them', () => {
    const held = {1: 'a', 2: 'b', 9: 'x'};
    expect(orderOf({1: 'x', 2: 'a', 3: 'b'}, held, {firm: ['9']})).toEqual({
      ...none,
      order: '2 3',
      conflicts: {1: '9'},
      evicted: ['1'],
    });
    expect(orderOf({1: 'c', 2: 'a'}, {1: 'a'}, {refused: ['1']})).toEqual({
      ...none,
      order: '2',
      evicted: ['1'],
    });
  });

  it('of a row that can neither be written nor leave stay with it', () => {
    const held = {1: 'a', 2: 'b', 9: 'x'};
    expect(orderOf({1: 'x', 2: 'a', 3: 'b'}, held, {firm: ['9', '1', '2']})).toEqual({
      ...none,
      order: '',
      conflicts: {1: '9', 2: '1', 3: '2'},
    });
  });

  it('move in a ring although another row wants one of them, too', () => {
    expect(orderOf({1: 'a', 2: 'g', 3: 'a'}, {2: 'a', 3: 'g'})).toMatchObject({
      conflicts: {1: '3'},
      evicted: [],
    });
  });

  it('of several keys are decided together: a row that fails by one claims none', () => {
    expect(orderOf({1: ['a', 'x'], 2: ['a', 'y']}, {9: [null, 'x']}, {firm: ['9']})).toEqual({
      ...none,
      order: '2',
      conflicts: {1: '9'},
    });
  });

  it('are decided in steps that grow only with the rows', () => {
    const count = 5000;
    const work = (want: (i: number) => string, hold: (i: number) => string | null) => {
      let steps = 0;
      const contenders = Array.from({length: count}, (_, i): Contender => {
        const values = {wants: [want(i)], holds: [hold(i)]};
        // Each look at a row counts.
        return {
          key: String(i),
          kept: false,
          get wants() {
            steps++;
            return values.wants;
          },
          get holds() {
            steps++;
            return values.holds;
          },
        };
      });
      orderWrites({contenders, holders: [new Map()]}, {isFirm: () => true, refused: new Set()});
      return steps / count;
    };
    expect(
      work(
        () => 'same',
        () => null,
      ),
    ).toBeLessThan(20);
    expect(
      work(
        () => 'same',
        i => `old ${i}`,
      ),
    ).toBeLessThan(20);
    expect(
      work(
        i => `v${(i + 1) % count}`,
        i => `v${i}`,
      ),
    ).toBeLessThan(20);
    expect(
      work(
        i => `v${i + 1}`,
        i => `v${i}`,
      ),
    ).toBeLessThan(20);
  });
});
