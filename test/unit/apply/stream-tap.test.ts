import {describe, expect, it} from 'vitest';
import {LEFT, REREAD} from '../../../src/apply/change-set.ts';
import {StreamTap} from '../../../src/apply/stream-tap.ts';
import type {Position} from '../../../src/position/position.ts';
import {entityOf, plan, user} from '../plan-fixture.ts';
import {changeSet, flagged} from './changes-fixture.ts';

const at = (offset: number, file = 'bin.000001') => ({file, offset});
const position: Position = {tag: 'mariadb-gtid', gtids: '0-1-1'};
const never = new AbortController().signal;

/** Whether a promise is settled, by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  await new Promise<void>(resolve => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe('the tap', () => {
  it('knows no position while the stream does not run', async () => {
    const tap = new StreamTap();
    expect([tap.position, tap.need]).toEqual([null, null]);
    await tap.reached(at(10), never);
    tap.applied(position, at(5));
    expect(tap.position).toEqual({position, offset: at(5)});
    tap.stopped();
    expect(tap.position).toBeNull();
  });

  it('ends the waits for a position when the stream has passed it', async () => {
    const tap = new StreamTap();
    tap.applied(position, at(5));
    const [near, far] = [tap.reached(at(10), never), tap.reached(at(4, 'bin.000002'), never)];
    tap.applied(position, at(9));
    expect([await isSettled(near), await isSettled(far)]).toEqual([false, false]);
    tap.applied(position, at(10));
    expect([await isSettled(near), await isSettled(far)]).toEqual([true, false]);
    tap.applied(position, at(4, 'bin.000002'));
    expect(await isSettled(far)).toBe(true);
  });

  it('ends the waits when the stream stops, or their signal aborts', async () => {
    const tap = new StreamTap();
    tap.applied(position, at(5));
    const stop = new AbortController();
    const [reached, other] = [tap.reached(at(10), stop.signal), tap.reached(at(10), never)];
    stop.abort();
    expect([await isSettled(reached), await isSettled(other)]).toEqual([true, false]);
    tap.stopped();
    expect(await isSettled(other)).toBe(true);
    await tap.reached(at(10), stop.signal);
  });

  it('refuses reads from another server, until the stream stops', () => {
    const tap = new StreamTap();
    tap.assertReads('a');
    tap.reads('b');
    tap.assertReads('b');
    expect(() => tap.assertReads('a')).toThrow('another server');
    tap.stopped();
    tap.assertReads('a');
  });

  it('waits if the stream’s offset in the log is not known', async () => {
    const tap = new StreamTap();
    tap.applied(position, null);
    const waiting = tap.reached(at(10), never);
    expect(await isSettled(waiting)).toBe(false);
    tap.stopped();
    await waiting;
  });

  it('notes the keys that the stream touches in every open window, and no closed one', () => {
    const tap = new StreamTap();
    const [open, closed] = [tap.open(), tap.open()];
    closed.close();
    const plans = plan();
    tap.applying(
      plans,
      changeSet(plans, {
        user: {1: user('1'), 2: null, 3: flagged(user('3'), LEFT)},
        institute: {7: null},
        institute_users: {'7:1': null, '7:3': flagged(null, REREAD)},
      }),
    );
    const [users, institutes] = [entityOf(plans, 'user'), entityOf(plans, 'institute')];
    expect([...open.touched(users)]).toEqual(['1', '2', '3']);
    expect([...open.left(users)]).toEqual(['2', '3']);
    expect([[...open.touched(institutes)], [...open.left(institutes)]]).toEqual([['7'], ['7']]);
    expect([...open.touched(entityOf(plans, 'institute_users'))]).toEqual(['7:1', '7:3']);
    expect(closed.touched(users).size).toBe(0);
  });
});
