/** Texts of the log in other character sets than UTF-8. */
import {describe, expect, it} from 'vitest';
import {decoderOf} from '../../../replicator/decode/charsets.ts';
import {charsetsOf, ONE_WAY, PRESENT, type CharsetTable} from '../../../src/source/charset-tables.ts';

const char = (text: string, flags = 0) => (text.codePointAt(0) ?? 0) | PRESENT | flags;
/** A and ж of one byte, 漢 of two, か of three; 0x81 is another ж, and 0x82 the character 0. */
const single = new Uint32Array(256);
single[0x41] = char('A');
single[0x80] = char('ж');
single[0x81] = char('ж', ONE_WAY);
single[0x82] = PRESENT;
const table: CharsetTable = {
  single,
  longer: new Map([
    [0x8f41, char('漢')],
    [0x8fa1a2, char('か')],
  ]),
  longest: 3,
};
const tables = new Map([
  ['some', table],
  ['gb18030', {single, longer: new Map(), longest: 4}],
]);
const decoded = (charset: string, hex: string, isKey = false) =>
  decoderOf(charset, tables, isKey)(Buffer.from(hex, 'hex'))?.toString() ?? null;

describe('a text', () => {
  it.each([
    ['', ''],
    ['41', 'A'],
    ['4180414141', 'AжAAA'],
    ['8f418fa1a241', '漢かA'],
    ['8182', 'ж\0'],
  ])('of the bytes "%s" is read by the table', (hex, text) => {
    expect(decoded('some', hex)).toBe(text);
  });

  it.each([['42'], ['8f'], ['418f'], ['8fa1'], ['8fa141'], ['8f424141']])(
    'with bytes that are no character is uncertain: %s',
    hex => {
      expect(decoded('some', hex)).toBeNull();
    },
  );

  it('of a key is uncertain if other bytes have its characters', () => {
    expect(['80', '81', '4181'].map(hex => decoded('some', hex, true))).toEqual(['ж', null, null]);
  });

  it('in gb18030 has all characters beyond the basic plane', () => {
    expect(decoded('gb18030', '90308130')).toBe('\u{10000}');
    expect(decoded('gb18030', '419439fc3641')).toBe('A😀A');
    expect(decoded('gb18030', 'e3329a35')).toBe('\u{10ffff}');
    for (const hex of ['e3329a36', '8f308130', '90303030', '90308139ff', '903081'])
      expect(decoded('gb18030', hex), hex).toBeNull();
  });

  it('in ascii has no other characters, although a server stores their bytes', () => {
    expect([decoded('ascii', '41'), decoded('ascii', 'c3a9'), decoded('utf8mb3', 'c3a9')]).toEqual([
      'A',
      null,
      'é',
    ]);
  });

  it('in ucs2 has no characters of two halves', () => {
    expect([decoded('ucs2', '0041'), decoded('ucs2', 'd83dde42'), decoded('utf16', 'd83dde42')]).toEqual([
      'A',
      null,
      '🙂',
    ]);
  });

  it('without a table is certain if it is of letters and digits', () => {
    expect([decoded('cp1251', '41'), decoded('cp1251', 'c6'), decoded('swe7', '40')]).toEqual([
      'A',
      null,
      null,
    ]);
  });
});

it('tables are read for the character sets that need one', () => {
  const schema = (charset: string | null) => ({charset});
  const sources = [
    {schemas: [schema('cp1251'), schema('utf8mb4'), undefined, schema(null)]},
    {schemas: [schema('gbk'), schema('cp1251'), schema('latin1')]},
  ];
  expect([...charsetsOf(sources)]).toEqual(['cp1251', 'gbk']);
});
