import {expect, it} from 'vitest';
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

it('asks each time anew, so that an answer that is under way is not taken for one of now', async () => {
  const {operations, posted} = remote();
  const first = operations.refresh();
  const second = operations.refresh();
  const ids = posted.map(message => (message.tag === 'look' ? message.id : null));
  expect(new Set(ids).size).toBe(2);
  operations.receive({
    tag: 'looked',
    id: ids[0] ?? 0,
    known: {status: status({deadLetters: 2}), isReady: true},
  });
  await first;
  expect(operations.status().deadLetters).toBe(2);
  operations.receive({
    tag: 'looked',
    id: ids[1] ?? 0,
    known: {status: status({deadLetters: 3}), isReady: false},
  });
  await second;
  expect([operations.status().deadLetters, operations.isReady()]).toEqual([3, false]);
});

it('heaps up no questions before a daemon that does not answer', async () => {
  const {operations, posted} = remote();
  for (let i = 0; i < 20; i++) await Promise.all(Array.from({length: 50}, () => operations.refresh()));
  expect(posted.length).toBeLessThan(100);
  expect(operations.status().deadLetters).toBe(1);
});

it('waits for no answer while the daemon is busy, and does again once one comes in time', async () => {
  const {operations, posted, known} = remote();
  const turn = () => new Promise<string>(resolve => setImmediate(resolve, 'waits'));
  const refreshed = () => operations.refresh().then(() => 'is there');
  const answer = () => {
    const look = posted.at(-1);
    operations.receive({tag: 'looked', id: look?.tag === 'look' ? look.id : 0, known});
  };
  await operations.refresh();
  expect(await Promise.race([refreshed(), turn()])).toBe('is there');
  const last = operations.refresh();
  answer();
  await last;
  const waiting = refreshed();
  expect(await Promise.race([waiting, turn()])).toBe('waits');
  answer();
  expect(await waiting).toBe('is there');
});
