import {describe, expect, it} from 'vitest';
import {clientBlock, FailedAttempts} from '../../../src/server/failed-attempts.ts';

describe('FailedAttempts', () => {
  it('keeps addresses apart', () => {
    const attempts = new FailedAttempts();
    for (let i = 0; i < 20; i += 1) attempts.record('10.0.0.1', 0);
    expect(attempts.waitMs('10.0.0.1', 0)).toBe(3000);
    expect(attempts.waitMs('10.0.0.2', 0)).toBe(0);
  });

  it('forgets with time, until nothing is kept', () => {
    const attempts = new FailedAttempts();
    attempts.record('10.0.0.1', 0);
    expect(attempts.size).toBe(1);
    expect(attempts.waitMs('10.0.0.1', 3000)).toBe(0);
    expect(attempts.size).toBe(0);
  });

  it('stays bounded however many addresses come', () => {
    const attempts = new FailedAttempts();
    for (let i = 0; i < 12_000; i += 1) attempts.record(`10.0.${i >> 8}.${i & 255}`, 0);
    expect(attempts.size).toBe(10_000);
  });
});

describe('clientBlock', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::1', '::1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('%s is counted as %s', (address, block) => {
    expect(clientBlock(address)).toBe(block);
  });
});
