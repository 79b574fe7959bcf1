/** Values of a mapping file that are empty or of another type: each is one clear fault with its place. */
import {describe, expect, it} from 'vitest';
import {SyncError} from '../../../src/errors.ts';
import {parseMapping} from '../../../src/mapping/file/read.ts';

const FILE = {
  version: 1,
  counts: ['shop'],
  tables: {
    region: {from: 'regions', key: 'id', columns: {id: 'id'}},
    shop: {
      from: 'shops',
      label: 'shop',
      key: ['id'],
      columns: {
        id: 'id',
        region: 'region_id',
        name: {copy: 'title', check: 'email'},
        both: {join: ['a', 'b'], with: ' '},
        kind: {lookup: 'type', values: {A: 'b'}, otherwise: 'c'},
        open: {oneOf: 'state', values: ['x']},
        changed: {first: ['a', 'b'], otherwise: 'z'},
        fixed: {constant: 'k'},
        short: {trim: 'e', check: [{maxLength: 4}]},
      },
      where: {title: 'not null', state: ['a']},
      parents: {region: 'region'},
      prefer: [
        {column: 'state', first: ['A']},
        {column: 'u', order: 'desc', optional: true},
      ],
      newest: 'changed',
      ownedAs: 'old_shop',
      create: 'CREATE TABLE shop (id INT)',
    },
  },
};
const TEXT = JSON.stringify(FILE, null, 1);

function faultsOf(text: string): string[] {
  try {
    parseMapping(text, 'm');
  } catch (error) {
    if (error instanceof SyncError && error.code === 'config-invalid')
      return error.message.split('\n').slice(1);
    throw error;
  }
  return [];
}

type Path = readonly string[];
function pathsOf(value: unknown, path: Path = []): Path[] {
  const inside = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return [
    ...(path.length === 0 ? [] : [path]),
    ...inside.flatMap(([key, one]) => pathsOf(one, [...path, key])),
  ];
}

function changed(path: Path, value: unknown): string {
  const file = structuredClone(FILE);
  let at: Record<string, unknown> = file;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[path.at(-1) ?? ''] = value;
  return JSON.stringify(file, null, 1);
}

const VALUES: readonly (readonly [kind: string, value: unknown])[] = [
  ['an empty text', ''],
  ['a space', ' '],
  ['null', null],
  ['a number', 7],
  ['a number with a point', 1.5],
  ['true', true],
  ['an empty list', []],
  ['a list of an empty text', ['']],
  ['a list of null', [null]],
  ['an empty object', {}],
  ['an object', {a: 'b'}],
  ['five columns', ['a', 'b', 'c', 'd', 'e']],
];

/** Values of rows may be anything; these parts are only checked for a crash. */
const FREE = /\.(?:otherwise|constant|with|values|where|first|join|optional|ownedAs|create)\b|^counts/;

describe('a value of a mapping file', () => {
  it.each(VALUES)('that is %s is read, or is a fault in plain words', (_, value) => {
    for (const path of pathsOf(FILE)) {
      const faults = faultsOf(changed(path, value));
      for (const fault of faults) {
        expect(fault).toMatch(/^m:[1-9]\d*:[1-9]\d*: ./);
        expect(fault).not.toMatch(/invalid|expected|received|undefined|at least 1$|form that is not known/i);
      }
      // A parent that is unknown and an own column that is unknown are two faults.
      if (path.at(-1) === 'parents') continue;
      const places = faults.map(fault => fault.split(' ').slice(0, 2).join(' '));
      expect(new Set(places).size, `${path.join('.')}: ${faults.join('\n')}`).toBe(places.length);
    }
  });

  it.each([
    ['an empty text', ''],
    ['null', null],
    ['a number', 7],
    ['a number with a point', 1.5],
    ['an empty list', []],
  ])('that is %s is refused where a name is expected, and the fault says so', (_, value) => {
    for (const path of pathsOf(FILE)) {
      const at = path.join('.');
      if (FREE.test(at) || /\.prefer|version|check/.test(at)) continue;
      const faults = faultsOf(changed(path, value));
      expect(faults.length, at).toBeGreaterThan(0);
      expect(faults[0], at).toMatch(
        /is (?:empty|an empty list|a number); it must be|a column is the name of|there is no column/,
      );
    }
  });

  it.each([
    ['key', ['a', 'b', 'c', 'd', 'e'], 'a key has at most 4 columns; use fewer that are unique together'],
    ['key', {a: 1}, 'is an object; it must be a target column, or a list of one to 4'],
    ['from', '', 'is empty; it must be the name of a table or a column'],
    ['from', 'shops ', 'no server has a name that ends with a space'],
    ['from', 7, 'is a number; it must be the name of a table or a column, in quotes'],
    ['from', 1.5, 'is a number; it must be the name of a table or a column, in quotes'],
    ['columns', {id: {join: ['a'], with: 1.5}}, 'is a number; it must be the text between the parts'],
    ['label', 'x'.repeat(65), 'has more than 64 characters; it must be a label'],
    ['columns', {id: ''}, 'is empty; it must be the name of a table or a column'],
    [
      'columns',
      {id: 'x'.repeat(65)},
      'has more than 64 characters; it must be the name of a table or a column',
    ],
    ['columns', {'': 'id'}, 'is empty; it must be the name of a table or a column'],
    ['columns', {id: {copy: null}}, 'is empty; it must be the name of a table or a column'],
    ['columns', {id: {trim: 'a', check: 'emial'}}, 'must be email, notEmpty or {maxLength: number}'],
    ['columns', {id: {trim: 'a', check: {maxLength: '4'}}}, 'must be a whole number from 0 to 65535'],
    ['columns', {id: {lookup: 'a', values: ['x']}}, 'is a list; it must be an object'],
    [
      'columns',
      {id: {lookup: 'a', values: {A: null}}},
      "is empty; it must be a text, a number, true or false; an empty text is written as ''",
    ],
    ['prefer', [{column: 'a', order: 'down'}], "must be 'asc' or 'desc'"],
    ['prefer', [{column: 'a'}], 'must be {column: …, first: [values]} or {column: …, order: asc or desc}'],
    ['create', '', 'is empty; it must be the statement that creates the table'],
  ])('of %s has a message that says what it must be: %j', (part, value, message) => {
    expect(faultsOf(changed(['tables', 'shop', part], value)).join('\n')).toContain(message);
  });

  it('of a number with a point has its place, and all of its digits', () => {
    const table = (key: string) => `{from: t, key: id, columns: {id: id, v: {copy: ${key}}}}`;
    expect(faultsOf(`version: 1\ntables:\n  a: ${table('b')}\n  1.50: ${table('2.50')}`)).toEqual([
      'm:4:56: 1.50.columns.v.copy: is a number; it must be the name of a table or a column, in quotes',
    ]);
  });

  it('of another type as `version` is not the number 1', () => {
    for (const value of ['1', 2, null, true, [1]])
      expect(faultsOf(changed(['version'], value))).toEqual(['m:2:13: version: must be the number 1']);
    expect(faultsOf('tables: {}').join()).toContain('version: is missing; write `version: 1`');
  });
});

describe('a target table', () => {
  it.each(['sync_checkpoint', 'sync_dead_letter', 'SYNC_RUN', 'sync_migrations', 'sync_migrations_lock'])(
    'cannot be one of laas-sync’s own: %s',
    table => {
      const file = {version: 1, tables: {[table]: {from: 'x', key: 'id', columns: {id: 'id'}}}};
      expect(faultsOf(JSON.stringify(file, null, 1))).toEqual([
        expect.stringMatching(
          /^m:4:\d+: \w+: '\w+' is a table of laas-sync itself, which a mapping cannot write/,
        ),
      ]);
    },
  );

  it.each([
    ['CREATE TABLE shops (id INT)', "creates the table 'shops', and the target table is 'shop'"],
    ['CREATE TABLE Shop (id INT)', "creates the table 'Shop', and the target table is 'shop'"],
    ['/* shop */ create table if not exists `other` (id INT)', "creates the table 'other'"],
    ['-- shop\nCREATE TABLE -- shop\n "a""b" (id INT)', "creates the table 'a\"b'"],
    ['CREATE TABLE org.shop (id INT)', "creates the table in the database 'org'"],
    ['CREATE TEMPORARY TABLE shop (id INT)', 'creates a temporary table'],
    ['CREATE VIEW shop AS SELECT 1', "is not a statement that creates the table 'shop'"],
    ['ALTER TABLE shop ADD id INT', "is not a statement that creates the table 'shop'"],
    ['  ', "is not a statement that creates the table 'shop'"],
    ['CREATE TABLE shop (id INT); DROP TABLE user', 'holds several statements'],
  ])('is the one that `create` creates, not that of %j', (statement, message) => {
    expect(faultsOf(changed(['tables', 'shop', 'create'], statement))).toEqual([
      expect.stringContaining(`: shop.create: ${message}`),
    ]);
    const second = faultsOf(changed(['tables', 'shop', 'create'], ['CREATE TABLE shop (id INT)', statement]));
    expect(second).toEqual([expect.stringContaining(`: shop.create.1: ${message}`)]);
  });

  it.each([
    'CREATE TABLE shop (id INT);\n',
    "create table `shop` (note VARCHAR(9) DEFAULT \"; DROP\", x INT COMMENT 'it''s; `') -- the end; really",
    'CREATE OR REPLACE TABLE IF NOT EXISTS shop LIKE other # ; more',
    'CREATE TABLE shop(id INT)',
  ])('may be created by %j', statement => {
    expect(faultsOf(changed(['tables', 'shop', 'create'], statement))).toEqual([]);
  });
});

describe('a text that is not YAML', () => {
  const BASE = 'version: 1\ntables:\n  shop:\n    from: shops\n    key: id\n    columns: {id: id}\n';
  const QUOTES = 'needs quotes';
  it.each([
    ['a quote that is not closed', ['shops', "'shops"], '4:11: the quote that begins here is not closed'],
    [
      'a bracket that is not closed',
      ['key: id', 'key: [id'],
      '5:10: the { or [ that begins here is not closed',
    ],
    [
      'a brace that is not closed',
      ['{id: id}', '{id: id'],
      '6:14: the { or [ that begins here is not closed',
    ],
    ['a closing brace too many', ['{id: id}', '{id: id}}'], '6:22: something here does not belong'],
    [
      'a line that is indented otherwise',
      ['    key', '   key'],
      '5:1: the line is not indented like the others',
    ],
    ['a line without a colon', ['key: id', 'key id'], '5:5: a line is not `name: value`'],
    ['a colon without a space', ['key: id', 'key:id'], '5:5: a line is not `name: value`'],
    ['a second colon', ['from: shops', 'from: a: b'], '4:11: a value of this line holds a colon'],
    [
      'a text that begins with @',
      ['shops', '@shops'],
      `4:11: a text that begins with this character ${QUOTES}`,
    ],
    ['a text that begins with *', ['shops', '*'], `4:11: a text that begins with * or & ${QUOTES}`],
    ['an unknown escape', ['shops', String.raw`"a\q"`], '4:13: this character cannot follow a backslash'],
    ['a comment without a space', ['shops', '"shops"#x'], '4:18: something here does not belong'],
    ['a tab in the indentation', ['    key', '\tkey'], '5:1: a tab cannot indent a line; use spaces'],
    [
      'a name that is missing',
      ['{id: id}', '\n      id: id\n      : a'],
      '8:9: a name is missing before the colon',
    ],
  ] as const)('is one fault at its place: %s', (_, [from, to], message) => {
    const text = BASE.replace(from, to);
    for (const written of [text, `\ufeff${text.replaceAll('\n', '\r\n')}`]) {
      const faults = faultsOf(written);
      expect(faults).toHaveLength(1);
      expect(faults[0]).toContain(`m:${message}`);
    }
  });

  it.each([
    ['0 bytes', '', 'the file is empty'],
    ['a byte order mark only', '\ufeff', 'the file is empty'],
    ['HTML', '<!DOCTYPE html>\n<html></html>', 'must be an object with `version` and `tables`'],
    ['SQL', 'CREATE TABLE a (id INT);', 'must be an object with `version` and `tables`'],
    ['PDF', '%PDF-1.4\n1 0 obj', 'a line that begins with % is not supported'],
    ['a program', '\x7fELF\x02\x01\x01\0\0', 'the character U+007F is not allowed in a mapping file'],
    ['NUL bytes', '\0\0\0', 'the character U+0000 is not allowed in a mapping file'],
  ])('is one fault at its beginning: %s', (_, text, message) => {
    expect(faultsOf(text)).toEqual([expect.stringContaining(`m:1:1: ${message}`)]);
  });

  it('is the file of these tests, which has no fault', () => {
    expect(faultsOf(TEXT)).toEqual([]);
    expect(faultsOf(BASE)).toEqual([]);
  });
});
