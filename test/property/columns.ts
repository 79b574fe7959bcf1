/** Types and attributes of columns to draw from: mapped ones, and others that are not mapped. */
import fc from 'fast-check';
import type {Edition} from '../servers/provision.ts';

const CHARSETS = [
  'utf8mb4',
  'utf8mb3',
  'latin1',
  'ascii',
  'cp1251',
  'ucs2',
  'utf16',
  'utf16le',
  'utf32',
  'gbk',
  'sjis',
  'latin2',
  'cp1250',
  'koi8r',
  'big5',
  'euckr',
  'ujis',
  'cp932',
  'greek',
  'hebrew',
  'latin5',
  'tis620',
  'cp850',
  'macroman',
];
const charset = fc.oneof(
  {weight: 2, arbitrary: fc.constantFrom(...CHARSETS)},
  // One in three has a decoder of its own, without a table of the source.
  fc.constant('latin1'),
);

/** The values of a name, an address, a password, a role or a status. */
export function textType(edition: Edition): fc.Arbitrary<string> {
  const types = fc.constantFrom(
    'VARCHAR(60)',
    'VARCHAR(300)',
    'CHAR(40)',
    'CHAR(90)',
    'TINYTEXT',
    'TEXT',
    'MEDIUMTEXT',
    'LONGTEXT',
    ...(edition === 'mysql' ? [] : ['VARCHAR(60) COMPRESSED', 'VARCHAR(300) COMPRESSED', 'TEXT COMPRESSED']),
  );
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(types, charset, fc.constantFrom('', ' BINARY'))
        .map(([type, name, binary]) => `${type} CHARACTER SET ${name}${binary}`),
    },
    fc.constantFrom(
      'VARBINARY(200)',
      'BINARY(90)',
      'BLOB',
      'TINYBLOB',
      'LONGBLOB',
      ...(edition === 'mysql' ? [] : ['VARBINARY(200) COMPRESSED', 'BLOB COMPRESSED']),
    ),
    fc.constantFrom(
      "ENUM('a','b,c','d''e','','é','ACTIVE','teacher')",
      "SET('a','b c','é','ACTIVE','teacher')",
    ),
  );
}

export const idType = fc.constantFrom(
  ...['TINYINT', 'SMALLINT', 'MEDIUMINT', 'INT', 'BIGINT'].flatMap(type => [
    type,
    `${type} UNSIGNED`,
    `${type}(12) ZEROFILL`,
  ]),
  'BIGINT UNSIGNED',
  'BIGINT UNSIGNED',
);

/** Each with 0 and 1 as it spells them. */
export const flagType = fc.constantFrom(
  'TINYINT(1)',
  'BIT(1)',
  'BIT(3)',
  'BIT(9)',
  'BIT(64)',
  'BOOLEAN',
  'INT',
  'SMALLINT UNSIGNED',
  'BIGINT',
  'TINYINT(3) ZEROFILL',
  'DECIMAL(1,0)',
  'DECIMAL(4,2)',
  'DECIMAL(5,1) ZEROFILL',
  'FLOAT',
  'DOUBLE',
  'CHAR(1)',
  'CHAR(4)',
  'VARCHAR(5)',
  'VARCHAR(5) CHARACTER SET utf16',
  'TINYTEXT',
  "ENUM('0','1')",
  "ENUM('1','0')",
  "ENUM('no','0','x','1') CHARACTER SET latin1",
  "SET('1','0')",
);

export const timeType = fc.oneof(
  fc
    .tuple(fc.constantFrom('DATETIME', 'TIMESTAMP'), fc.integer({min: 0, max: 6}))
    .map(([type, digits]) => `${type}(${digits})`),
  fc.constant('DATE'),
);

/** The end of a column's definition. */
export const attribute = fc.constantFrom('', '', 'INVISIBLE', "COMMENT 'a, b'");

/** A column that is not mapped, and a value for it as SQL. */
export interface Bystander {
  readonly sql: string;
  readonly value: string;
}

const SHARED: readonly Bystander[] = [
  {sql: 'DECIMAL(31,7)', value: '-12345.678'},
  {sql: 'FLOAT', value: '0.1'},
  {sql: 'DOUBLE', value: '1e300'},
  {sql: 'BIT(33)', value: "b'101'"},
  {sql: 'YEAR', value: '2024'},
  {sql: 'DATE', value: "'2024-00-00'"},
  {sql: 'TIME(3)', value: "'-01:02:03.5'"},
  {sql: 'TIME', value: "'838:59:59'"},
  {sql: 'DATETIME(1)', value: "'2024-01-01 01:02:03.5'"},
  {sql: 'TIMESTAMP(5) NULL', value: "'2024-01-01 01:02:03.5'"},
  {sql: "SET('x','y')", value: "'x,y'"},
  {sql: "ENUM('x','y')", value: "'y'"},
  {sql: 'VARCHAR(300)', value: "REPEAT('é', 200)"},
  {sql: 'CHAR(255)', value: "'c'"},
  {sql: 'BINARY(255)', value: "X'00ff'"},
  {sql: 'LONGBLOB', value: "REPEAT('x', 70000)"},
  {sql: 'TINYTEXT', value: "'t'"},
  {sql: 'MEDIUMTEXT CHARACTER SET sjis', value: "'m'"},
  {sql: 'JSON', value: '\'{"a":[1,2.5,"x"]}\''},
  {sql: 'GEOMETRY', value: "ST_GeomFromText('POINT(1 2)')"},
  {sql: 'POLYGON', value: "ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))')"},
  {sql: 'BIGINT UNSIGNED', value: '18446744073709551615'},
  {sql: 'MEDIUMINT ZEROFILL', value: '7'},
];
const MARIADB: readonly Bystander[] = [
  {sql: 'INET6', value: "'2001:db8::1'"},
  {sql: 'UUID', value: "'123e4567-e89b-12d3-a456-426655440000'"},
  {sql: 'TEXT COMPRESSED', value: "REPEAT('z', 500)"},
  {sql: 'VARCHAR(900) COMPRESSED', value: "REPEAT('z', 500)"},
];
const MARIADB_11: readonly Bystander[] = [
  {sql: 'INET4', value: "'192.0.2.1'"},
  {sql: 'VECTOR(3)', value: "VEC_FromText('[1,2,3]')"},
];
const MYSQL: readonly Bystander[] = [
  {sql: 'VECTOR(3)', value: "STRING_TO_VECTOR('[1,2,3]')"},
  {sql: 'VECTOR(3)', value: "STRING_TO_VECTOR('[1,2,3]')"},
];

/** A few of any type, to stand between the mapped columns. */
export function bystanders(edition: Edition): fc.Arbitrary<Bystander[]> {
  const own = edition === 'mysql' ? MYSQL : edition === 'mariadb' ? MARIADB : [...MARIADB, ...MARIADB_11];
  const one = fc.oneof({weight: 2, arbitrary: fc.constantFrom(...SHARED)}, fc.constantFrom(...own));
  return fc.array(one, {minLength: 2, maxLength: 8});
}

/** The definitions of a table, mapped columns and bystanders in turn. */
export function definitions(mapped: readonly string[], others: readonly Bystander[]): string {
  const between = others.map(({sql}, i) => `other${i} ${sql} NULL`);
  return mapped
    .flatMap((definition, i) => [...between.slice(i, i + 1), definition])
    .concat(between.slice(mapped.length))
    .join(', ');
}

/** Bytes that are not UTF-8, beside texts. */
export const bytes = fc.oneof(
  fc.uint8Array({minLength: 1, maxLength: 12}).map(array => Buffer.from(array)),
  fc.constantFrom(
    Buffer.from('é€'),
    Buffer.from([0xc3]),
    Buffer.from([0xed, 0xa0, 0x80]),
    Buffer.from([0x61, 0, 0xff]),
    Buffer.from('plain'),
  ),
);
