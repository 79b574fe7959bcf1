/** Types of keys and columns, operators and conditions, with values, for random mappings. */

/** A type, and values that meet each other: they are equal often, or in the collation only. */
export interface KeyType {
  readonly sql: string;
  readonly values: readonly string[];
}

/** Those that differ in case alone are different keys in a binary collation. */
const TEXTS = ['a', 'b', 'c é', 'a:b', '%', "o'k", 'zz'];
const CASES = ['A', 'á', 'ZZ'];
export const keyTypes = (collation: string): readonly KeyType[] => [
  {sql: 'INT', values: ['1', '2', '3', '-5']},
  {sql: 'BIGINT UNSIGNED', values: ['1', '18446744073709551615', '9007199254740993', '7']},
  {
    sql: `VARCHAR(20) CHARACTER SET utf8mb4 COLLATE ${collation}`,
    values: collation.endsWith('_bin') ? [...TEXTS, ...CASES] : TEXTS,
  },
  {
    sql: `CHAR(36) CHARACTER SET utf8mb4 COLLATE ${collation}`,
    values: ['0f8fad5b-d9cb-469f-a165-70867728950e', '7c9e6679', 'x '],
  },
  {sql: 'BINARY(4)', values: ['abcd', 'ABCD', '\0\0\0\0', 'a:%b']},
  {sql: 'VARBINARY(8)', values: ['', 'a', 'a ', '%:']},
  {sql: 'DATE', values: ['2024-02-29', '2023-12-31', '1970-01-01']},
  {sql: 'DATETIME(3)', values: ['2024-02-29 12:00:00.500', '2024-02-29 12:00:00', '2024-02-29 00:00:00']},
  {sql: "ENUM('z','a','b,c','d''e')", values: ['z', 'a', 'b,c', "d'e"]},
  {sql: 'DECIMAL(8,2)', values: ['1.50', '-0.01', '1000', '0']},
  {sql: 'TIME', values: ['-01:00:00', '00:00:00', '838:59:59']},
  {sql: 'BIT(9)', values: ['0', '1', '511']},
  {sql: 'SMALLINT', values: ['-1', '0', '4']},
];

/** The definition of a target column. `$a` and `$b` stand for the source's columns. */
export interface ColumnKind {
  readonly from: readonly {readonly sql: string; readonly values: readonly (string | null)[]}[];
  readonly to: string;
  readonly use: unknown;
  /** Some of the values make dead letters. */
  readonly fails: boolean;
}

const WORDS = [null, '', ' ', ' Ada ', 'b', "d'e", 'back\\slash', 'Grace  Hopper', 'ADA'];
const MOMENTS = [
  null,
  '2024-02-29 12:00:00.999600',
  '2023-12-31 23:59:59.999999',
  '2001-01-01 00:00:00.000499',
];
const one = (
  sql: string,
  to: string,
  values: readonly (string | null)[],
  use: unknown = '$a',
): ColumnKind => ({
  from: [{sql, values}],
  to,
  use,
  fails: false,
});
const failing = (...kind: Parameters<typeof one>): ColumnKind => ({...one(...kind), fails: true});
export const KINDS: readonly ColumnKind[] = [
  one('INT', 'BIGINT', [null, '0', '-2147483648', '7']),
  failing('INT', 'SMALLINT', [null, '1', '-32768', '32768']),
  one('BIGINT UNSIGNED', 'BIGINT UNSIGNED', [null, '0', '18446744073709551615']),
  one('DECIMAL(10,3)', 'DECIMAL(12,4)', [null, '-0.500', '1234567.125']),
  one('FLOAT', 'DOUBLE', [null, '0.1', '-1e10', '16777216']),
  one('DOUBLE', 'DOUBLE', [null, '0.1', '1e-300', '-123456789.123']),
  one('BIT(8)', 'INT', [null, '0', '255']),
  one('BIT(64)', 'BIT(64)', [null, '18446744073709551615', '5']),
  one('VARCHAR(40) CHARACTER SET latin1', 'VARCHAR(40)', [null, 'é€', 'ÿ', "x'y", 'a ']),
  one('VARCHAR(40)', 'CHAR(40)', WORDS),
  failing('TEXT', 'VARCHAR(5)', [null, 'short', 'longer than five', '🎓🎓🎓🎓🎓']),
  one('VARBINARY(9)', 'VARBINARY(9)', [null, '', 'a\0b', 'é']),
  failing('VARBINARY(9)', 'VARCHAR(20)', [null, 'abc', '\ud800', 'é']),
  one("ENUM('x','b,c','Y')", 'VARCHAR(10)', [null, 'x', 'b,c', 'Y']),
  one("SET('p','q','r')", "SET('p','q','r')", [null, '', 'p,r', 'q']),
  one('DATE', 'DATETIME', [null, '2024-02-29']),
  one('DATETIME(6)', 'DATETIME(3)', MOMENTS),
  one('TIMESTAMP NULL', 'DATETIME', [null, '2024-03-10 02:30:00', '2037-12-31 23:59:59']),
  one('TIME(3)', 'TIME(6)', [null, '-838:59:58.999', '00:00:00.5']),
  one('YEAR', 'INT', [null, '1999', '0000']),
  one('JSON', 'JSON', [null, '{"b": [1, null], "a": "é"}', '[]', '"x"']),
  failing('VARCHAR(40)', 'VARCHAR(40)', WORDS, {trim: '$a', check: 'notEmpty'}),
  failing('VARCHAR(40)', 'VARCHAR(40)', WORDS, {lower: '$a', check: {maxLength: 6}}),
  one('VARCHAR(40)', 'VARCHAR(40)', WORDS, {upper: '$a'}),
  failing('VARCHAR(40)', 'VARCHAR(40)', [null, 'a@b', ' c@d.e ', 'none', '@'], {trim: '$a', check: 'email'}),
  one('VARCHAR(40)', 'VARCHAR(9)', WORDS, {lookup: '$a', values: {ada: 'One', B: 'Two'}, otherwise: 'Three'}),
  failing('INT', "ENUM('low','HIGH')", [null, '1', '2', '3'], {
    lookup: '$a',
    values: {1: 'LOW', 2: 'high', '': 'low'},
  }),
  one('BIT(2)', 'TINYINT', [null, '0', '1', '2'], {oneOf: '$a', values: [1, 2]}),
  one('VARCHAR(40)', 'BOOLEAN', WORDS, {oneOf: '$a', values: ['ADA', 'b']}),
  one('INT', 'VARCHAR(9)', [null], {constant: 'fixed'}),
  {
    from: [
      {sql: 'VARCHAR(40)', values: WORDS},
      {sql: 'VARCHAR(40) CHARACTER SET latin1', values: WORDS},
    ],
    to: 'VARCHAR(90)',
    use: {join: ['$a', '$b'], with: ', '},
    fails: false,
  },
  {
    from: [
      {sql: 'DATETIME(6)', values: MOMENTS},
      {sql: 'DATE', values: [null, '2024-02-29']},
    ],
    to: 'DATETIME(3)',
    use: {first: ['$a', '$b'], otherwise: '1970-01-01'},
    fails: false,
  },
  {
    from: [
      {sql: 'INT', values: [null, '1']},
      {sql: 'SMALLINT', values: [null, '-2']},
    ],
    to: 'BIGINT',
    use: {first: ['$a', '$b']},
    fails: false,
  },
];

/** Conditions on a column of the table's own. */
export const WHERES = [
  null,
  null,
  {sql: 'TINYINT', values: ['0', '1', '1', null], is: 1},
  {sql: 'VARCHAR(9)', values: ['open', 'open', 'paid', 'OPEN', null], is: ['open', 'paid']},
  {sql: "ENUM('draft','open','void')", values: ['draft', 'open', 'open'], is: ['open', 'void']},
  {sql: 'DATE', values: [null, null, '2024-01-01'], is: 'null'},
  {sql: 'INT', values: [null, '1', '2'], is: 'not null'},
  {sql: 'BIT(1)', values: ['0', '1', '1'], is: [1]},
] as const;
