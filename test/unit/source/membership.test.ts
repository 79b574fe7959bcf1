import {describe, expect, it} from 'vitest';
import {GaleraProgress, whyNotInGroup, type Member} from '../../../src/source/membership.ts';

const group = (own: string, ...others: string[]): Member[] => [
  {state: own, isOwn: true},
  ...others.map(state => ({state, isOwn: false})),
];

describe('a member’s view of its group', () => {
  it('does not matter for a server without one', () => {
    expect(whyNotInGroup([], false)).toBeNull();
    expect(whyNotInGroup([{state: 'OFFLINE', isOwn: false}], false)).toBeNull();
  });

  it('is a fault if the member has left it, or its majority is unreachable', () => {
    expect(whyNotInGroup(group('ONLINE', 'ONLINE', 'UNREACHABLE'), true)).toBeNull();
    expect(whyNotInGroup(group('RECOVERING', 'ONLINE'), false)).toBeNull();
    expect(whyNotInGroup(group('ONLINE', 'UNREACHABLE', 'UNREACHABLE'), true)).toContain('majority');
    expect(whyNotInGroup(group('ONLINE', 'UNREACHABLE'), true)).toContain('majority');
    expect(whyNotInGroup(group('ERROR', 'ONLINE'), false)).toContain('ERROR');
    expect(whyNotInGroup(group('OFFLINE'), true)).toContain('OFFLINE');
  });
});

describe('a node of Galera', () => {
  it('is left if it is not Synced, and applies nothing of what waits', () => {
    const progress = new GaleraProgress();
    const at = (ms: number, state = 'Donor/Desynced', committed = '7', waiting = 3) =>
      progress.whyStuck({state, committed, waiting}, ms);
    expect(at(0)).toBeNull();
    expect(at(4000)).toBeNull();
    expect(at(5000)).toContain('Donor/Desynced');
    expect(at(6000, 'Donor/Desynced', '8')).toBeNull();
    expect(at(11_000, 'Synced', '8')).toBeNull();
    expect(at(15_000, 'Donor/Desynced', '8')).toBeNull();
    expect(at(16_000, 'Donor/Desynced', '8', 0)).toBeNull();
    expect(at(21_000, 'Donor/Desynced', '8')).toContain('applies nothing');
  });
});
