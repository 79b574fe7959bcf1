import {describe, expect, it} from 'vitest';
import {Backoff, pause} from '../../../src/lifecycle/backoff.ts';

describe('backoff', () => {
  it('doubles up to its cap, and starts again after a success', () => {
    const backoff = new Backoff({firstMs: 100, maxMs: 1000});
    const steps = Array.from({length: 6}, () => backoff.nextMs(() => 1));
    expect(steps).toEqual([100, 200, 400, 800, 1000, 1000]);
    expect(backoff.failures).toBe(6);
    backoff.reset();
    expect([backoff.failures, backoff.nextMs(() => 1)]).toEqual([0, 100]);
  });

  it('waits at least half of a step', () => {
    expect(new Backoff({firstMs: 100, maxMs: 1000}).nextMs(() => 0)).toBe(50);
  });

  it('stays finite after very many failures', () => {
    const backoff = new Backoff({firstMs: 100, maxMs: 15_000});
    for (let i = 0; i < 5000; i++) backoff.nextMs();
    expect(backoff.nextMs(() => 1)).toBe(15_000);
  });
});

describe('a pause', () => {
  it('is ended early and quietly by its signal', async () => {
    const stop = new AbortController();
    const waiting = pause(60_000, stop.signal);
    stop.abort();
    await waiting;
    await pause(60_000, stop.signal);
  });
});
