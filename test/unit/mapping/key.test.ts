/** How long a key can be: the tables that hold keys have room for 512 characters. */
import {describe, expect, it} from 'vitest';
import {NO_CASCADES} from '../../../src/mapping/cascades.ts';
import {invalidCode} from '../../../src/mapping/checks.ts';
import {parseMapping} from '../../../src/mapping/file/read.ts';
import {KeyCodec} from '../../../src/mapping/key.ts';
import {buildPlan} from '../../../src/mapping/plan.ts';
import type {ColumnSchema} from '../../../src/mapping/schema.ts';
import {column, table} from '../plan-fixture.ts';

type Part = readonly [type: string, schema?: Partial<ColumnSchema>];

/** The plan of a table with a key of these columns. */
function planOf(source: readonly Part[], target: readonly Part[] = source) {
  const names = source.map((_, i) => `k${i}`);
  const columns = Object.fromEntries(names.map(name => [name, name]));
  const mapping = parseMapping(
    JSON.stringify({version: 1, tables: {t: {from: 's', key: names, columns}}}),
    'test',
  );
  const schemaOf = (parts: readonly Part[]) =>
    table([names], ...parts.map(([type, schema], i) => column(`k${i}`, type, schema)));
  return buildPlan(
    mapping,
    {tables: new Map([['s', schemaOf(source)]]), enforced: [], cascades: NO_CASCADES},
    {tables: new Map([['t', schemaOf(target)]]), references: [], referringSchemas: null},
  );
}

const text = (maxLength: number): Part => ['varchar', {maxLength}];
const bytes = (maxLength: number): Part => ['varbinary', {maxLength}];
const INT: Part = ['bigint'];

describe('the length of a key', () => {
  it.each<[string, readonly Part[], (readonly Part[])?]>([
    ['four texts of a UUID', [text(36), text(36), text(36), text(36)]],
    ['a text and three numbers', [text(255), INT, INT, INT]],
    ['two texts', [text(255), text(255)]],
    ['one of 255 bytes', [bytes(255)]],
    ['two of 127 bytes', [bytes(127), bytes(127)]],
    ['short texts in longer columns', [text(100), text(100), text(100)], [text(255), text(255), text(255)]],
    ['numbers in texts', [INT, INT, INT], [text(255), text(255), text(255)]],
  ])('is fine: %s', (_, source, target) => {
    expect(() => planOf(source, target)).not.toThrow();
  });

  it.each<[string, number, readonly Part[], (readonly Part[])?]>([
    ['four texts', 1023, [text(255), text(255), text(255), text(255)]],
    ['two of 255 bytes', 1021, [bytes(255), bytes(255)]],
    ['a text in a column for bytes', 520, [text(65)], [bytes(255)]],
    ['two of 128 bytes', 513, [bytes(128), bytes(128)]],
    ['a long text in a short column', 65_535, [['text', {maxLength: 65_535}]], [text(36)]],
  ])('is refused with its number of characters: %s', (_, length, source, target) => {
    expect(() => planOf(source, target)).toThrow(
      `the key of t has up to ${length} characters by its columns in s, where a byte counts as two; 512 are supported`,
    );
  });

  it('is refused in a row whose key has many characters that are escaped', () => {
    const codec = new KeyCodec([
      {name: 'a', family: 'text'},
      {name: 'b', family: 'integer'},
    ]);
    expect(codec.of(['x'.repeat(255), '1'], [0, 1])).toHaveLength(257);
    expect(codec.of([':'.repeat(170), '1'], [0, 1])).toHaveLength(512);
    expect(() => codec.of([':'.repeat(171), '1'], [0, 1])).toThrow(
      'a row has a key on (a, b) of 515 characters, where each colon and each percent sign counts as three; 512 are supported',
    );
  });
});

describe('the code of a check', () => {
  it('is no longer than its column, whatever the name', () => {
    expect(invalidCode('aB'.repeat(32))).toHaveLength(80);
    expect(invalidCode('shortTitle')).toBe('invalid-short-title');
  });
});
