import {describe, expect, it} from 'vitest';
import {whyNotInGroup, type Member} from '../../../src/source/membership.ts';

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
