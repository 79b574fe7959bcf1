/** The text of a key, and how long it can be: the tables that hold keys have room for 512 characters. */
import {fc} from '../../helpers/draws.ts';
import {describe, expect, it} from 'vitest';
import {NO_CASCADES} from '../../../src/mapping/cascades.ts';
import {invalidCode} from '../../../src/mapping/checks.ts';
import {parseMapping} from '../../../src/mapping/file/read.ts';
import type {Family} from '../../../src/mapping/families.ts';
import {shownKey} from '../../../src/mapping/key-text.ts';
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
});

/** Characters that could make two keys one text: separators, escapes, blanks, and those of the second form. */
const texts = fc.oneof(
  fc.string({
    unit: fc.constantFrom(
      ':',
      '%',
      ' ',
      '25',
      '3A',
      '\u2420',
      '\u{100000}',
      '\u{100002}',
      '\u{f0001}',
      'a',
      'é',
      '🎓',
    ),
    maxLength: 6,
  }),
  fc
    .tuple(fc.constantFrom(':', '%', ' ', '🎓'), fc.nat({max: 200}))
    .map(([unit, count]) => unit.repeat(count)),
);
const draws = fc
  .tuple(
    fc.constantFrom<readonly Family[]>(
      ['text'],
      ['text', 'text'],
      ['text', 'text', 'integer'],
      ['integer', 'text'],
    ),
    fc.array(fc.tuple(texts, texts, fc.nat({max: 9})), {minLength: 2, maxLength: 4}),
  )
  .map(([families, rows]) => ({
    codec: new KeyCodec(families.map((family, i) => ({name: `k${i}`, family}))),
    places: families.map((_, i) => i),
    rows: rows.map(([a, b, n]) =>
      families.map((family, i) =>
        family === 'integer' ? String(n) : i === 1 && families.length > 1 ? b : a,
      ),
    ),
  }));

describe('the text of a key', () => {
  it('can be split into its values, and two keys never have one text', () => {
    fc.assert(
      fc.property(draws, ({codec, places, rows}) => {
        const keys = rows.map(row => codec.of(row, places) ?? '');
        expect(keys.map(key => codec.split(key))).toEqual(rows);
        // A server compares them without the spaces at their ends.
        const stored = keys.map(key => key.replace(/ +$/, ''));
        const scopes = keys.map(key => codec.scopeOf(key).scope.replace(/ +$/, ''));
        for (const [i, one] of rows.entries())
          for (const [j, other] of rows.entries()) {
            expect(stored[i] === stored[j]).toBe(JSON.stringify(one) === JSON.stringify(other));
            if (codec.endsInInteger && codec.columns.length > 1)
              expect(scopes[i] === scopes[j]).toBe(
                JSON.stringify(one.slice(0, -1)) === JSON.stringify(other.slice(0, -1)),
              );
          }
      }),
      {numRuns: 2000},
    );
  });

  it('can be built from its scope and its last part', () => {
    fc.assert(
      fc.property(draws, ({codec, places, rows}) => {
        for (const row of rows) {
          const key = codec.of(row, places) ?? '';
          const {scope, id} = codec.scopeOf(key);
          expect(codec.within(scope, id)).toBe(key);
          expect([codec.scopeBefore(key, codec.lastAt(key)), key.slice(codec.lastAt(key))]).toEqual([
            scope,
            id,
          ]);
          if (codec.endsInInteger) expect(id).toBe(row.at(-1));
        }
      }),
    );
  });

  it('is no longer than its values with one character between them', () => {
    fc.assert(
      fc.property(draws, ({codec, places, rows}) => {
        for (const row of rows) {
          const bare = Array.from(row.join(':')).length;
          const key = codec.of(row, places) ?? '';
          if (row.length > 1) expect(Array.from(key).length).toBeLessThanOrEqual(Math.max(512, bare));
        }
      }),
      {numRuns: 2000},
    );
  });

  it('has the first form if it is short', () => {
    const codec = new KeyCodec([
      {name: 'a', family: 'text'},
      {name: 'b', family: 'integer'},
    ]);
    expect(codec.of(['a:b%', '007'], [0, 1])).toBe('a%3Ab%25:7');
    expect(codec.of(['x'.repeat(255), '1'], [0, 1])).toHaveLength(257);
    expect(codec.of([':'.repeat(170), '1'], [0, 1])).toBe(`${'%3A'.repeat(170)}:1`);
  });

  it('is shown with its separators, in either form', () => {
    const codec = new KeyCodec(['a', 'b', 'c'].map(name => ({name, family: 'text' as const})));
    for (const row of [
      ['a', 'b ', 'c'],
      [':'.repeat(200), '', 'x'],
      ['a', ':'.repeat(200), 'x  '],
    ])
      expect(shownKey(codec.of(row, [0, 1, 2]) ?? '')).toBe(
        row.map(part => part.replaceAll(':', '%3A') + (part.endsWith(' ') ? '\u2420' : '')).join(':'),
      );
  });
});

describe('the code of a check', () => {
  it('is no longer than its column, whatever the name', () => {
    expect(invalidCode('aB'.repeat(32))).toHaveLength(80);
    expect(invalidCode('shortTitle')).toBe('invalid-short-title');
  });
});
