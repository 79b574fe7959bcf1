import {describe, expect, it} from 'vitest';
import {LagTracker} from '../../../src/status/lag.ts';

const at = (offset: number) => ({file: 'bin.000001', offset});
const NOW = 1_000_000_000;

describe('lag', () => {
  it('is unknown before anything is known, and never 0 then', () => {
    const lag = new LagTracker();
    expect(lag.lagSeconds(NOW)).toBeNull();
    lag.connected(NOW, 'a server');
    expect(lag.lagSeconds(NOW)).toBeNull();
    lag.logEnd(at(10));
    expect(lag.lagSeconds(NOW)).toBeNull();
  });

  it('is 0 when everything that the source has is applied', () => {
    const lag = new LagTracker();
    lag.connected(NOW, 'a server');
    lag.logEnd(at(10));
    lag.applied(at(10), NOW, true);
    expect(lag.lagSeconds(NOW + 60_000)).toBe(0);
    lag.applied(at(12), NOW, true);
    expect(lag.lagSeconds(NOW)).toBe(0);
  });

  it('grows from the time of the last catch-up while the source has more', () => {
    const lag = new LagTracker();
    lag.connected(NOW, 'a server');
    lag.logEnd(at(10));
    lag.applied(at(10), NOW, true);
    lag.logEnd(at(20));
    expect(lag.lagSeconds(NOW + 5000)).toBe(5);
  });

  it('is the age of the oldest waiting commit', () => {
    const lag = new LagTracker();
    lag.connected(NOW, 'a server');
    lag.pending(NOW - 30_000, NOW);
    lag.pending(NOW - 10_000, NOW);
    expect(lag.lagSeconds(NOW + 1000)).toBe(31);
    lag.applied(at(5), NOW, false);
    lag.pending(NOW - 10_000, NOW);
    expect(lag.lagSeconds(NOW)).toBe(10);
  });

  it('below the events’ resolution is measured from the receipt of the commit', () => {
    const lag = new LagTracker();
    lag.connected(NOW, 'a server');
    lag.pending(NOW - 900, NOW - 3);
    expect(lag.lagSeconds(NOW)).toBe(0.003);
  });

  it('is corrected by the difference of the clocks, and never negative', () => {
    const lag = new LagTracker();
    lag.connected(NOW, 'a server');
    lag.clockOffset(60_000);
    lag.pending(NOW + 50_000, NOW);
    expect(lag.lagSeconds(NOW)).toBe(10);
    lag.clockOffset(0);
    expect(lag.lagSeconds(NOW)).toBe(0);
  });

  it('is unknown after a move to another server, whose log has another end', () => {
    const lag = new LagTracker();
    lag.connected(NOW, 'a server');
    lag.logEnd(at(10), NOW);
    lag.disconnected();
    lag.connected(NOW, 'another server');
    lag.applied(at(20), NOW, true);
    expect([lag.lagSeconds(NOW), lag.freshEnd(NOW), lag.server]).toEqual([null, null, 'another server']);
  });

  it('grows while the connection is lost', () => {
    const lag = new LagTracker();
    lag.connected(NOW, 'a server');
    lag.logEnd(at(10));
    lag.applied(at(10), NOW, true);
    lag.disconnected();
    expect(lag.lagSeconds(NOW + 7000)).toBe(7);
  });
});
