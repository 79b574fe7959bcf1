import {describe, expect, it} from 'vitest';
import {canonicalJson, decimalsIn} from '../../../src/mapping/json-text.ts';

describe('documents that MySQL considers equal', () => {
  it.each([
    ['{"b": 1, "a": [2]}', '{"a":[2],"b":1}'],
    ['1e2', '100.0'],
    ['{"a": 1, "a": 2}', '{"a": 2}'],
    ['"\\u0061"', '"a"'],
    ['-0', '0'],
    ['[1.5e0]', '[1.50]'],
    ['[1.0, 100, -0.0]', '[1, 1e2, 0.00]'],
    ['1e-7', '0.0000001'],
    ['123456789012345678901234567890', '123456789012345678901234567890.0'],
  ])('%s and %s are one', (one, other) => {
    expect(canonicalJson(one)).toBe(canonicalJson(other));
  });

  it.each([
    ['9007199254740993', '9007199254740992'],
    ['1', '-1'],
    ['1', '10'],
    ['1', '"1"'],
    ['"n1"', '1'],
    ['"1.50"', '"1.5"'],
    ['0.1234567890123456789', '0.1234567890123456788'],
    ['{"1.0": 1}', '{"1": 1}'],
  ])('%s and %s are two', (one, other) => {
    expect(canonicalJson(one)).not.toBe(canonicalJson(other));
  });

  it('are themselves if they are not JSON', () => {
    expect(canonicalJson('{"a": 1.50')).toBe('{"a": 1.50');
  });
});

describe('decimals in a document', () => {
  it.each([
    ['{"a": 1.5, "b": [1, 2.0, -3e10, 0.0, -0.00, null]}', {}],
    ['["1.50", "a\\"2.50"]', {}],
    ['1.50', {$: '1.50'}],
    ['-123456789012345678901234567890', {$: '-123456789012345678901234567890'}],
    ['[0.10, [2, 3.00], {"a": {"b": 4.40}}]', {'$[0]': '0.10', '$[1][1]': '3.00', '$[2]."a"."b"': '4.40'}],
    ['{"a.b\\"": {"": 1.10}}', {'$."a.b\\"".""': '1.10'}],
    ['{"a": [1.50], "a": 7}', {}],
    ['{"a": [1.50], "ab": 2.50, "a": [9]}', {'$."ab"': '2.50'}],
    ['{"a": 1.50, "\\u0061": 2.50}', {'$."a"': '2.50'}],
  ])('%s are %j', (text, wanted) => {
    expect(Object.fromEntries(decimalsIn(text).map(({path, number}) => [path, number]))).toEqual(wanted);
  });

  it('are found beside a text of millions of escapes', () => {
    const text = `["${'\\"'.repeat(4_000_000)}", 1.50]`;
    expect(decimalsIn(text)).toEqual([{path: '$[1]', number: '1.50'}]);
    expect(canonicalJson(text).length).toBeGreaterThan(8_000_000);
  });

  it('are those of the last of many members with one name', () => {
    const members = Array.from({length: 30_000}, (_, i) => `"m${i}": {"a": 1.50}, "a": 2.${i}0`);
    expect(decimalsIn(`{${members.join(', ')}}`)).toHaveLength(30_001);
  });
});
