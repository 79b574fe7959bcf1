import {expect, it} from 'vitest';
import {Pace} from '../../../src/lifecycle/pace.ts';

it('the first run starts at once; later ones wait longer, up to a minute', () => {
  const pace = new Pace();
  let nowMs = 1_000_000;
  expect(pace.waitMs(nowMs)).toBe(0);
  const waits = [];
  for (let i = 0; i < 9; i++) {
    pace.ran(nowMs, nowMs + 10);
    nowMs += 10;
    waits.push(pace.waitMs(nowMs));
    nowMs += pace.waitMs(nowMs);
    expect(pace.waitMs(nowMs)).toBe(0);
  }
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
});

it('a long run is not repeated before as long has passed, and quiet ends the waits', () => {
  const pace = new Pace();
  pace.ran(0, 100);
  pace.ran(1000, 301_000);
  expect(pace.waitMs(301_000)).toBe(300_000);
  pace.ran(700_000, 700_100);
  expect(pace.waitMs(700_100)).toBe(500);
});
