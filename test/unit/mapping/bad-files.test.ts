/** Files that are not a mapping, or not a text: each is refused with the place of the fault. */
import {mkdtempSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, describe, expect, it, vi} from 'vitest';
import {mappingCheck, mappingPath, mappingShow} from '../../../src/cli/mapping.ts';
import {SyncError} from '../../../src/errors.ts';
import {formatMapping} from '../../../src/mapping/file/format.ts';
import {loadMapping, parseMapping} from '../../../src/mapping/file/read.ts';

const BASE = `version: 1
tables:
  shop:
    from: shops
    key: id
    columns:
      id: id
      name: title
`;

function faultOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof SyncError && error.code === 'config-invalid') return error.message;
    throw error;
  }
  return '';
}

const faultsOf = (text: string) =>
  faultOf(() => parseMapping(text, 'm.yaml'))
    .split('\n')
    .slice(1);
const withName = (name: string) => BASE.replace('title', name);
const LAUGHS = [
  '- &a0 [x, x, x, x, x, x, x, x, x, x]',
  ...Array.from({length: 9}, (_, i) => `- &a${i + 1} [${Array(10).fill(`*a${i}`).join(', ')}]`),
].join('\n');

describe('a file that is not a mapping', () => {
  it.each<[string, string, string]>([
    ['an alias without an anchor', withName('*nope'), '8:13: nothing before the alias *nope has the anchor'],
    [
      'an alias inside of its own anchor',
      withName('&me {copy: *me}'),
      '8:24: the alias *me is inside of its own anchor',
    ],
    ['aliases that multiply', LAUGHS, '5:18: the aliases expand to more than 50000 values'],
    ['several documents', `${BASE}---\n${BASE}`, '9:1: the file has several documents'],
    ['a key that occurs twice', withName('title\n      id: other'), "9:7: the key 'id' occurs twice"],
    ['keys of one text', withName('title\n      1: a\n      "1": b'), "10:7: the key '1' occurs twice"],
    ['bytes', withName('!!binary aGVsbG8='), '8:22: a tag is not supported'],
    ['a function', withName('!!js/function "f"'), '8:13: a tag is not supported'],
    ['a tag of its own', withName('!mine {copy: title}'), '8:13: a tag is not supported'],
    ['a set', withName('!!set {a, b}'), ': a tag is not supported'],
    ['an older YAML', `%YAML 1.1\n---\n${BASE}`, '1:1: the file must be YAML 1.2'],
    ['a merge', BASE.replace('name: title', '<<: {name: title}'), '8:7: a merge (<<) is not supported'],
    [
      'a key that is an object',
      BASE.replace('name: title', '? {a: b}\n      : title'),
      '8:9: a key must be a text',
    ],
    [
      'the name of a prototype',
      `${BASE}  __proto__: {from: x}`,
      "9:3: the name '__proto__' is not supported",
    ],
    [
      'a member of every object',
      withName('{toString: title}'),
      "8:13: shop.columns.name: no operator 'toString'",
    ],
    ['tabs', BASE.replaceAll('  ', '\t'), '3:1: a tab cannot indent a line'],
    ['a control character', withName('ti\0tle'), '8:15: the character U+0000 is not allowed'],
    ['half of a character', withName('"ti\\ud800tle"'), '8:13: the text holds half of a character'],
    ['a NUL in a name', withName('{copy: "a\\0b"}'), 'no server has a name with the character U+0000'],
    ['a line break in a name', withName('{"a\\nb": title}'), "no operator 'a\\u000ab'"],
    ['endless nesting', withName('['.repeat(3000)), ': the values are nested too deeply'],
    ['much nesting', withName(`${'['.repeat(90)}${']'.repeat(90)}`), ': the values are nested too deeply'],
    ['nothing', '', '1:1: the file is empty'],
    ['a comment', '# to do\n', '1:1: the file is empty'],
    ['a list', '- a\n- b\n', '1:1: must be an object with `version` and `tables`'],
    ['a word', 'hello', '1:1: must be an object with `version` and `tables`'],
    ['no key of a table', BASE.replace('key: id', ''), '4:5: shop.key: is missing'],
    [
      'a name that is too long',
      BASE.replace('name:', `${'n'.repeat(65)}:`),
      'has more than 64 characters; it must be the name of a table or a column',
    ],
  ])('is refused with the place of the fault: %s', (_, text, message) => {
    const faults = faultsOf(text);
    expect(faults.join('\n')).toContain(message);
    expect(faults).toEqual(faults.map(() => expect.stringMatching(/^m\.yaml:[1-9]\d*:[1-9]\d*: /) as string));
  });

  it('shows only its first faults if there are very many', () => {
    const columns = Array.from({length: 150}, (_, i) => `      c${i}: {cpoy: a}\n`).join('');
    const faults = faultsOf(BASE + columns);
    expect(faults).toHaveLength(101);
    expect(faults.at(-1)).toBe('and 50 more');
  });

  it('has too many tables', () => {
    const tables = Array.from({length: 1001}, (_, i) => `  t${i}: {from: a, key: id, columns: {id: id}}\n`);
    expect(faultsOf(`version: 1\ntables:\n${tables.join('')}`)).toEqual([
      'm.yaml:3:3: tables: there are more than 1000 tables',
    ]);
  });
});

describe('a mapping file', () => {
  const expected = parseMapping(BASE, 'm.yaml');

  it.each([
    ['with a byte order mark', `\ufeff${BASE}`],
    ['with the line ends of Windows', BASE.replaceAll('\n', '\r\n')],
    ['with the line ends of old Macs', BASE.replaceAll('\n', '\r')],
    ['with tabs between words', BASE.replaceAll(': ', ':\t')],
    ['with an anchor and its alias', BASE.replace('id: id', 'id: &i id').replace('key: id', 'key: id #')],
    ['that ends its document', `---\n${BASE}...\n`],
    [
      'that is JSON with tabs',
      JSON.stringify(
        {version: 1, tables: {shop: {from: 'shops', key: 'id', columns: {id: 'id', name: 'title'}}}},
        null,
        '\t',
      ),
    ],
  ])('is the same %s', (_, text) => {
    expect(parseMapping(text, 'm.yaml')).toEqual(expected);
  });

  it('may use an alias any number of times', () => {
    const columns = Array.from({length: 500}, (_, i) => `      c${i}: ${i === 0 ? '&t {trim: t}' : '*t'}\n`);
    const {tables} = parseMapping(BASE + columns.join(''), 'm.yaml');
    expect(tables[0]?.columns).toHaveLength(502);
    expect(formatMapping(parseMapping(BASE + columns.join(''), 'm.yaml'))).not.toMatch(/[&*]/);
  });

  it('keeps the digits of a number, and reads true and false in a lookup as 1 and 0', () => {
    const text = `${BASE}      price: {constant: 12.50}\n      exact: {constant: 1.12345678901234567890}\n      flag: {lookup: on, values: {true: Y, false: N, 'true': T}}\n`;
    const uses = parseMapping(text, 'm.yaml')
      .tables[0]?.columns.slice(2)
      .map(({use}) => use);
    expect(uses).toEqual([
      {operator: 'constant', value: '12.50'},
      {operator: 'constant', value: '1.12345678901234567890'},
      {operator: 'lookup', values: {1: 'Y', 0: 'N', TRUE: 'T'}, otherwise: undefined},
    ]);
  });
});

describe('the bytes of a mapping file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'laas-sync-mapping-'));
  afterAll(() => rmSync(directory, {recursive: true}));
  const path = join(directory, 'm.yaml');
  const faultOfBytes = (bytes: Buffer) => {
    writeFileSync(path, bytes);
    return faultOf(() => loadMapping(path)).replaceAll(path, 'm.yaml');
  };

  it('must be UTF-8', () => {
    const latin = Buffer.from(withName('\xe4 title'), 'latin1');
    expect(faultOfBytes(latin)).toContain('\nm.yaml:8:13: the file is not UTF-8 here; save it as UTF-8');
    for (const mark of [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])])
      expect(faultOfBytes(Buffer.concat([mark, Buffer.from(BASE, 'utf16le')]))).toContain(
        '\nm.yaml:1:1: the file is UTF-16; save it as UTF-8',
      );
  });

  it('are read only up to the size limit of a mapping', () => {
    writeFileSync(path, BASE);
    truncateSync(path, 50 * 1024 * 1024);
    expect(faultOf(() => loadMapping(path))).toContain('m.yaml has more than 1 MiB');
    expect(faultOf(() => loadMapping('/dev/zero'))).toContain('has more than 1 MiB');
    expect(faultOf(() => loadMapping(directory))).toContain('cannot be read (EISDIR)');
  });
});

describe('the commands for a mapping file', () => {
  const printed = (command: () => void): string => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    try {
      command();
      return write.mock.calls.map(([text]) => String(text)).join('');
    } finally {
      write.mockRestore();
    }
  };

  it('ignore an empty SYNC_MAPPING, as the daemon does', () => {
    const path = mappingPath({SYNC_MAPPING: ''});
    expect(printed(() => mappingCheck(path))).toBe(
      'the built-in mapping is usable: 4 tables, 21 columns, 3 entities\n',
    );
    expect(printed(() => mappingShow(path))).toBe(formatMapping(loadMapping(undefined)));
    expect(mappingPath({SYNC_MAPPING: 'm.yaml'})).toBe('m.yaml');
    expect(mappingPath({})).toBeUndefined();
  });

  it('count one of a kind as one', () => {
    const directory = mkdtempSync(join(tmpdir(), 'laas-sync-mapping-'));
    const path = join(directory, 'm.yaml');
    writeFileSync(path, BASE.replace('      name: title\n', ''));
    expect(printed(() => mappingCheck(path))).toBe(`${path} is usable: 1 table, 1 column, 1 entity\n`);
    rmSync(directory, {recursive: true});
  });
});
