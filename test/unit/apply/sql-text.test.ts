import {describe, expect, it} from 'vitest';
import {literal, SqlText} from '../../../src/apply/sql-text.ts';

describe('a literal', () => {
  it.each([
    [null, 'NULL'],
    ['', "''"],
    ['plain', "'plain'"],
    ["O'Brien", "'O\\'Brien'"],
    ['a\\', "'a\\\\'"],
    ["\\' OR 1=1 --", "'\\\\\\' OR 1=1 --'"],
    ['a\0b\nc\rd\x1ae', "'a\\0b\\nc\\rd\\Ze'"],
    ['say "x"', `'say "x"'`],
    ['🙂é\ufffd', "'🙂é\ufffd'"],
  ])('of %j is %s', (value, sql) => {
    expect(literal(value)).toBe(sql);
    const text = new SqlText();
    text.value(value);
    expect(text.take()).toBe(sql);
  });
});

describe('a text of SQL', () => {
  it('grows as needed, in any script', () => {
    const text = new SqlText();
    const name = "Łukasz 'the' 🙂";
    for (let i = 0; i < 20_000; i++) text.value(name);
    text.sql(' é');
    expect(text.take()).toBe(`${literal(name).repeat(20_000)} é`);
    text.value('x'.repeat(300_000));
    expect(text.take()).toBe(`'${'x'.repeat(300_000)}'`);
  });

  it('writes only numbers as numbers', () => {
    const text = new SqlText();
    const written = [
      '18446744073709551615',
      '-9223372036854775808',
      '',
      '-',
      '1e9',
      '0x1',
      ' 1',
      '123456789012345678901',
    ].map(value => {
      text.number(value);
      return text.take();
    });
    expect(written).toEqual([
      '18446744073709551615',
      '-9223372036854775808',
      "''",
      "'-'",
      "'1e9'",
      "'0x1'",
      "' 1'",
      "'123456789012345678901'",
    ]);
    text.number(null);
    expect(text.take()).toBe('NULL');
  });
});
