/**
 * Unique values that move: no row stays parked, stale rows give way, and the work grows only with the number of
 * rows.
 */
import {beforeEach, expect, it} from 'vitest';
import type {ChangeSet} from '../../src/apply/change-set.ts';
import {planOf, sessionsFor} from '../property/stand.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {query} from '../servers/databases.ts';
import {perTable} from '../../src/mapping/plan.ts';
import {entityOf, institute, membership, user} from '../unit/plan-fixture.ts';
import {ApplierStand, changes, members, ready, type Parents} from './applier-stand.ts';
import {makeTables} from './unique-stand.ts';

const INSTITUTE = {1: institute('1')};

describeEachFlavour('#21 a unique value', context => {
  const stand = new ApplierStand(context);
  const sessions = sessionsFor(context);
  /** The target's user table is altered before the plan is made. */
  async function begin(
    alter: string,
    settings: Parameters<ApplierStand['begin']>[0] = {},
    collation: Parameters<typeof makeTables>[1]['collation'] = 'utf8mb4_general_ci',
  ): Promise<void> {
    await makeTables(stand, {
      collation,
      user: ['ADD UNIQUE KEY email (email)', ...(alter === '' ? [] : [alter])],
      institute: ['ADD UNIQUE KEY i1 (name)'],
      institute_users: [
        "ADD director BIGINT GENERATED ALWAYS AS (IF(role = 'DIRECTOR', instituteId, NULL)) VIRTUAL, ADD UNIQUE KEY r2 (director)",
      ],
      user_auth: [],
      referring: '',
      role: 'VARCHAR(20)',
      surrogate: false,
    });
    stand.plan = await planOf(sessions().reading, sessions().writing, context);
    await stand.begin(settings);
  }
  beforeEach(() => begin(''));
  let offset = 0;
  const apply = (users: Parents, institutes: Parents = {}, memberships: Parents = {}) =>
    stand.apply(ready(changes(users, institutes, memberships), ++offset));
  const emails = async () =>
    Object.fromEntries(
      (await query(stand.other, 'SELECT userId, email FROM user ORDER BY userId')).map(row => [
        row['userId'],
        row['email'],
      ]),
    );
  const letters = async () =>
    (
      await query(
        stand.other,
        'SELECT target_table, row_key, code, detail FROM sync_dead_letter ORDER BY 1, 2',
      )
    ).map(row => Object.values(row).join(' '));
  const at = (id: number, email: string, updated = '2024-01-01 00:00:00') =>
    user(String(id), {email, updated_at: updated});

  it('#38 is never left parked if the newest wins, whatever the dates become', async () => {
    await begin(
      'MODIFY updatedAt DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)',
      {conflicts: 'newest'},
    );
    await apply({1: at(1, 'a@x'), 2: at(2, 'b@x'), 3: at(3, 'c@x')});
    await apply({1: at(1, 'b@x'), 2: at(2, 'c@x'), 3: at(3, 'a@x')});
    expect(await emails()).toEqual({1: 'b@x', 2: 'c@x', 3: 'a@x'});
    // A row that is newer in the target stays unchanged, and the others wait for it.
    await stand.other.query("UPDATE user SET updatedAt = '2025-01-01' WHERE userId = 2");
    await apply({1: at(1, 'c@x'), 2: at(2, 'b@x')});
    expect(await emails()).toEqual({1: 'b@x', 2: 'c@x', 3: 'a@x'});
    expect(await letters()).toEqual(['user 1 unique-conflict 2']);
  });

  it('of a stale row is free for a row that can be written', async () => {
    await apply({1: at(1, 'a@x'), 2: at(2, 'b@x')}, INSTITUTE, members('1:1', '1:2'));
    await apply({1: at(1, 'nonsense'), 2: at(2, 'a@x')});
    expect(await emails()).toEqual({2: 'a@x'});
    expect((await stand.inShort()).memberships).toEqual(['1:2']);
    expect((await stand.state()).auth.map(row => row['userId'])).toEqual([2]);
    expect(await letters()).toEqual(['user 1 invalid-email ']);
    // In an earlier batch: a third row takes the value of the second, which became invalid.
    await apply({2: at(2, 'nonsense')});
    expect(await emails()).toEqual({2: 'a@x'});
    await apply({3: at(3, 'A@x')});
    expect(await emails()).toEqual({3: 'A@x'});
    expect(await letters()).toEqual(['user 1 invalid-email ', 'user 2 invalid-email ']);
  });

  it('of a stale row that must be kept is not free', async () => {
    await apply({1: at(1, 'a@x'), 4: at(4, 'd@x')});
    await stand.other.query(
      "INSERT INTO institute VALUES (9, 'Theirs', NULL, NOW(), NOW()); INSERT INTO institute_users (instituteId, userId, role, isActive, createdAt, updatedAt) VALUES (9, 1, 'STAFF', 1, NOW(), NOW())",
    );
    await apply({1: at(1, 'nonsense'), 2: at(2, 'a@x'), 4: at(4, 'nonsense'), 5: at(5, 'd@x')});
    expect(await emails()).toEqual({1: 'a@x', 5: 'd@x'});
    expect((await stand.inShort()).memberships).toEqual(['9:1']);
    expect(await letters()).toEqual([
      'user 1 invalid-email ',
      'user 2 unique-conflict 1',
      'user 4 invalid-email ',
    ]);
    await begin('', {deletes: 'keep'});
    await apply({1: at(1, 'a@x')});
    await apply({1: at(1, 'nonsense'), 2: at(2, 'a@x')});
    expect(await emails()).toEqual({1: 'a@x'});
    expect(await letters()).toEqual(['user 1 invalid-email ', 'user 2 unique-conflict 1']);
  });

  it.each([
    ["CHECK (email NOT LIKE '~%')", true],
    ["CHECK (email REGEXP '^[a-z0-9]+@[a-z0-9]+([.]invalid)?$')", true],
    ["CHECK (email NOT LIKE '%@%.%')", true],
    ['MODIFY email VARCHAR(5) NOT NULL', true],
    ["CHECK (email LIKE '%@x')", false],
  ])('moves though a placeholder must pass %s, or waits: %s', async (check, moves) => {
    await begin(check.startsWith('CHECK') ? `ADD CONSTRAINT c ${check}` : check);
    await apply({1: at(1, 'a@x'), 2: at(2, 'b@x'), 3: at(3, 'c@x')});
    await apply({1: at(1, 'b@x'), 2: at(2, 'a@x'), 3: at(3, 'd@x'), 4: at(4, 'c@x')});
    expect(await emails()).toEqual(
      moves ? {1: 'b@x', 2: 'a@x', 3: 'd@x', 4: 'c@x'} : {1: 'a@x', 2: 'b@x', 3: 'd@x', 4: 'c@x'},
    );
    expect(await letters()).toEqual(moves ? [] : ['user 1 unique-conflict 2', 'user 2 unique-conflict 1']);
  });

  it('moves although the server refuses one of the rows for another reason', async () => {
    await begin("ADD CONSTRAINT c CHECK (name <> 'Bad L')");
    await apply({1: at(1, 'a@x'), 2: at(2, 'b@x'), 3: at(3, 'c@x')});
    const bad = user('2', {email: 'c@x', first_name: 'Bad'});
    await apply({1: at(1, 'b@x'), 2: bad, 3: at(3, 'a@x')});
    expect(await emails()).toEqual({1: 'b@x', 3: 'a@x'});
    expect((await letters()).map(letter => letter.slice(0, 15))).toEqual(['user 2 rejected']);
  });

  it('stays in its row, in all of a ring, if one row is refused and must stay', async () => {
    await begin("ADD CONSTRAINT c CHECK (name <> 'Bad L')", {deletes: 'keep'});
    await apply({1: at(1, 'a@x'), 2: at(2, 'b@x'), 3: at(3, 'c@x')});
    const bad = user('2', {email: 'c@x', first_name: 'Bad'});
    await apply({1: at(1, 'b@x'), 2: bad, 3: at(3, 'a@x')});
    expect(await emails()).toEqual({1: 'a@x', 2: 'b@x', 3: 'c@x'});
  });

  it('ignores spaces at its end exactly if the collation pads', async () => {
    const noPad = context.flavour === 'mysql' ? 'utf8mb4_0900_ai_ci' : 'utf8mb4_unicode_nopad_ci';
    for (const [collation, waiting] of [
      ['utf8mb4_general_ci', ['institute 2 unique-conflict 1']],
      ['utf8mb4_unicode_ci', ['institute 2 unique-conflict 1']],
      [noPad, []],
    ] as const) {
      await begin('', {}, collation);
      const one = institute('1', {name: 'One'});
      const two = institute('2', {name: 'One  '});
      await stand.apply(ready(changes({}, {1: one, 2: two}), ++offset));
      expect(await letters()).toEqual(waiting);
      await stand.apply(ready(changes({}, {2: two}), ++offset));
      expect(await letters()).toEqual(waiting);
    }
  });

  it('of a membership moves to another one, or the other one waits', async () => {
    const as = (pair: string, user_type: string) => ({
      [pair]: membership(...(pair.split(':') as [string, string]), {user_type}),
    });
    await apply({1: at(1, 'a@x'), 2: at(2, 'b@x')}, {1: institute('1')}, as('1:1', 'director'));
    await apply({}, {}, {...as('1:2', 'director'), ...as('1:1', 'staff')});
    expect(await letters()).toEqual([]);
    await apply({}, {}, as('1:1', 'director'));
    expect(await letters()).toEqual(['institute_users 1:1 unique-conflict 1:2']);
    // The row that waits is found when the other one, or its user or its institute, changes.
    const {applier, writer} = stand;
    const none = perTable(stand.plan, () => []);
    const waiting = async (set: ChangeSet) =>
      (await applier.waitingFor(writer.session, set, none)).of(entityOf(stand.plan, 'institute_users'));
    for (const set of [changes({}, {}, {'1:2': null}), changes({2: null}), changes({}, {1: null})])
      expect([...(await waiting(set)).keys()]).toEqual(['1:1']);
    expect([...(await waiting(changes({3: null}))).keys()]).toEqual([]);
  });

  it('is found in keys that the owner added while the stream ran', async () => {
    await apply({1: at(1, 'a@x'), 2: at(2, 'b@x')});
    await stand.other.query(
      'ALTER TABLE user ADD nick VARCHAR(9) GENERATED ALWAYS AS (LEFT(email, 2)) VIRTUAL, ADD UNIQUE KEY nick (nick)',
    );
    await apply({3: at(3, 'a@z'), 1: at(1, 'b@y'), 2: at(2, 'c@x')});
    expect(await emails()).toEqual({1: 'b@y', 2: 'c@x', 3: 'a@z'});
    await apply({4: at(4, 'b@w')});
    expect(await letters()).toEqual(['user 4 unique-conflict 1']);
  });

  it('#43 of very many rows takes statements in proportion to the rows', async () => {
    const statements = async (count: number) => {
      await begin('');
      const rows = (email: (i: number) => string): Parents =>
        Object.fromEntries(Array.from({length: count}, (_, i) => [String(i + 1), at(i + 1, email(i))]));
      let sent = 0;
      const {writer} = stand;
      const {session} = writer;
      const counting = {
        ...session,
        query: (sql: string, values?: readonly unknown[]) => (sent++, session.query(sql, values)),
      };
      const run = async (users: Parents) => {
        const before = sent;
        await stand.apply(ready(changes(users), ++offset), {...writer, session: counting});
        return sent - before;
      };
      const same = await run(rows(() => 'same@x'));
      expect(Object.keys(await emails())).toEqual(['1']);
      expect((await letters()).length).toBe(count - 1);
      await run(rows(i => `e${i}@x`));
      const ring = await run(rows(i => `e${(i + 1) % count}@x`));
      const chain = await run(rows(i => (i === count - 1 ? 'new@x' : `e${(i + 2) % count}@x`)));
      expect((await emails())['1']).toBe('e2@x');
      return {same, ring, chain};
    };
    const [few, many] = [await statements(600), await statements(2400)];
    for (const what of ['same', 'ring', 'chain'] as const) {
      expect(many[what]).toBeLessThan(5 * few[what]);
      expect(many[what]).toBeLessThan(400);
    }
  }, 120_000);
});
