/** Mutants of texts in all character sets, of the forms of keys, and of the room that columns have. */
import type {Mutant} from './mutant.ts';

const IN_CHARSETS = 'test/db/keys-in-charsets.test.ts';
const CHARACTERS = 'test/unit/replicator/charsets.test.ts';
const BYTES_AND_TEXTS = ['test/db/bytes-and-texts.test.ts', 'is text on one side and bytes'] as const;
const NUMBERS = [
  'test/db/narrow-numbers.test.ts',
  'that a column does not hold makes a dead letter',
] as const;

export const KEYS: readonly Mutant[] = [
  {
    name: 'character-sets-without-their-tables',
    edits: [['replicator/decode/charsets.ts', 'decoderOf', 'tables.get(charset)', "tables.get('')"]],
    answers: ['#24', 'values'],
    test: [IN_CHARSETS, 'is followed in any character set without a reconcile'],
  },
  {
    name: 'character-sets-of-the-first-plan-only',
    edits: [
      [
        'src/replication-context.ts',
        'connectStream',
        'await readCharsets(applier.plan); const changed',
        'const changed',
      ],
    ],
    answers: ['#24', 'values', 'schema'],
    test: [IN_CHARSETS, 'after its column has got another character set'],
  },
  {
    name: 'key-by-a-character-of-other-bytes',
    edits: [['replicator/decode/charsets.ts', 'fromTable', 'isKey ? ONE_WAY : 0', '0']],
    answers: ['#24', 'values'],
    test: [CHARACTERS, 'of a key is uncertain if other bytes have its characters'],
  },
  {
    name: 'bytes-in-an-ascii-column-are-text',
    edits: [['replicator/decode/charsets.ts', 'isValidUtf8', 'charset !== ASCII && ', '']],
    answers: ['#24', 'values'],
    test: [CHARACTERS, 'in ascii has no other characters'],
  },
  {
    name: 'halves-in-ucs2-are-a-character',
    edits: [['replicator/decode/charsets.ts', 'WIDE', 'ucs2: fromUcs2', 'ucs2: fromUtf16']],
    answers: ['#24', 'values'],
    test: [CHARACTERS, 'in ucs2 has no characters of two halves'],
  },
  {
    name: 'uuid-as-its-bytes',
    edits: [
      [
        'replicator/decode/row-image.ts',
        'imageColumn',
        'addressDecoder(schema?.type, column.size)',
        'addressDecoder(undefined, column.size)',
      ],
    ],
    answers: ['values'],
    test: ['test/db/addresses.test.ts', 'is copied as a value and as a key'],
  },
  {
    name: 'text-is-sought-as-bytes-of-utf8',
    edits: [
      [
        'src/mapping/key.ts',
        'operandLiteral',
        "return own === 'binary' ? `x'${bytes.toString('hex')}'` : `_utf8mb4 x'${bytes.toString('hex')}'`;",
        "return `x'${bytes.toString('hex')}'`;",
      ],
    ],
    answers: ['values'],
    test: BYTES_AND_TEXTS,
  },
  {
    name: 'bytes-in-a-key-as-a-text',
    edits: [
      ['src/mapping/key.ts', '#part', "if (!isText(cell)) return BYTES + bytesOf(cell).toString('hex');", ''],
    ],
    answers: ['values', 'dead letters'],
    test: BYTES_AND_TEXTS,
  },
  {
    name: 'characters-that-a-key-lacks-are-sought',
    edits: [
      [
        'src/mapping/key.ts',
        'comparedLiteral',
        'WHOLE_CHARSETS.has(charset) || isAscii(bytes)',
        "charset !== '' || isAscii(bytes)",
      ],
    ],
    answers: ['values', 'dead letters'],
    test: ['test/db/narrow-charsets.test.ts', 'of a key that any character set does not have'],
  },
  {
    name: 'reference-in-other-letters-is-not-missing',
    edits: [
      [
        'reconciler/parents.ts',
        'replicatedOrAlike',
        'for (const key of await alike(deps, edge, others)) there.add(key);',
        'void others;',
      ],
    ],
    answers: ['values', 'dependants'],
    test: ['test/db/reference-texts.test.ts', 'is missing, and doctor has the SQL that fixes it'],
  },
  {
    name: 'decimal-with-any-number-of-digits',
    edits: [
      [
        'src/mapping/limits.ts',
        'fitsNumber',
        'return whole.length <= Number(length) - Number(scale);',
        'return whole.length >= 0;',
      ],
    ],
    answers: ['values', 'dead letters'],
    test: NUMBERS,
  },
  {
    name: 'bits-without-end',
    edits: [
      [
        'src/mapping/limits.ts',
        'fitsNumber',
        'return BigInt(value) < 1n << BigInt(length ?? 1);',
        'return true;',
      ],
    ],
    answers: ['values', 'dead letters'],
    test: NUMBERS,
  },
  {
    name: 'negative-in-an-unsigned-column',
    edits: [['src/mapping/limits.ts', 'fitsNumber', "(unsigned || type === 'bit')", "type === 'bit'"]],
    answers: ['values', 'dead letters'],
    test: NUMBERS,
  },
  {
    name: 'timestamp-before-its-first-second',
    edits: [['src/mapping/limits.ts', 'fitsMoment', 'value >= FIRST_SECOND && ', '']],
    answers: ['values', 'dead letters'],
    test: NUMBERS,
  },
  {
    name: 'number-of-a-wider-column-unlooked',
    edits: [
      [
        'src/mapping/limits.ts',
        'holdsAll',
        'wholeDigits(column) >= wholeDigits(input)',
        "column.type !== ''",
      ],
    ],
    answers: ['values', 'dead letters'],
    test: NUMBERS,
  },
];
