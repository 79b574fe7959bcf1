import {describe, expect, it} from 'vitest';
import {unknownGtids} from '../../../src/source/position-check.ts';

describe('a MariaDB server that is to continue from a position', () => {
  it('knows the transactions of its log, from whichever server', () => {
    expect(unknownGtids('0-1-100', {state: '0-2-120,0-1-100', followed: ''})).toEqual([]);
    expect(unknownGtids('0-1-100,7-3-5', {state: '0-1-140,7-3-5', followed: ''})).toEqual([]);
    expect(unknownGtids('', {state: '', followed: ''})).toEqual([]);
  });

  it('knows its position as a replica, although that is not in its log', () => {
    expect(unknownGtids('0-1-100', {state: '', followed: '0-1-100'})).toEqual([]);
    expect(unknownGtids('0-1-100', {state: '', followed: '0-1-99'})).toEqual(['0-1-100']);
  });

  it('does not know other histories, nor anything with an empty log', () => {
    expect(unknownGtids('0-1-100', {state: '0-1-99,0-2-130', followed: ''})).toEqual(['0-1-100']);
    expect(unknownGtids('0-1-100,7-3-5', {state: '0-1-100,8-3-9', followed: ''})).toEqual(['7-3-5']);
    expect(unknownGtids('0-1-100', {state: '', followed: ''})).toEqual(['0-1-100']);
  });
});
