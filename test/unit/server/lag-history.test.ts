import {afterEach, beforeEach, expect, it, vi} from 'vitest';
import {LagHistory} from '../../../src/server/lag-history.ts';
import {RecordingOperations} from './recording-operations.ts';

beforeEach(() => vi.useFakeTimers({now: 0}));
afterEach(() => vi.useRealTimers());

it('samples the greatest lag every five seconds, and keeps the last hour', () => {
  const operations = new RecordingOperations();
  const history = new LagHistory(operations, {now: () => Date.now()});
  const stop = new AbortController();
  history.start(stop.signal);
  vi.advanceTimersByTime(5000);
  operations.change({}, {lagSeconds: null, rowsApplied: 2000});
  vi.advanceTimersByTime(5000);
  expect(history.columns()).toEqual({
    at: [0, 5, 10],
    lag: [0.012, 0.012, null],
    rows: [1337, 1337, 2000],
    transactions: [420, 420, 420],
  });
  vi.advanceTimersByTime(1500);
  operations.change({}, {lagSeconds: 4.2});
  vi.advanceTimersByTime(1000);
  operations.change({}, {lagSeconds: 0});
  vi.advanceTimersByTime(2500);
  expect(history.columns().lag).toEqual([0.012, 0.012, null, 4.2]);
  vi.advanceTimersByTime(2 * 3_600_000);
  const {at} = history.columns();
  expect(at).toHaveLength(720);
  expect((at.at(-1) ?? 0) - (at[0] ?? 0)).toBe(3595);
  stop.abort();
  expect(vi.getTimerCount()).toBe(0);
});
