import {describe, expect, it} from 'vitest';
import {shareOut} from '../../../reconciler/share-out.ts';
import {StoppedError} from '../../../src/errors.ts';

/** A gate that the test opens. */
function gate(): {opened: Promise<void>; open: () => void} {
  let open = () => {};
  const opened = new Promise<void>(resolve => (open = resolve));
  return {opened, open};
}

const signal = new AbortController().signal;
async function* pieces(end: number): AsyncGenerator<number> {
  for (let i = 1; i <= end; i++) yield await Promise.resolve(i);
}

describe('work that is shared out', () => {
  it('is done once each, by any worker that is free', async () => {
    const done: [string, number][] = [];
    const slow = gate();
    await shareOut(
      pieces(5),
      ['a', 'b'],
      async (worker, piece) => {
        if (piece === 1) await slow.opened;
        if (piece === 5) slow.open();
        done.push([worker, piece]);
      },
      signal,
    );
    expect(done).toEqual([
      ['b', 2],
      ['b', 3],
      ['b', 4],
      ['b', 5],
      ['a', 1],
    ]);
  });

  it('ends with the first fault, when the other workers have finished', async () => {
    const done: number[] = [];
    const other = gate();
    const sharing = shareOut(
      pieces(9),
      ['a', 'b'],
      async (_, piece) => {
        if (piece === 1) throw new Error('the first');
        await other.opened;
        done.push(piece);
      },
      signal,
    );
    setImmediate(other.open);
    await expect(sharing).rejects.toThrow('the first');
    expect(done).toEqual([2]);
  });

  it('does not begin after a stop', async () => {
    const stop = new AbortController();
    const done: number[] = [];
    const sharing = shareOut(
      pieces(3),
      ['a'],
      (_, piece) => {
        done.push(piece);
        stop.abort();
        return Promise.resolve();
      },
      stop.signal,
    );
    await expect(sharing).rejects.toThrow(StoppedError);
    expect(done).toEqual([1]);
  });
});
