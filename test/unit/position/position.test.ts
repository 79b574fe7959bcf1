import {describe, expect, it} from 'vitest';
import {
  canonicalSet,
  compareOffsets,
  fileNumber,
  formatPosition,
  parsePosition,
  setCovers,
} from '../../../src/position/position.ts';

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const B = '00000000-71ca-11e1-9e33-c80aa9429562';

describe('a position', () => {
  it.each([
    `mysql-gtid ${A}:1-5`,
    'mysql-gtid ',
    `mysql-gtid ${B}:1-5:7-9,${A}:3`,
    'mariadb-gtid 0-1-100,1-2-18446744073709551615',
    'mariadb-gtid ',
    'file mysql-bin.000042:4',
    'file name:with:colons.000001:5368709120',
  ])('%j is read and written the same', text => {
    expect(formatPosition(parsePosition(text))).toBe(text);
  });

  it('is read in canonical form', () => {
    expect(parsePosition(`mysql-gtid ${A}:1-3:4-5,\n${B}:2`)).toEqual({
      tag: 'mysql-gtid',
      set: `${B}:2,${A}:1-5`,
    });
  });

  it.each([
    '',
    'gtid x',
    'file x',
    'file x:-1',
    'file x:1.5',
    'file :4',
    'mysql-gtid nonsense',
    'mariadb-gtid 1-2',
  ])('%j is not a position', text => {
    expect(() => parsePosition(text)).toThrow();
  });
});

describe('a GTID set', () => {
  it('is written in one form, however a server prints it', () => {
    expect(canonicalSet(`${A}:5:1-3,\n ${B}:1 `)).toBe(`${B}:1,${A}:1-3:5`);
    expect(canonicalSet('')).toBe('');
  });

  it('covers its parts and nothing else', () => {
    expect(setCovers(`${A}:1-10,${B}:1`, `${A}:3-5`)).toBe(true);
    expect(setCovers(`${A}:1-10`, `${A}:1-11`)).toBe(false);
    expect(setCovers(`${A}:1-3:5-9`, `${A}:4`)).toBe(false);
    expect(setCovers(`${A}:1-10`, `${B}:1`)).toBe(false);
    expect(setCovers('', `${A}:1`)).toBe(false);
    expect(setCovers(`${A}:1`, '')).toBe(true);
    expect(setCovers('', '')).toBe(true);
  });
});

describe('offsets', () => {
  it('are ordered by the number of their file, and then by the offset, past 4 GiB too', () => {
    const at = (file: string, offset: number) => ({file, offset});
    expect(compareOffsets(at('bin.999999', 9), at('bin.1000000', 4))).toBeLessThan(0);
    expect(compareOffsets(at('bin.000002', 4), at('bin.000001', 5_000_000_000))).toBeGreaterThan(0);
    expect(compareOffsets(at('bin.000001', 5_000_000_000), at('bin.000001', 5_000_000_001))).toBeLessThan(0);
    expect(compareOffsets(at('bin.000001', 7), at('bin.000001', 7))).toBe(0);
    expect(fileNumber('a.b.000010')).toBe(10);
  });
});
