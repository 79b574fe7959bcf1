import {describe, expect, it} from 'vitest';
import {QuietSaves} from '../../../replicator/quiet-saves.ts';

const at = (offset: number, file = 'log.000001') => ({
  position: {tag: 'file', file, offset} as const,
  offset: {file, offset},
});

/** The number of saves in a minute, if the log grows by so much each second and by each save itself. */
function savesOfAMinute(bytesPerSecond: number, bytesPerSave: number): number {
  const saves = new QuietSaves(at(0), 0);
  let end = 0;
  let count = 0;
  for (let nowMs = 0; nowMs < 60_000; nowMs += 100) {
    end += bytesPerSecond / 10;
    const progress = at(end);
    if (!saves.isDue(progress, nowMs)) continue;
    saves.saved(progress, nowMs);
    end += bytesPerSave;
    count++;
  }
  return count;
}

describe('a position without mapped rows', () => {
  it('is not saved if it does not move', () => {
    expect(savesOfAMinute(0, 0)).toBe(0);
  });

  it('is saved once when it begins, and when it ceases, to prove parents', () => {
    const saves = new QuietSaves(at(0), 0);
    const due: [number, boolean][] = [];
    for (let nowMs = 0; nowMs < 20_000; nowMs += 100) {
      const progress = {...at(1), parentsProven: nowMs > 5000 && nowMs < 9000};
      if (!saves.isDue(progress, nowMs)) continue;
      saves.saved(progress, nowMs);
      due.push([nowMs, progress.parentsProven]);
    }
    expect(due).toEqual([
      [5100, true],
      [9000, false],
    ]);
  });

  it('is saved rarely if only saves of streams are logged', () => {
    expect(savesOfAMinute(1, 700)).toBeLessThanOrEqual(2);
    expect(savesOfAMinute(50_000, 700)).toBeLessThanOrEqual(3);
  });

  it('is saved at most once a second if much is logged', () => {
    const saves = savesOfAMinute(10_000_000, 700);
    expect(saves).toBeGreaterThan(50);
    expect(saves).toBeLessThanOrEqual(60);
  });

  it('is saved soon after the log has a new file, and if only its GTID moves', () => {
    const saves = new QuietSaves(at(100), 0);
    expect(saves.isDue(at(4, 'log.000002'), 1000)).toBe(true);
    const gtid = (value: string) => ({position: {tag: 'mariadb-gtid', gtids: value} as const, offset: null});
    const byGtid = new QuietSaves(gtid('0-1-1'), 0);
    expect(byGtid.isDue(gtid('0-1-2'), 29_000)).toBe(false);
    expect(byGtid.isDue(gtid('0-1-2'), 30_000)).toBe(true);
    expect(byGtid.isDue(gtid('0-1-1'), 30_000)).toBe(false);
  });
});
