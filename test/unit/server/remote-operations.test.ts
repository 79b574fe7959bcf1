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
