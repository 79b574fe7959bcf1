import {describe, expect, it} from 'vitest';
import {ApplyLock} from '../../../src/apply/apply-lock.ts';

/** A task that runs until the test ends it. */
function task(log: string[], name: string) {
  let end: () => void = () => undefined;
  const gate = new Promise<void>(resolve => (end = resolve));
  return {
    run: async () => {
      log.push(`+${name}`);
      await gate;
      log.push(`-${name}`);
    },
    end: () => end(),
  };
}

const settle = () => new Promise<void>(resolve => setImmediate(resolve));

describe('the apply lock', () => {
  it('lets reconciler batches run together, and the stream alone', async () => {
    const lock = new ApplyLock();
    const log: string[] = [];
    const [a, b, stream] = [task(log, 'a'), task(log, 'b'), task(log, 'stream')];
    const all = [lock.shared(a.run), lock.shared(b.run), lock.exclusive(stream.run)];
    await settle();
    expect(log).toEqual(['+a', '+b']);
    a.end();
    await settle();
    expect(log).toEqual(['+a', '+b', '-a']);
    b.end();
    await settle();
    expect(log).toEqual(['+a', '+b', '-a', '-b', '+stream']);
    stream.end();
    await Promise.all(all);
  });

  it('lets nobody overtake, so that neither side starves', async () => {
    const lock = new ApplyLock();
    const log: string[] = [];
    const [a, stream, b] = [task(log, 'a'), task(log, 'stream'), task(log, 'b')];
    const all = [lock.shared(a.run), lock.exclusive(stream.run), lock.shared(b.run)];
    a.end();
    await settle();
    expect(log).toEqual(['+a', '-a', '+stream']);
    stream.end();
    b.end();
    await Promise.all(all);
    expect(log).toEqual(['+a', '-a', '+stream', '-stream', '+b', '-b']);
  });

  it('is released by a task that fails, and its caller gets the fault', async () => {
    const lock = new ApplyLock();
    await expect(lock.exclusive(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(lock.shared(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(lock.exclusive(() => Promise.resolve('yes'))).resolves.toBe('yes');
  });

  it('reserves the stream’s next turn if nobody waits before it', async () => {
    const lock = new ApplyLock();
    const log: string[] = [];
    const [first, second, chunk] = [task(log, 'first'), task(log, 'second'), task(log, 'chunk')];
    const streaming = lock.exclusive(first.run);
    const turn = lock.reserve() ?? undefined;
    expect(turn).toBeDefined();
    const waiting = lock.shared(chunk.run);
    expect(lock.reserve()).toBeNull();
    first.end();
    await streaming;
    await settle();
    expect(log).toEqual(['+first', '-first']);
    const next = lock.exclusive(second.run, turn);
    await settle();
    expect(log).toEqual(['+first', '-first', '+second']);
    second.end();
    await next;
    chunk.end();
    await waiting;
    expect(log.at(-1)).toBe('-chunk');
  });

  it.each(['before it has come', 'when it has come'])('continues after a turn is given up %s', async when => {
    const lock = new ApplyLock();
    const log: string[] = [];
    const [stream, chunk] = [task(log, 'stream'), task(log, 'chunk')];
    const streaming = lock.exclusive(stream.run);
    const turn = lock.reserve();
    const waiting = lock.shared(chunk.run);
    if (when === 'before it has come') turn?.leave();
    stream.end();
    await streaming;
    await settle();
    turn?.leave();
    turn?.leave();
    await settle();
    expect(log).toEqual(['+stream', '-stream', '+chunk']);
    chunk.end();
    await waiting;
    const last = task(log, 'last');
    last.end();
    await lock.exclusive(last.run);
    expect(log.at(-1)).toBe('-last');
  });
});
