/** What the property of operators draws from: columns of both sides, rows, operators and conditions. */
import fc from 'fast-check';
import {bytes} from './columns.ts';
import {moment, noDate, nullable, text} from './stand.ts';

/** A column's type, and values for it; the server may change values that it cannot store. */
type Given = readonly [type: string, values: fc.Arbitrary<unknown>];

const whole = fc.oneof(
  fc.integer({min: -3, max: 12}),
  fc.bigInt({min: -(2n ** 63n), max: 2n ** 64n - 1n}).map(String),
);
const decimal = fc.oneof(
  fc.constantFrom('0', '1', '1.00', '-1', '1.5', '1.50', '-0.05', '12'),
  fc
    .tuple(fc.integer({min: -99_999, max: 99_999}), fc.integer({min: 0, max: 9999}))
    .map(parts => parts.join('.')),
);
const double = fc.oneof(
  fc.double({noNaN: true, noDefaultInfinity: true}),
  fc.constantFrom(0, 1, 0.1, -1.5, 1e20),
);
/**
 * Letters of which every server knows the same other case. Of the others, such as ß and ı, the value form decides:
 * a checksum that differs only makes the rows be read.
 */
const word = fc
  .tuple(
    fc.constantFrom('', ' ', '  ', '\t'),
    fc.oneof(
      fc.constantFrom(
        'admin',
        'Admin',
        'ADMIN',
        'teacher',
        'x',
        '',
        '0',
        '1',
        '01',
        'ádmin',
        'жук',
        'ЖУК',
        'a  b',
      ),
      fc.string({unit: fc.constantFrom(...Array.from('aAzZéÉöÖжЖωΩ09 \'"\\%_-')), maxLength: 9}),
    ),
    fc.constantFrom('', ' ', '   ', '\n'),
  )
  .map(parts => parts.join(''));
const anyText = fc.oneof({weight: 3, arbitrary: word}, text);
const day = fc.oneof({weight: 5, arbitrary: moment}, noDate);
const clock = fc.constantFrom(
  '00:00:00',
  '-00:00:00.5',
  '12:34:56.789012',
  '838:59:59',
  '-838:59:59',
  '23:59:59.999999',
);
const json = fc.constantFrom('{}', '[1, 2.5, "x"]', '{"b": 1, "a": {"c": null}}', '"é"', '1', 'null', '[]');

/** By the name of the column. */
export const GIVEN = {
  tiny: ['TINYINT', whole],
  big: ['BIGINT', whole],
  unsigned: ['BIGINT UNSIGNED', whole],
  padded: ['INT(8) UNSIGNED ZEROFILL', whole],
  year: ['YEAR', fc.constantFrom(0, 1901, 2024, 2155)],
  money: ['DECIMAL(8,2)', decimal],
  exact: ['DECIMAL(24,6)', decimal],
  wide: ['DECIMAL(30,0)', fc.oneof(decimal, whole)],
  padded_money: ['DECIMAL(9,3) ZEROFILL', decimal],
  single: ['FLOAT', double],
  double: ['DOUBLE', double],
  bit: ['BIT(1)', fc.constantFrom(0, 1)],
  bits: [
    'BIT(64)',
    fc.oneof(fc.constantFrom('0', '1', '5'), fc.bigInt({min: 0n, max: 2n ** 64n - 1n}).map(BigInt)),
  ],
  words: ['VARCHAR(40)', word],
  fixed: ['CHAR(40)', word],
  latin: ['TEXT CHARACTER SET latin1', word],
  cyrillic: ['VARCHAR(40) CHARACTER SET cp1251', word],
  utf16: ['VARCHAR(40) CHARACTER SET utf16', word],
  binary_order: ['VARCHAR(40) COLLATE utf8mb4_bin', word],
  turkish: ['VARCHAR(40) COLLATE utf8mb4_turkish_ci', word],
  any: ['TEXT', anyText],
  member: ["ENUM('admin','Teacher','0','1','','x')", fc.integer({min: 0, max: 6})],
  members: ["SET('admin','b c','1')", fc.integer({min: 0, max: 7})],
  raw_words: ['VARBINARY(120)', word],
  raw: ['BLOB', fc.oneof(bytes, word)],
  raw_fixed: ['BINARY(8)', bytes],
  day: ['DATE', day],
  second: ['DATETIME', day],
  micro: ['DATETIME(6)', day],
  stamp: ['TIMESTAMP(3)', fc.oneof(moment, fc.constantFrom('0000-00-00'))],
  clock: ['TIME', clock],
  fine_clock: ['TIME(6)', clock],
  json: ['JSON', json],
} as const satisfies Record<string, Given>;
type GivenName = keyof typeof GIVEN;
const GIVEN_NAMES = Object.keys(GIVEN) as GivenName[];

/** Types of the target, which are wide enough for most values. */
export const WRITTEN = {
  tiny: 'TINYINT',
  big: 'BIGINT',
  unsigned: 'BIGINT UNSIGNED',
  year: 'YEAR',
  exact: 'DECIMAL(40,6)',
  whole: 'DECIMAL(40,0)',
  money: 'DECIMAL(20,2)',
  double: 'DOUBLE',
  single: 'FLOAT',
  bit: 'BIT(1)',
  bits: 'BIT(64)',
  words: 'VARCHAR(200)',
  fixed: 'CHAR(200)',
  long: 'TEXT',
  utf16: 'VARCHAR(200) CHARACTER SET utf16',
  few: 'VARCHAR(4)',
  member: "ENUM('ADMIN','teacher','0','1','','x','05')",
  same_member: "ENUM('','admin','x','Teacher','0','1')",
  members: "SET('admin','b c','z','1')",
  raw: 'BLOB',
  few_raw: 'VARBINARY(200)',
  raw_fixed: 'BINARY(8)',
  day: 'DATE',
  second: 'DATETIME',
  milli: 'DATETIME(3)',
  stamp: 'TIMESTAMP(6)',
  clock: 'TIME',
  fine_clock: 'TIME(6)',
  json: 'JSON',
} as const;

type WrittenName = keyof typeof WRITTEN;

/** Columns that can replace each other: of the source, of the target, and values of a mapping file for them. */
interface Kind {
  readonly given: readonly GivenName[];
  readonly written: readonly WrittenName[];
  readonly own: readonly string[];
}
const TEXTS = [
  ...(['words', 'fixed', 'latin', 'cyrillic', 'utf16', 'binary_order', 'turkish', 'any', 'member'] as const),
  ...(['members', 'raw_words', 'raw', 'raw_fixed'] as const),
] as const satisfies readonly GivenName[];
const KINDS: readonly Kind[] = [
  {
    given: ['tiny', 'big', 'unsigned', 'padded', 'year', 'bit', 'bits'],
    written: ['tiny', 'big', 'unsigned', 'year', 'bit', 'bits', 'whole', 'words', 'json'],
    own: ['0', '1', '5', '05', '-0', '2024', '1.0', '18446744073709551615'],
  },
  {
    given: ['money', 'exact', 'wide', 'padded_money'],
    written: ['exact', 'whole', 'money', 'words', 'fixed'],
    own: ['0', '1.50', '1.5', '-0.00', '007', '-12345.678901', '1e3'],
  },
  {
    given: ['single', 'double'],
    written: ['single', 'double'],
    own: ['0.1', '1e20', '-1.50', '007', '1.7e-7'],
  },
  {
    given: TEXTS,
    written: [
      'words',
      'fixed',
      'long',
      'utf16',
      'few',
      'member',
      'same_member',
      'members',
      'raw',
      'few_raw',
      'raw_fixed',
    ],
    own: ['ADMIN', 'admin', ' x ', 'x  ', '', "it's", 'é', 'Жук', '0', '1', 'b c', '12345678'],
  },
  {
    given: ['day', 'second', 'micro', 'stamp'],
    written: ['day', 'second', 'milli', 'stamp'],
    own: [
      '1970-01-01',
      '2024-02-29 01:02:03',
      '2024-02-29 23:59:59.999999',
      '2024-02-29 00:00:00.4',
      '2024',
      '2024-01-00',
    ],
  },
  {
    given: ['clock', 'fine_clock'],
    written: ['clock', 'fine_clock'],
    own: ['12:34:56', '-01:02:03.5', '838:59:59', '1:2:3'],
  },
  {given: ['json', 'any'], written: ['json', 'long'], own: ['{}', '[1, 2]', '"é"', 'x']},
];
const LISTED = [
  '0',
  '1',
  '1.0',
  '1.5',
  '1.50',
  '01',
  '5',
  '12',
  '',
  'admin',
  ' Teacher',
  'x',
  'жук',
  '-0',
  '-1',
];
const listed = fc.constantFrom(...LISTED, 'B C', '-0.05');
const anyGiven = fc.constantFrom(...GIVEN_NAMES);
const ofText = fc.constantFrom(...TEXTS);
/** Of letters that both know; see {@link word}. */
const ofWords = fc.constantFrom(...TEXTS.filter(name => name !== 'any'));

const useOf = ({given, own}: Kind) => {
  const alike = fc.constantFrom(...given);
  const value = fc.constantFrom(...own);
  return fc.oneof(
    {weight: 2, arbitrary: fc.record({copy: alike})},
    fc.record({trim: ofText}),
    fc.record({lower: ofWords}),
    fc.record({upper: ofWords}),
    fc.record({
      join: fc.array(ofText, {minLength: 1, maxLength: 3}),
      with: fc.constantFrom('', ' ', ', ', "'\\é"),
    }),
    {
      weight: 2,
      arbitrary: fc.record(
        {
          lookup: anyGiven,
          values: fc.dictionary(listed, value, {minKeys: 1, maxKeys: 3}),
          otherwise: fc.option(value),
        },
        {requiredKeys: ['lookup', 'values']},
      ),
    },
    {
      weight: 2,
      arbitrary: fc.record({oneOf: anyGiven, values: fc.array(listed, {minLength: 1, maxLength: 3})}),
    },
    {
      weight: 2,
      arbitrary: fc.record(
        {first: fc.array(alike, {minLength: 1, maxLength: 3}), otherwise: value},
        {requiredKeys: ['first']},
      ),
    },
    fc.record({constant: fc.option(value)}),
  );
};

/** For a column of any kind: numbers, texts and moments are also requested from columns that do not hold them. */
const condition = fc.constantFrom(...KINDS).chain(({given, own}) => {
  const value = fc.oneof(fc.constantFrom(...own), listed);
  return fc.tuple(
    fc.constantFrom(...given),
    fc.oneof(
      fc.constantFrom('null', 'not null'),
      {weight: 2, arbitrary: value},
      fc.array(value, {minLength: 1, maxLength: 2}),
    ),
  );
});

/** One column of the target, how its value is made, and perhaps a condition. */
export const candidate = fc.constantFrom(...KINDS).chain(kind =>
  fc.record({
    column: fc.constantFrom(...kind.written),
    use: useOf(kind),
    where: fc.option(condition.map(([column, is]) => ({[column]: is}))),
  }),
);
export type Candidate = typeof candidate extends fc.Arbitrary<infer T> ? T : never;

/** Rows without their ids, by the columns' names. */
export const rows = fc.array(
  fc.record(Object.fromEntries(GIVEN_NAMES.map(name => [name, nullable<unknown>(GIVEN[name][1])]))),
  {minLength: 3, maxLength: 8},
);
