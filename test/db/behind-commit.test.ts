/**
 * Rows that were sent behind the commit of the previous batch: whether or not it succeeds, they are not visible
 * before their own commit.
 */
import {expect, it} from 'vitest';
import type {Next} from '../../src/apply/applier.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {institute, user} from '../unit/plan-fixture.ts';
import {ApplierStand, changes, many, MANY, members, ready} from './applier-stand.ts';

/** Announces a batch to the previous one; `sent` resolves when it was sent behind it. */
function following(next: Next): {next: Next; sent: Promise<void>} {
  let announce: () => void = () => undefined;
  const sent = new Promise<void>(resolve => (announce = resolve));
  const mayFollow = () => {
    announce();
    return true;
  };
  return {next: {...next, mayFollow}, sent};
}

describeEachFlavour('rows behind a commit', context => {
  const stand = new ApplierStand(context);
  const large = (offset: number) => following(ready(changes(many(1000)), offset));
  /** Rows that are sent as text, and rows in bulk. */
  const firsts = {few: {'1': user('1'), '2': user('2')}, many: many(5000)};

  it.each(['few', 'many'] as const)('of %s are written, each batch in its turn', async size => {
    const {next, sent} = large(2);
    await stand.apply(ready(changes(firsts[size]), 1, next));
    await sent;
    // These queries are answered after everything that was sent before.
    for (let i = 0; i < 3; i++) await stand.writer.session.query('DO 1');
    const count = Object.keys(firsts[size]).length;
    expect((await stand.inShort()).users.length).toBe(count);
    await stand.apply(next);
    expect((await stand.inShort()).users.length).toBe(count + MANY);
  });

  it.each(['few', 'many'] as const)(
    'of %s are rolled back with a batch that another leader ends',
    async size => {
      const {next, sent} = large(2);
      await stand.other.query('UPDATE sync_checkpoint SET fencing_token = 8');
      const applying = stand.apply(ready(changes(firsts[size]), 1, next));
      await expect(applying).rejects.toMatchObject({code: 'lease-lost'});
      await sent;
      // When this is answered, everything that was sent before it has ended.
      await stand.writer.session.query('DO 1');
      expect((await stand.inShort()).users).toEqual([]);
      await expect(stand.apply(next)).rejects.toMatchObject({code: 'lease-lost'});
      expect((await stand.inShort()).users).toEqual([]);
    },
  );

  it.each(['few', 'many'] as const)('of %s of which one is refused are decided again', async size => {
    await stand.other.query(
      "INSERT INTO user (userId, name, email, password, createdAt, updatedAt) VALUES (99, 'n', 'u1@x.org', 'p', NOW(), NOW())",
    );
    const first = changes({...firsts[size], '1': user('1')}, {'1': institute('1')});
    const {next} = following(
      ready(changes(many(1000), {}, members('1:1', ...Object.keys(many(1000)).map(key => `1:${key}`))), 2),
    );
    await stand.apply(ready(first, 1, next));
    await stand.apply(next);
    const {users, memberships, letters} = await stand.inShort();
    expect(letters).toEqual(['user 1 unique-conflict']);
    expect(users).not.toContain('1');
    expect(memberships.length).toBe(MANY);
    expect(memberships).not.toContain('1:1');
  });

  it('are rolled back if the plan has changed since', async () => {
    const {next, sent} = large(2);
    await stand.apply(ready(changes(firsts.many), 1, next));
    await sent;
    stand.applier.plan = {...stand.plan};
    // Few rows, so that their transaction would commit the open one when it begins.
    await stand.apply(ready(changes({'3': user('3')}), 3));
    expect((await stand.inShort()).users.length).toBe(MANY + 1);
    await stand.apply(next);
    expect((await stand.inShort()).users.length).toBe(2 * MANY + 1);
  });

  it('are rolled back if the connection is lost during the commit', async () => {
    const {next, sent} = large(2);
    await stand.other.query('START TRANSACTION; SELECT * FROM sync_checkpoint FOR UPDATE');
    try {
      const applying = stand.apply(ready(changes(firsts.many), 1, next));
      applying.catch(() => undefined);
      await sent;
      const connectionId = await stand.untilWaiting(stand.writer.session);
      await stand.other.query(`KILL ${connectionId}`);
      await expect(applying).rejects.toMatchObject({code: 'target-unreachable'});
    } finally {
      await stand.other.query('COMMIT');
    }
    expect((await stand.inShort()).users).toEqual([]);
    await stand.apply(next, await stand.openWriter());
    expect((await stand.inShort()).users.length).toBe(MANY);
  });
});
