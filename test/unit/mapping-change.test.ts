import {describe, expect, it} from 'vitest';
import {usedOtherMapping} from '../../src/mapping-change.ts';
import {LAAS} from '../helpers/laas-mapping.ts';

const position = {tag: 'mysql-gtid', set: 'a:1-7'} as const;
const other = {canonical: '[]'};

describe('the last reconcile', () => {
  it('used another mapping if the saved one differs', () => {
    const saved = {mapping: LAAS.canonical, position, pending: ''} as const;
    expect(usedOtherMapping(saved, LAAS)).toBe(false);
    expect(usedOtherMapping(saved, other)).toBe(true);
    expect(usedOtherMapping({...saved, pending: 'load'}, other)).toBe(true);
  });

  it('used the built-in one if an earlier version saved none', () => {
    const saved = {mapping: null, position, pending: ''} as const;
    expect(usedOtherMapping(saved, LAAS)).toBe(false);
    expect(usedOtherMapping(saved, other)).toBe(true);
  });

  it('used none if there was no run, or the first has not ended', () => {
    expect(usedOtherMapping(null, other)).toBe(false);
    expect(usedOtherMapping({mapping: null, position: null, pending: ''}, other)).toBe(false);
    expect(usedOtherMapping({mapping: null, position, pending: 'load'}, other)).toBe(false);
  });
});
