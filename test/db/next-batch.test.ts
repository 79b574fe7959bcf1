/** The batch that is prepared while the previous one is written: the result is the same, only sooner. */
import {fc} from '../helpers/draws.ts';
import {expect, it} from 'vitest';
import type {Next} from '../../src/apply/applier.ts';
import type {ChangeSet} from '../../src/apply/change-set.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {institute, user} from '../unit/plan-fixture.ts';
import {sequences} from './any-batches.ts';
import {ApplierStand, between, changes, many, MANY, members, options, ready} from './applier-stand.ts';

const GONE = {code: 'target-unreachable'};

describeEachFlavour('a prepared batch', context => {
  const {flavour} = context;
  const stand = new ApplierStand(context);

  /** Applies all in order: each is announced early or not, and sent behind the previous one or not. */
  async function applyAll(sets: readonly ChangeSet[], ahead: 'no' | 'ready' | 'sent'): Promise<void> {
    for (const [i, set] of sets.entries()) {
      const following = sets[i + 1];
      const next =
        ahead !== 'no' && following !== undefined
          ? {
              next: Promise.resolve({
                changes: following,
                options: options(i + 2),
                mayFollow: () => ahead === 'sent',
              }),
            }
          : {};
      await stand.applier.apply(stand.writer, set, {...options(i + 1), ...next});
    }
  }

  it('is written as if it had been prepared when its turn came', async () => {
    let largest = 0;
    await fc.assert(
      fc.asyncProperty(sequences, async sets => {
        await stand.begin();
        await applyAll(sets, 'no');
        const expected = await stand.state();
        for (const ahead of ['ready', 'sent'] as const) {
          await stand.begin();
          await applyAll(sets, ahead);
          expect(await stand.state()).toEqual(expected);
        }
        expect(expected.checkpoint[0]?.['transactions_applied']).toBe(sets.length);
        largest = Math.max(largest, expected.users.length);
      }),
      {
        numRuns: Number(process.env['RUNS'] ?? 25),
        endOnFailure: true,
      },
    );
    expect(largest).toBeGreaterThan(MANY);
  });

  it('holds rows that depend on those of the previous batch, many and few', async () => {
    const first = changes({'1': user('1'), ...many(1000)}, {'1': institute('1')});
    const second = changes(
      {'2': user('2')},
      {},
      members('1:1', '1:2', ...Object.keys(many(1000)).map(key => `1:${key}`)),
    );
    const third = changes({}, {}, {'1:1': null, ...members('1:2')});
    const fourth = ready(third, 3);
    const next = ready(second, 2, fourth);
    await stand.apply(ready(first, 1, next));
    await stand.apply(next);
    expect((await stand.inShort()).memberships.length).toBe(MANY + 2);
    await stand.apply(fourth);
    const {memberships, letters} = await stand.inShort();
    expect(memberships.length).toBe(MANY + 1);
    expect(memberships).not.toContain('1:1');
    expect(letters).toEqual([]);
  });

  it('is decided again if a write in between deleted a row', async () => {
    const next = ready(changes({}, {}, members('1:1', '1:2')), 2);
    let announce: (next: Next) => void = () => undefined;
    const known = new Promise<Next>(resolve => (announce = resolve));
    const first = changes({'1': user('1'), '2': user('2')}, {'1': institute('1')});
    await stand.applier.apply(stand.writer, first, {...options(1), next: known});
    const others = await stand.openWriter();
    await stand.other.query('START TRANSACTION; SELECT * FROM user WHERE userId = 1 FOR UPDATE');
    const applying = stand.apply(between(changes({'1': null})), others);
    try {
      await stand.untilWaiting(others.session);
      // Prepared while the other one is being written.
      announce(next);
      await stand.writer.session.query('DO 1');
    } finally {
      await stand.other.query('COMMIT');
    }
    await applying;
    await stand.apply(next);
    expect(await stand.inShort()).toEqual({users: ['2'], memberships: ['1:2'], letters: []});
  });

  it('is decided again if a write that began earlier ended in between', async () => {
    const all = changes({'1': user('1'), '2': user('2')}, {'1': institute('1')});
    const next = ready(changes({}, {}, members('1:1', '1:2')), 3);
    await stand.apply(ready(all, 1));
    const others = await stand.openWriter();
    await stand.other.query('START TRANSACTION; SELECT * FROM user WHERE userId = 1 FOR UPDATE');
    const applying = stand.apply(between(changes({'1': null})), others);
    try {
      await stand.untilWaiting(others.session);
      await stand.apply(ready(changes({'2': user('2', {first_name: 'Eva'})}), 2, next));
    } finally {
      await stand.other.query('COMMIT');
    }
    await applying;
    await stand.apply(next);
    expect(await stand.inShort()).toEqual({users: ['2'], memberships: ['1:2'], letters: []});
  });

  it('is decided again if a write in between adopted a row', async () => {
    const next = ready(changes({'5': null}), 2);
    await stand.apply(ready(changes({'1': user('1')}), 1, next));
    await stand.apply(between(changes({'5': user('5')})), await stand.openWriter());
    await stand.apply(next);
    expect((await stand.inShort()).users).toEqual(['1']);
  });

  it('is decided again if a row of the previous batch was refused', async () => {
    await stand.other.query(
      "INSERT INTO user (userId, name, email, password, createdAt, updatedAt) VALUES (99, 'n', 'u1@x.org', 'p', NOW(), NOW())",
    );
    const next = ready(changes({}, {}, members('1:1', '1:2')), 2);
    await stand.apply(ready(changes({'1': user('1'), '2': user('2')}, {'1': institute('1')}), 1, next));
    await stand.apply(next);
    expect(await stand.inShort()).toEqual({
      users: ['2', '99'],
      memberships: ['1:2'],
      letters: ['user 1 unique-conflict'],
    });
  });

  it('is decided again if the previous batch leaves a dead letter', async () => {
    const next = ready(changes({'1': user('1')}), 2);
    await stand.apply(ready(changes({'1': user('1', {email: 'nobody'})}), 1, next));
    expect((await stand.inShort()).letters).toEqual(['user 1 invalid-email']);
    await stand.apply(next);
    expect(await stand.inShort()).toEqual({users: ['1'], memberships: [], letters: []});
  });

  it('is decided again if values of the previous batch had to move', async () => {
    await stand.apply(ready(changes({'1': user('1'), '2': user('2')}, {'1': institute('1')}), 1));
    const swapped = changes({
      '1': user('1', {email: 'u2@x.org'}),
      '2': user('2', {email: 'u1@x.org'}),
      '3': user('3'),
    });
    const next = ready(changes({'4': user('4')}, {}, members('1:1', '1:3', '1:4')), 3);
    await stand.apply(ready(swapped, 2, next));
    await stand.apply(next);
    expect(await stand.inShort()).toEqual({
      users: ['1', '2', '3', '4'],
      memberships: ['1:1', '1:3', '1:4'],
      letters: [],
    });
  });

  it('is decided again over a new session if the previous batch was lost', async () => {
    await stand.apply(ready(changes({'7': user('7')}, {'1': institute('1')}), 1));
    const next = ready(changes({}, {}, members('1:7', '1:8')), 3);
    await stand.other.query('START TRANSACTION; SELECT * FROM user WHERE userId = 7 FOR UPDATE');
    try {
      const applying = stand.apply(ready(changes({'7': user('7'), '8': user('8')}), 2, next));
      applying.catch(() => undefined);
      const connectionId = await stand.untilWaiting(stand.writer.session);
      await stand.other.query(`KILL ${connectionId}`);
      await expect(applying).rejects.toMatchObject(GONE);
    } finally {
      await stand.other.query('COMMIT');
    }
    await stand.apply(next, await stand.openWriter());
    expect(await stand.inShort()).toEqual({users: ['7'], memberships: ['1:7'], letters: []});
  });

  it('is decided again if it became known after the previous batch had failed', async () => {
    await stand.apply(ready(changes({'7': user('7')}, {'1': institute('1')}), 1));
    const next = ready(changes({}, {}, members('2:7')), 3);
    let announce: (next: Next) => void = () => undefined;
    const known = new Promise<Next>(resolve => (announce = resolve));
    const failing = changes({'8': user('8')}, {'2': institute('2')}, members('2:8'));
    await stand.other.query('RENAME TABLE user_auth TO user_auth_hidden');
    try {
      const applying = stand.applier.apply(stand.writer, failing, {...options(2), next: known});
      await expect(applying).rejects.toMatchObject({code: 'target-incompatible'});
    } finally {
      await stand.other.query('RENAME TABLE user_auth_hidden TO user_auth');
    }
    announce(next);
    // Anything that is prepared now is prepared before this is answered.
    await stand.writer.session.query('DO 1');
    await stand.apply(next);
    expect(await stand.inShort()).toEqual({users: ['7'], memberships: [], letters: []});
  });

  it('is prepared when its turn comes, if it is known only then', async () => {
    let announce: (next: Next) => void = () => undefined;
    const known = new Promise<Next>(resolve => (announce = resolve));
    // More packets than are in flight at a time.
    const large = (from: number) => changes({...many(from), ...many(from + MANY), ...many(from + 2 * MANY)});
    await stand.applier.apply(stand.writer, large(1000), {...options(1), next: known});
    const third = ready(large(5000), 3);
    const second = ready(large(3000), 2, third);
    const applying = stand.apply(second);
    announce(second);
    await applying;
    await stand.apply(third);
    expect((await stand.inShort()).users.length).toBe(9 * MANY);
  });

  it('is written over its own session, and not over one that has ended', async () => {
    const next = ready(changes({'2': user('2')}), 2);
    await stand.apply(ready(changes({'1': user('1')}), 1, next));
    stand.writer.session.close();
    await stand.apply(next, await stand.openWriter());
    expect((await stand.inShort()).users).toEqual(['1', '2']);
  });

  it.skipIf(flavour !== 'mariadb')(
    'does not affect another batch if it is discarded while it is prepared',
    async () => {
      // Its statement is being prepared when it is discarded, and when the next batch needs the same one.
      const first = changes({'1': user('1')}, {'3': institute('3')}, members('3:1'));
      const dropped = ready(changes(many(1000)), 2);
      const last = ready(changes(many(2000), {}, members('3:2000', '3:2001')), 3);
      await stand.apply(ready(first, 1, dropped));
      await stand.apply(ready(changes({'2': user('2')}), 2, last));
      await stand.apply(last);
      const {users, memberships} = await stand.inShort();
      expect(memberships).toEqual(['3:1', '3:2000', '3:2001']);
      expect(users.length).toBe(MANY + 2);
    },
  );
});
