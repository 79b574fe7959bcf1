import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest';
import {RemoteOperations} from '../../../src/server/thread/remote-operations.ts';
import type {ToDaemon} from '../../../src/server/thread/messages.ts';
import {status} from './recording-operations.ts';

function remote() {
  const posted: ToDaemon[] = [];
  const known = {status: status({deadLetters: 1}), isReady: true};
  const operations = new RemoteOperations({
    post: message => posted.push(message),
    known,
    silentAfterMs: 10_000,
  });
  return {operations, posted, known};
}

it('asks again each time: a pending answer may be outdated', async () => {
  const {operations, posted} = remote();
  const first = operations.refresh();
  const second = operations.refresh();
  const ids = posted.map(message => (message.tag === 'probe' ? message.id : null));
  expect(new Set(ids).size).toBe(2);
  operations.receive({
    tag: 'probed',
    id: ids[0] ?? 0,
    known: {status: status({deadLetters: 2}), isReady: true},
  });
  await first;
  expect(operations.status().deadLetters).toBe(2);
  operations.receive({
    tag: 'probed',
    id: ids[1] ?? 0,
    known: {status: status({deadLetters: 3}), isReady: false},
  });
  await second;
  expect([operations.status().deadLetters, operations.isReady()]).toEqual([3, false]);
});

it('sends a bounded number of probes to a daemon that does not answer', async () => {
  const {operations, posted} = remote();
  for (let i = 0; i < 20; i++) await Promise.all(Array.from({length: 50}, () => operations.refresh()));
  expect(posted.length).toBeLessThan(100);
  expect(operations.status().deadLetters).toBe(1);
});

describe('while the daemon is busy', () => {
  beforeEach(() => vi.useFakeTimers({toFake: ['performance', 'setTimeout', 'clearTimeout']}));
  afterEach(() => vi.useRealTimers());

  const turn = () => new Promise<string>(resolve => setImmediate(resolve, 'waits'));
  const outcome = (refreshed: Promise<void>) => Promise.race([refreshed.then(() => 'is there'), turn()]);
  const answer = ({operations, posted, known}: ReturnType<typeof remote>) => {
    const probe = posted.at(-1);
    operations.receive({tag: 'probed', id: probe?.tag === 'probe' ? probe.id : 0, known});
  };

  it('waits for no answer until none has been late for a second', async () => {
    const daemon = remote();
    const first = daemon.operations.refresh();
    expect(await outcome(first)).toBe('waits');
    vi.advanceTimersByTime(5);
    expect(await outcome(first)).toBe('is there');
    answer(daemon);
    expect(await outcome(daemon.operations.refresh())).toBe('is there');
    answer(daemon);
    expect(await outcome(daemon.operations.refresh())).toBe('is there');
    answer(daemon);
    vi.advanceTimersByTime(1001);
    const waiting = daemon.operations.refresh();
    expect(await outcome(waiting)).toBe('waits');
    answer(daemon);
    expect(await outcome(waiting)).toBe('is there');
  });

  it('still asks, one probe at a time, so that answers are recent', async () => {
    const daemon = remote();
    void daemon.operations.refresh();
    vi.advanceTimersByTime(5);
    answer(daemon);
    for (let i = 0; i < 5; i++) await daemon.operations.refresh();
    expect(daemon.posted).toHaveLength(2);
    answer(daemon);
    await daemon.operations.refresh();
    expect(daemon.posted).toHaveLength(3);
  });
});
