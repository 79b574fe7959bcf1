/** Random change sets: of few keys, so that they collide, and of many. */
import fc from 'fast-check';
import {FRESH, type ChangeSet} from '../../src/apply/change-set.ts';
import {entityOf, institute, membership, plan, user} from '../unit/plan-fixture.ts';
import {changes, many, members} from './applier-stand.ts';

const BUILT_IN = plan();
const id = (last: number) => fc.integer({min: 1, max: last}).map(String);
/** Few keys and few addresses, so that they collide. */
const anyUser = (trouble: boolean) =>
  fc.record({
    id: id(12),
    row: fc.oneof(
      {weight: 6, arbitrary: fc.record({email: trouble ? id(30) : fc.constant(null), name: id(3)})},
      {weight: 1, arbitrary: fc.constant('gone' as const)},
      {weight: 1, arbitrary: fc.constant('inactive' as const)},
      ...(trouble
        ? [{weight: 2, arbitrary: fc.constantFrom('too long' as const, 'no address' as const)}]
        : []),
    ),
    fresh: fc.boolean(),
  });
const batch = (trouble: boolean) =>
  fc
    .record({
      users: fc.array(anyUser(trouble), {maxLength: 6}),
      institutes: fc.array(fc.record({id: id(3), isThere: fc.integer({min: 0, max: 4})}), {maxLength: 2}),
      memberships: fc.array(
        fc.record({
          institute: id(3),
          user: id(12),
          role: fc.constantFrom('teacher', 'admin', 'nobody', null),
        }),
        {maxLength: 8},
      ),
      many: fc.option(fc.record({from: fc.constantFrom(1000, 1100, 70_000), institute: id(3)}), {freq: 3}),
    })
    .map(({users, institutes, memberships, many: block}): ChangeSet => {
      const all = changes(
        block === null ? {} : many(block.from),
        Object.fromEntries(
          institutes.map(({id: key, isThere}) => [key, isThere > 0 ? institute(key) : null]),
        ),
        {
          ...Object.fromEntries(
            memberships.map(({institute: i, user: u, role}) => [
              `${i}:${u}`,
              role === null ? null : membership(i, u, {user_type: role}),
            ]),
          ),
          ...(block === null
            ? {}
            : members(...Object.keys(many(block.from)).map(key => `${block.institute}:${key}`))),
        },
      );
      const ofUsers = all.of(entityOf(BUILT_IN, 'user'));
      for (const {id: key, row, fresh} of users) {
        const values =
          row === 'inactive'
            ? {is_active: '0'}
            : row === 'too long'
              ? {first_name: 'x'.repeat(600)}
              : row === 'no address'
                ? {email: 'nobody'}
                : row === 'gone'
                  ? {}
                  : {first_name: row.name, ...(row.email === null ? {} : {email: `e${row.email}@x.org`})};
        ofUsers.set(key, row === 'gone' ? null : user(key, values), fresh ? FRESH : 0);
      }
      return all;
    });
/** Batches in the order in which they are applied; of every other sequence some rows cannot be written. */
export const sequences = fc
  .boolean()
  .chain(trouble => fc.array(batch(trouble), {minLength: 2, maxLength: 7}));
