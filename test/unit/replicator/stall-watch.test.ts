import {describe, expect, it} from 'vitest';
import {StallWatch, type Sighting} from '../../../replicator/stall-watch.ts';

const at = (offset: number) => ({file: 'binlog.000001', offset});
const sighting = (seconds: number, more: Partial<Sighting> = {}): Sighting => ({
  nowMs: seconds * 1000,
  searching: false,
  events: 1,
  received: at(100),
  end: at(200),
  ...more,
});

/** The results of a watch with one sighting a second. */
function seen(make: (second: number) => Sighting | 'paused', seconds = 30): number | null {
  const watch = new StallWatch();
  for (let second = 0; second <= seconds; second++) {
    const now = make(second);
    if (now === 'paused') watch.reset();
    else if (watch.isStalled(now)) return second;
  }
  return null;
}

describe('a stream', () => {
  it('stalls if the log is elsewhere for ten seconds and no event comes', () => {
    expect(seen(second => sighting(second))).toBe(11);
    expect(seen(second => sighting(second, {end: at(50)}))).toBe(11);
  });

  it('does not stall with events, at the log’s end, or with an unknown end', () => {
    expect(seen(second => sighting(second, {events: second}))).toBeNull();
    expect(seen(second => sighting(second, {received: at(second)}))).toBeNull();
    expect(seen(second => sighting(second, {end: at(100)}))).toBeNull();
    expect(seen(second => sighting(second, {end: null}))).toBeNull();
    expect(seen(second => sighting(second, {received: null}))).toBeNull();
  });

  it('does not stall while the source searches its log, nor ten seconds after', () => {
    expect(seen(second => sighting(second, {searching: true}))).toBeNull();
    expect(seen(second => sighting(second, {searching: second < 15}))).toBe(25);
  });

  it('does not stall while it is paused, and has ten seconds again afterwards', () => {
    expect(seen(second => (second % 9 === 0 ? 'paused' : sighting(second)))).toBeNull();
    expect(seen(second => (second < 8 ? 'paused' : sighting(second)))).toBe(19);
  });
});
