import {describe, expect, it} from 'vitest';
import {SyncError} from '../../../src/errors.ts';
import {formatMapping} from '../../../src/mapping/file/format.ts';
import {loadMapping, parseMapping} from '../../../src/mapping/file/read.ts';
import {mappingJsonSchema} from '../../../src/mapping/file/schema.ts';

/** Region → shop → order: a schema that is not LAAS. */
const SHOPS = `version: 1
tables:
  order_line:
    from: order_lines
    key: [shop, orderNo, line]
    columns:
      shop: shop_id
      orderNo: order_no
      line: line_no
      sku: {upper: sku, check: [notEmpty, {maxLength: 40}]}
      state: {lookup: state, values: {n: NEW, d: DONE}}
      source: {constant: pos}
    where: {state: [n, d], deleted_at: 'null'}
    parents: {shop: shop}
  shop:
    from: shops
    label: shops
    key: id
    columns: {id: id, region: region_code, name: {join: [name, suffix], with: ' '}}
    parents: {region: region}
    prefer: [{column: updated_at, order: desc}, {column: kind, first: [MAIN], optional: true}]
  region:
    from: regions
    key: code
    columns: {code: code, isOpen: {oneOf: status, values: [open, 1]}}
`;

function faultsOf(text: string): string[] {
  try {
    parseMapping(text, 'm.yaml');
  } catch (error) {
    if (error instanceof SyncError && error.code === 'config-invalid')
      return error.message.split('\n').slice(1);
    throw error;
  }
  return [];
}

/** The example with one piece of text replaced. */
function changed(from: string, to: string): string {
  expect(SHOPS).toContain(from);
  return SHOPS.replace(from, to);
}

describe('a mapping file', () => {
  it('has parents before children, whatever its order', () => {
    const {tables, labels} = parseMapping(SHOPS, 'm.yaml');
    expect(tables.map(({target}) => target)).toEqual(['region', 'shop', 'order_line']);
    expect(labels).toEqual(['region', 'shops', 'order_line']);
  });

  it('keeps its columns, conditions and preferences', () => {
    const [, shop, line] = parseMapping(SHOPS, 'm.yaml').tables;
    expect(line?.key).toEqual(['shop', 'orderNo', 'line']);
    expect(line?.where).toEqual([
      {column: 'state', is: 'in', values: ['n', 'd']},
      {column: 'deleted_at', is: 'null'},
    ]);
    expect(line?.columns.find(({target}) => target === 'state')?.use).toEqual({
      operator: 'lookup',
      values: {N: 'NEW', D: 'DONE'},
      otherwise: undefined,
    });
    expect(line?.columns.find(({target}) => target === 'sku')?.checks).toEqual([
      {check: 'notEmpty'},
      {check: 'maxLength', characters: 40},
    ]);
    expect(shop?.prefer).toEqual([
      {column: 'updated_at', optional: false, by: 'order', order: 'desc'},
      {column: 'kind', optional: true, by: 'values', values: ['MAIN']},
    ]);
  });

  it('may be JSON', () => {
    const json = JSON.stringify({
      version: 1,
      tables: {region: {from: 'regions', key: 'code', columns: {code: 'code'}}},
    });
    expect(parseMapping(json, 'm.json').tables.map(({source}) => source)).toEqual(['regions']);
  });

  it('rounds no number', () => {
    const text = changed('values: [open, 1]', 'values: [open, 18446744073709551615]');
    const [region] = parseMapping(text, 'm.yaml').tables;
    expect(region?.columns[1]?.use).toEqual({operator: 'oneOf', values: ['OPEN', '18446744073709551615']});
  });

  it('is the same mapping in any order of its tables, columns and conditions', () => {
    const reordered = parseMapping(
      changed(
        'columns: {code: code, isOpen: {oneOf: status, values: [open, 1]}}',
        'columns: {isOpen: {oneOf: status, values: [open, 1]}, code: code}',
      )
        .replace('where: {state: [n, d], deleted_at: null}', '')
        .replace("where: {state: [n, d], deleted_at: 'null'}", "where: {deleted_at: 'null', state: [n, d]}")
        .replace('label: shops', 'label: other'),
      'm.yaml',
    );
    const {canonical} = parseMapping(SHOPS, 'm.yaml');
    expect(reordered.canonical).toBe(canonical);
    expect(parseMapping(changed('{upper: sku', '{lower: sku'), 'm.yaml').canonical).not.toBe(canonical);
  });

  it.each([
    ['the built-in one', undefined],
    ['one of another graph', SHOPS],
  ])('is read as the same mapping after it was printed: %s', (_, text) => {
    const mapping = text === undefined ? loadMapping(undefined) : parseMapping(text, 'm.yaml');
    expect(parseMapping(formatMapping(mapping), 'printed')).toEqual(mapping);
  });

  it('that is built in has the tables, labels and key order that the API shows', () => {
    const {tables, labels} = loadMapping(undefined);
    expect(tables.map(({target}) => target)).toEqual(['institute', 'user', 'institute_users', 'user_auth']);
    expect(labels).toEqual(['users', 'institutes', 'instituteUsers', 'userAuth']);
  });

  it('has a JSON Schema with all operators', () => {
    const schema = JSON.stringify(mappingJsonSchema());
    for (const operator of ['copy', 'trim', 'join', 'lookup', 'oneOf', 'first', 'constant'])
      expect(schema).toContain(`"${operator}"`);
  });
});

describe('the faults of a file', () => {
  it.each<[string, string, string]>([
    [
      '{upper: sku',
      '{uper: sku',
      "m.yaml:10:12: order_line.columns.sku: no operator 'uper'; did you mean 'upper'?",
    ],
    [
      'where: {state',
      'were: {state',
      "m.yaml:13:11: order_line.were: no option 'were' here; did you mean 'where'?",
    ],
    [
      'parents: {shop: shop}',
      'parents: {shpo: shop}',
      "m.yaml:14:21: order_line.parents.shpo: the parent 'shpo' is not a table of this mapping; did you mean 'shop'?",
    ],
    [
      'key: code',
      'key: cod',
      "m.yaml:24:10: region.key: the key column 'cod' is not among the columns; did you mean 'code'?",
    ],
    [
      'parents: {shop: shop}',
      'parents: {shop: [shop, line]}',
      "m.yaml:14:21: order_line.parents.shop: the key of 'shop' has 1 column (id), and 2 are named here",
    ],
    [
      'parents: {region: region}',
      'parents: {region: name}',
      "m.yaml:20:23: shop.parents.region: 'name' refers to a parent, so it must be a copy of one source column",
    ],
    ['label: shops', 'label: region', 'another table has the same label'],
    ['version: 1', 'version: 2', 'm.yaml:1:10: version: must be'],
    [
      'version: 1\n',
      'version: 1\ncounts: [shop]\n',
      "m.yaml:2:10: counts.0: no table has the label 'shop'; did you mean 'shops'?",
    ],
    [
      '{oneOf: status, values: [open, 1]}',
      '{oneOf: status, trim: status}',
      'two operators, oneOf and trim; a column has one',
    ],
    ['order: desc', 'order: down', 'shop.prefer.0'],
  ])('%s as %s', (from, to, message) => {
    expect(faultsOf(changed(from, to)).join('\n')).toContain(message);
  });

  it('are all reported at once, in the order of the file', () => {
    const text = changed('{upper: sku', '{uper: sku').replace('from: regions', 'form: regions');
    const lines = faultsOf(text).map(line => Number(line.split(':')[1]));
    expect(lines.length).toBeGreaterThanOrEqual(3);
    expect(lines).toEqual(lines.toSorted((a, b) => a - b));
  });

  it.each<[string, readonly [string, string][], readonly string[]]>([
    [
      'a faulty column does not hide the key, the parents and the newest column',
      [
        ['{upper: sku', '{uper: sku'],
        ['key: [shop, orderNo, line]', 'key: [shp, orderNo, sku]\n    newest: nope'],
        ['parents: {shop: shop}', 'parents: {shpo: shop, region: [sku, lin]}'],
      ],
      [
        "order_line.key: the key column 'shp' is not among the columns; did you mean 'shop'?",
        "order_line.newest: 'nope' is not among the columns",
        "order_line.columns.sku: no operator 'uper'; did you mean 'upper'?",
        "order_line.parents.shpo: the parent 'shpo' is not a table of this mapping; did you mean 'shop'?",
        "order_line.parents.region: 'lin' is not among the columns; did you mean 'line'?",
        "order_line.parents.region: the key of 'region' has 1 column (code), and 2 are named here",
      ],
    ],
    [
      'a key that cannot be read hides its own length only',
      [['key: id', 'key: {a: b}']],
      ['shop.key: is an object; it must be a target column, or a list of one to 4'],
    ],
    [
      'columns that cannot be read are not reported as missing',
      [['columns: {code: code, isOpen: {oneOf: status, values: [open, 1]}}', 'columns: code']],
      ['region.columns: is a text; it must be an object: each target column, and its source'],
    ],
    [
      'a faulty parent does not hide the others',
      [['parents: {shop: shop}', 'parents: {shop: 1, regoin: shop}']],
      [
        "order_line.parents.shop: is a number; it must be the column that holds the parent's key, or a list of one to 4",
        "order_line.parents.regoin: the parent 'regoin' is not a table of this mapping; did you mean 'region'?",
      ],
    ],
    [
      'a faulty label hides no label',
      [
        ['label: shops', 'label: 1'],
        ['version: 1\n', 'version: 2\ncounts: [nobody]\n'],
      ],
      ['version: must be the number 1', 'shop.label: is a number; it must be a label, in quotes'],
    ],
  ])('are distinguished: %s', (_, changes, messages) => {
    const text = changes.reduce((before, [from, to]) => {
      expect(before).toContain(from);
      return before.replace(from, to);
    }, SHOPS);
    expect(faultsOf(text).map(line => line.replace(/^m\.yaml:\d+:\d+: /, ''))).toEqual(messages);
  });

  it('name values and names that a server considers equal', () => {
    const values = (list: string) => changed('values: {n: NEW, d: DONE}', `values: {${list}}`);
    expect(faultsOf(values('n: NEW, " N ": OLD'))).toEqual([
      "m.yaml:11:54: order_line.columns.state.values. N : ' N ' and 'n' are the same value, since case and blanks around it do not count",
    ]);
    expect(faultsOf(values('straße: A, STRAßE: B')).join()).toContain('are the same value');
    // No server converts one letter to two.
    expect(faultsOf(values('straße: A, STRASSE: B'))).toEqual([]);
    expect(faultsOf(changed('line: line_no', 'line: line_no\n      SHOP: x')).join()).toContain(
      'order_line.columns.SHOP: the column occurs twice: names that differ only in letter case are one',
    );
    expect(faultsOf(`${SHOPS}  Region: {from: x, key: id, columns: {id: id}}`).join()).toContain(
      'Region: the target table occurs twice: names that differ only in letter case are one',
    );
    // These are harmless.
    expect(faultsOf(changed('values: [open, 1]', 'values: [open, OPEN, " open", 1]'))).toEqual([]);
    expect(faultsOf(changed('state: [n, d]', 'state: [n, d, n]'))).toEqual([]);
  });

  it("name two tables that would own each other's rows", () => {
    const text = changed('label: shops', 'label: shops\n    ownedAs: region');
    expect(faultsOf(text)).toEqual([
      "m.yaml:18:14: shop.ownedAs: the ownership of 'region' is stored under 'region' already",
    ]);
  });

  it('name a cycle, and a table that is its own parent', () => {
    const cycle = changed(
      'isOpen: {oneOf: status, values: [open, 1]}}',
      'shop: shop_id}\n    parents: {shop: shop}',
    );
    expect(faultsOf(cycle).join('\n')).toMatch(
      /the parents make a cycle, which is not supported: (?:shop → region → shop|region → shop → region)/,
    );
    const self = changed('parents: {region: region}', 'parents: {shop: id}');
    expect(faultsOf(self).join('\n')).toContain("'shop' is its own parent, which is not supported");
  });

  it('name a key that the file has twice, and text that is not YAML', () => {
    expect(faultsOf(changed('      line: line_no\n', '      line: line_no\n      line: other\n'))).toEqual([
      expect.stringMatching(/^m\.yaml:10:7: .*unique/),
    ]);
    expect(faultsOf('version: [1')).toEqual(
      expect.arrayContaining([expect.stringMatching(/^m\.yaml:\d+:\d+: /)]),
    );
    expect(faultsOf('')).toHaveLength(1);
  });

  it('name a file that cannot be read, and why', () => {
    expect(() => loadMapping('/no/such/mapping.yaml')).toThrow(
      'the mapping file /no/such/mapping.yaml cannot be read (ENOENT)',
    );
  });
});
