/** The batch that is made ready while the one before it is written: it changes nothing but the time that it takes. */
import fc from 'fast-check';
import {afterAll, afterEach, beforeAll, beforeEach, expect, it} from 'vitest';
import type mysql from 'mysql2/promise';
import {Applier, type ApplyOptions, type Next} from '../../src/apply/applier.ts';
import {asFound, EMPTY_CHANGE_SET, type ChangeSet, type ParentChange} from '../../src/apply/change-set.ts';
import type {Hands} from '../../src/apply/hands.ts';
import {openSession, type Session} from '../../src/apply/session.ts';
import type {Plan} from '../../src/mapping/plan.ts';
import type {Row} from '../../src/mapping/values.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {SURROGATE} from '../helpers/fault-stand.ts';
import {configOf, planOf, readerOf, sessionsFor} from '../property/stand.ts';
import {connect, query} from '../servers/databases.ts';
import {institute, membership, user} from '../unit/plan-fixture.ts';

const STREAM = 'laas';
const FENCE = {stream: STREAM, token: '7'};
const TABLES = ['institute_users', 'user_auth', 'user', 'institute', 'sync_owned', 'sync_dead_letter'];
const GONE = {code: 'target-unreachable'};
/** More than travel as text. */
const MANY = 250;

type Parents = Readonly<Record<string, Row | null>>;
/** A change set; rows that are there were just inserted. */
function changes(users: Parents, institutes: Parents = {}, memberships: Parents = {}): ChangeSet {
  const parents = (rows: Parents): Map<string, ParentChange> =>
    new Map(Object.entries(rows).map(([key, row]) => [key, {...asFound(row), fresh: row !== null}]));
  return {
    ...EMPTY_CHANGE_SET,
    users: parents(users),
    institutes: parents(institutes),
    memberships: new Map(Object.entries(memberships)),
  };
}
const members = (...pairs: string[]): Parents =>
  Object.fromEntries(
    pairs.map(pair => {
      const [instituteId = '', userId = ''] = pair.split(':');
      return [pair, membership(instituteId, userId)];
    }),
  );
const many = (from: number, values: Parameters<typeof user>[1] = {}): Parents =>
  Object.fromEntries(
    Array.from({length: MANY}, (_, i) => [String(from + i), user(String(from + i), values)]),
  );
/** One of the stream's own. */
const options = (offset: number): ApplyOptions => ({
  progress: {
    position: {tag: 'file', file: 'log.000001', offset},
    offset: null,
    commitAtMs: null,
    transactions: 1,
    rows: 1,
    owesReconcile: false,
  },
  follow: true,
  need: null,
});

const id = (last: number) => fc.integer({min: 1, max: last}).map(String);
/** Few keys and few addresses, so that they meet. */
const anyUser = (trouble: boolean) =>
  fc.record({
    id: id(12),
    row: fc.oneof(
      {weight: 6, arbitrary: fc.record({email: trouble ? id(9) : fc.constant(null), name: id(3)})},
      {weight: 1, arbitrary: fc.constant('gone' as const)},
      {weight: 1, arbitrary: fc.constant('inactive' as const)},
      ...(trouble
        ? [{weight: 1, arbitrary: fc.constantFrom('too long' as const, 'no address' as const)}]
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
              role === null ? null : membership(i, u, {role}),
            ]),
          ),
          ...(block === null
            ? {}
            : members(...Object.keys(many(block.from)).map(key => `${block.institute}:${key}`))),
        },
      );
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
        (all.users as Map<string, ParentChange>).set(key, {
          ...asFound(row === 'gone' ? null : user(key, values)),
          fresh,
        });
      }
      return all;
    });
const sequence = fc.boolean().chain(trouble => fc.array(batch(trouble), {minLength: 2, maxLength: 7}));

describeEachFlavour('a batch made ready', ({flavour, server, source, target}) => {
  const sessions = sessionsFor({server, source, target});
  let plan: Plan;
  let other: mysql.Connection;
  let applier: Applier;
  let hands: Hands;
  const opened: Session[] = [];

  beforeAll(async () => {
    await sessions().sql.query(SURROGATE.create);
    plan = await planOf(sessions().reading, sessions().writing, {source, target});
    other = await connect(server, target);
  });
  afterAll(() => other?.end());
  const openHands = async (): Promise<Hands> => {
    const session = await openSession(configOf(server, target));
    opened.push(session);
    return {session, reader: readerOf(plan, sessions().reading), untilSeen: () => Promise.resolve()};
  };
  /** An empty target, and an applier that knows nothing. */
  const begin = async () => {
    await other.query(
      `${TABLES.map(table => `DELETE FROM \`${table}\``).join(';')};
       REPLACE INTO sync_checkpoint (stream, fencing_token) VALUES ('${STREAM}', ${FENCE.token})`,
    );
    applier = new Applier({
      config: {deletes: 'mirror', conflicts: 'source', reconcile: {batchRows: 100} as never},
      fence: FENCE,
      plan,
    });
  };
  beforeEach(async () => {
    await begin();
    hands = await openHands();
  });
  afterEach(() => {
    for (const session of opened.splice(0)) session.close();
  });

  /** What is there, beside times of our own. */
  const state = async () => ({
    institutes: await query(other, 'SELECT * FROM institute ORDER BY instituteId'),
    users: await query(other, 'SELECT * FROM user ORDER BY userId'),
    memberships: await query(other, 'SELECT * FROM institute_users ORDER BY instituteId, userId'),
    auth: await query(other, 'SELECT * FROM user_auth ORDER BY userId'),
    owned: await query(
      other,
      'SELECT kind, scope, chunk, size, HEX(members) FROM sync_owned ORDER BY 1, 2, 3',
    ),
    letters: await query(
      other,
      'SELECT target_table, row_key, code, detail, position, attempts FROM sync_dead_letter ORDER BY 1, 2',
    ),
    checkpoint: await query(
      other,
      'SELECT position, transactions_applied, rows_applied FROM sync_checkpoint',
    ),
  });
  /** What is there of memberships and dead letters. */
  const inShort = async () => {
    const {users, memberships, letters} = await state();
    return {
      users: users.map(row => String(row['userId'])),
      memberships: memberships.map(row => `${String(row['instituteId'])}:${String(row['userId'])}`),
      letters: letters.map(
        row => `${String(row['target_table'])} ${String(row['row_key'])} ${String(row['code'])}`,
      ),
    };
  };
  const ready = (next: ChangeSet, offset: number, after?: Next): Next => ({
    changes: next,
    options: {...options(offset), ...(after === undefined ? {} : {next: Promise.resolve(after)})},
  });
  /** As a chunk of a reconcile is. */
  const between = (set: ChangeSet): Next => ({
    changes: set,
    options: {progress: null, follow: false, need: null},
  });
  /** @returns the id of its connection */
  const untilWaiting = (session: Session): Promise<number> => {
    const {threadId: id} = session.connection;
    const waits = `SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_mysql_thread_id = ${id}`;
    const isWaiting = async () => ((await query(other, waits)).length > 0 ? id : undefined);
    // The server makes this table anew only where nobody looked at it for 100 ms.
    return eventually(isWaiting, {what: 'a lock wait', intervalMs: 120});
  };
  const apply = ({changes: set, options: how}: Next, by = hands) => applier.apply(by, set, how);

  /** Applies all in order; `ahead` says of each whether it is told before its time. */
  async function applyAll(sets: readonly ChangeSet[], ahead: boolean): Promise<void> {
    for (const [i, set] of sets.entries()) {
      const following = sets[i + 1];
      const next =
        ahead && following !== undefined
          ? {next: Promise.resolve({changes: following, options: options(i + 2)})}
          : {};
      await applier.apply(hands, set, {...options(i + 1), ...next});
    }
  }

  it('is written as it would have been at its time, whatever came before it', async () => {
    let largest = 0;
    await fc.assert(
      fc.asyncProperty(sequence, async sets => {
        await begin();
        await applyAll(sets, false);
        const expected = await state();
        await begin();
        await applyAll(sets, true);
        expect(await state()).toEqual(expected);
        expect(expected.checkpoint[0]?.['transactions_applied']).toBe(sets.length);
        largest = Math.max(largest, expected.users.length);
      }),
      {
        numRuns: 25,
        endOnFailure: true,
        ...(process.env['SEED'] === undefined ? {} : {seed: Number(process.env['SEED'])}),
      },
    );
    expect(largest).toBeGreaterThan(MANY);
  });

  it('holds rows that belong to those of the batch before it, many and few', async () => {
    const first = changes({'1': user('1'), ...many(1000)}, {'1': institute('1')});
    const second = changes(
      {'2': user('2')},
      {},
      members('1:1', '1:2', ...Object.keys(many(1000)).map(key => `1:${key}`)),
    );
    const third = changes({}, {}, {'1:1': null, ...members('1:2')});
    const fourth = ready(third, 3);
    const next = ready(second, 2, fourth);
    await apply(ready(first, 1, next));
    await apply(next);
    expect((await inShort()).memberships.length).toBe(MANY + 2);
    await apply(fourth);
    const {memberships, letters} = await inShort();
    expect(memberships.length).toBe(MANY + 1);
    expect(memberships).not.toContain('1:1');
    expect(letters).toEqual([]);
  });

  it('is decided anew where another wrote in between: who was there is gone', async () => {
    const next = ready(changes({}, {}, members('1:1', '1:2')), 2);
    let tell: (next: Next) => void = () => undefined;
    const known = new Promise<Next>(resolve => (tell = resolve));
    const first = changes({'1': user('1'), '2': user('2')}, {'1': institute('1')});
    await applier.apply(hands, first, {...options(1), next: known});
    const others = await openHands();
    await other.query('START TRANSACTION; SELECT * FROM user WHERE userId = 1 FOR UPDATE');
    const applying = apply(between(changes({'1': null})), others);
    try {
      await untilWaiting(others.session);
      // Made ready while the other is at it.
      tell(next);
      await hands.session.query('DO 1');
    } finally {
      await other.query('COMMIT');
    }
    await applying;
    await apply(next);
    expect(await inShort()).toEqual({users: ['2'], memberships: ['1:2'], letters: []});
  });

  it('is decided anew where another wrote in between: what was nobody’s is ours', async () => {
    const next = ready(changes({'5': null}), 2);
    await apply(ready(changes({'1': user('1')}), 1, next));
    await apply(between(changes({'5': user('5')})), await openHands());
    await apply(next);
    expect((await inShort()).users).toEqual(['1']);
  });

  it('is decided anew where a row of the batch before it was refused', async () => {
    await other.query(
      "INSERT INTO user (userId, name, email, password, createdAt, updatedAt) VALUES (99, 'n', 'u1@x.org', 'p', NOW(), NOW())",
    );
    const next = ready(changes({}, {}, members('1:1', '1:2')), 2);
    await apply(ready(changes({'1': user('1'), '2': user('2')}, {'1': institute('1')}), 1, next));
    await apply(next);
    expect(await inShort()).toEqual({
      users: ['2', '99'],
      memberships: ['1:2'],
      letters: ['user 1 unique-conflict'],
    });
  });

  it('is decided anew where the values of the batch before it had to move', async () => {
    await apply(ready(changes({'1': user('1'), '2': user('2')}, {'1': institute('1')}), 1));
    const swapped = changes({
      '1': user('1', {email: 'u2@x.org'}),
      '2': user('2', {email: 'u1@x.org'}),
      '3': user('3'),
    });
    const next = ready(changes({'4': user('4')}, {}, members('1:1', '1:3', '1:4')), 3);
    await apply(ready(swapped, 2, next));
    await apply(next);
    expect(await inShort()).toEqual({
      users: ['1', '2', '3', '4'],
      memberships: ['1:1', '1:3', '1:4'],
      letters: [],
    });
  });

  it('is decided anew, over a new session, where the batch before it was lost with its own', async () => {
    await apply(ready(changes({'7': user('7')}, {'1': institute('1')}), 1));
    const next = ready(changes({}, {}, members('1:7', '1:8')), 3);
    await other.query('START TRANSACTION; SELECT * FROM user WHERE userId = 7 FOR UPDATE');
    try {
      const applying = apply(ready(changes({'7': user('7'), '8': user('8')}), 2, next));
      applying.catch(() => undefined);
      const connectionId = await untilWaiting(hands.session);
      await other.query(`KILL ${connectionId}`);
      await expect(applying).rejects.toMatchObject(GONE);
    } finally {
      await other.query('COMMIT');
    }
    await apply(next, await openHands());
    expect(await inShort()).toEqual({users: ['7'], memberships: ['1:7'], letters: []});
  });

  it('is decided anew where it became known only after the batch before it had failed', async () => {
    await apply(ready(changes({'7': user('7')}, {'1': institute('1')}), 1));
    const next = ready(changes({}, {}, members('2:7')), 3);
    let tell: (next: Next) => void = () => undefined;
    const known = new Promise<Next>(resolve => (tell = resolve));
    const failing = changes({'8': user('8')}, {'2': institute('2')}, members('2:8'));
    await other.query('RENAME TABLE user_auth TO user_auth_hidden');
    try {
      const applying = applier.apply(hands, failing, {...options(2), next: known});
      await expect(applying).rejects.toMatchObject({code: 'target-incompatible'});
    } finally {
      await other.query('RENAME TABLE user_auth_hidden TO user_auth');
    }
    tell(next);
    // Whatever is made ready now is made before this has been answered.
    await hands.session.query('DO 1');
    await apply(next);
    expect(await inShort()).toEqual({users: ['7'], memberships: [], letters: []});
  });

  it('is written over the session that it is given, and not over one that has ended', async () => {
    const next = ready(changes({'2': user('2')}), 2);
    await apply(ready(changes({'1': user('1')}), 1, next));
    hands.session.close();
    await apply(next, await openHands());
    expect((await inShort()).users).toEqual(['1', '2']);
  });

  it.skipIf(flavour !== 'mariadb')(
    'takes nothing of another along when it is dropped half made',
    async () => {
      // A statement of its is being prepared when it is dropped, and when the next one comes to the same.
      const first = changes({'1': user('1')}, {'3': institute('3')}, members('3:1'));
      const dropped = ready(changes(many(1000)), 2);
      const last = ready(changes(many(2000), {}, members('3:2000', '3:2001')), 3);
      await apply(ready(first, 1, dropped));
      await apply(ready(changes({'2': user('2')}), 2, last));
      await apply(last);
      const {users, memberships} = await inShort();
      expect(memberships).toEqual(['3:1', '3:2000', '3:2001']);
      expect(users.length).toBe(MANY + 2);
    },
  );
});
