/** Replays of a stream, for any history of rows (docs/invariants.md, 3). */
import {fc} from '../helpers/draws.ts';
import {describe, expect, it} from 'vitest';
import type {RowChange} from '../../replicator/events.ts';
import {Compactor} from '../../replicator/transaction/compact.ts';
import type {EntityPlan} from '../../src/mapping/entities.ts';
import {sourceKey} from '../../src/mapping/row.ts';
import type {Row} from '../../src/mapping/values.ts';
import {entityOf, membership, plan, unpacked, user} from '../unit/plan-fixture.ts';

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

  it('replayed from any position, over any later state, ends in the same rows', () => {
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
