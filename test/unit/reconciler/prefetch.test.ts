import {expect, it} from 'vitest';
import {prefetch} from '../../../reconciler/prefetch.ts';

/** Counts up to `end`, and records what was requested. */
async function* counted(end: number, asked: number[]): AsyncGenerator<number> {
  for (let i = 1; i <= end; i++) {
    asked.push(i);
    yield await Promise.resolve(i);
  }
}

it('yields all in order, and requests each before the previous one is finished', async () => {
  const asked: number[] = [];
  const seen: {item: number; asked: number}[] = [];
  for await (const item of prefetch(counted(3, asked), () => expect.fail('nothing is left over'))) {
    await Promise.resolve();
    seen.push({item, asked: asked.length});
  }
  expect(seen).toEqual([
    {item: 1, asked: 2},
    {item: 2, asked: 3},
    {item: 3, asked: 3},
  ]);
});

it('releases an item that was not taken, whether the consumer leaves or fails', async () => {
  for (const leave of [() => 'leaves', () => expect.fail('fails')]) {
    const discarded: number[] = [];
    const consume = async () => {
      for await (const item of prefetch(counted(9, []), left => discarded.push(left)))
        if (item === 2 && leave() === 'leaves') break;
    };
    await consume().catch(() => undefined);
    expect(discarded).toEqual([3]);
  }
});

it('reports a failure in place of its item, after the previous items', async () => {
  async function* failing(): AsyncGenerator<number> {
    yield await Promise.resolve(1);
    throw new Error('no second');
  }
  const seen: number[] = [];
  const consume = async () => {
    for await (const item of prefetch(failing(), () => expect.fail('nothing is left over'))) seen.push(item);
  };
  await expect(consume()).rejects.toThrow('no second');
  expect(seen).toEqual([1]);
});
