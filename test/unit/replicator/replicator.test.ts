import {expect, it, vi} from 'vitest';
import {runReplicator, type ReplicatorDeps} from '../../../replicator/replicator.ts';
import {classify} from '../../../src/db/faults.ts';

/** How long it waits after each of so many attempts that end with the same error. */
async function waits(code: string, count: number): Promise<number[]> {
  const stop = new AbortController();
  const told: number[] = [];
  const note = (fields: unknown) => {
    told.push(Number((fields as {ms?: number}).ms));
    if (told.length === count) stop.abort();
  };
  const deps: Partial<ReplicatorDeps> = {
    connect: () => Promise.reject(classify('source', Object.assign(new Error('no'), {code}))),
    onState: () => undefined,
    onReconnect: () => undefined,
    logger: {info: note, warn: note} as unknown as ReplicatorDeps['logger'],
  };
  vi.useFakeTimers();
  try {
    const running = runReplicator(deps as ReplicatorDeps, stop.signal);
    while (told.length < count) await vi.advanceTimersByTimeAsync(1000);
    await running;
  } finally {
    vi.useRealTimers();
  }
  return told;
}

it.each(['ECONNREFUSED', 'ECONNRESET', 'PROTOCOL_CONNECTION_LOST'])(
  'a source that answers with %s is tried again within two seconds, however often',
  async code => {
    expect(Math.max(...(await waits(code, 15)))).toBeLessThanOrEqual(2000);
  },
);

it('a source that does not answer is tried again more and more seldom', async () => {
  expect(Math.max(...(await waits('ETIMEDOUT', 15)))).toBeGreaterThan(5000);
});
