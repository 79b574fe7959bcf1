/** Mutants of the mapping: which rows count, and how their values are converted. */
import type {Mutant} from './mutant.ts';

export const VALUES: readonly Mutant[] = [
  {
    name: 'unknown-collations-are-utf8mb4',
    edits: [
      [
        'replicator/decode/charsets.ts',
        'decoderOf',
        'if (charset === null) return () => null;',
        'if (charset === null) return bytes => bytes;',
      ],
    ],
    answers: ['#24', 'values'],
    test: ['test/property/every-collation.test.ts', 'by SELECT and from the log'],
  },
  {
    name: 'members-in-any-character-set-are-sure',
    edits: [
      ['replicator/decode/row-image.ts', 'imageColumn', 'member => decode(member)', 'member => member'],
    ],
    answers: ['#24', 'values'],
    test: ['test/property/every-collation.test.ts', 'by SELECT and from the log'],
  },
  {
    name: 'zero-date-is-a-date',
    edits: [['src/mapping/operators/moments.ts', 'isDate', "!value.startsWith('0000') && ", '']],
    answers: ['mapping', 'values'],
    test: ['test/unit/mapping/transforms.test.ts', 'a timestamp'],
  },
  {
    name: 'fractions-are-cut',
    edits: [
      [
        'src/mapping/operators/moments.ts',
        'roundMoment',
        'digits.charCodeAt(fraction) < 53',
        'digits.charCodeAt(fraction) < 99',
      ],
    ],
    answers: ['mapping', 'values'],
    test: ['test/property/values.test.ts', 'is to the nearest digit, and half up'],
  },
  {
    name: 'all-white-space-is-trimmed',
    edits: [
      [
        'src/mapping/operators/texts.ts',
        'trimSpaces',
        'return start === 0 && end === text.length ? text : text.slice(start, end);',
        'return text.trim();',
      ],
    ],
    answers: ['mapping'],
    test: ['test/unit/mapping/transforms.test.ts', 'cuts U+0020 and no other white space'],
  },
  {
    name: 'letters-in-the-case-of-javascript',
    edits: [
      [
        'src/mapping/operators/letter-case.ts',
        'toUpper',
        'if (ASCII.test(text)) return text.toUpperCase();',
        'return text.toUpperCase();',
      ],
    ],
    answers: ['mapping', 'values'],
    test: ['test/db/letter-case.test.ts', 'compares alike in a column of'],
  },
  {
    name: 'letters-in-the-case-of-a-collation',
    edits: [
      [
        'src/mapping/operators/letter-case.ts',
        'lowerSql',
        'return `LOWER(${expression} COLLATE utf8mb4_bin)`;',
        'return `LOWER(${expression})`;',
      ],
    ],
    answers: ['mapping', 'values'],
    test: ['test/db/letter-case.test.ts', 'has the same upper and lower case'],
    flavour: 'mysql',
  },
  {
    name: 'instructor-is-a-student',
    edits: [['mappings/laas.yaml', 'tables', 'INSTRUCTOR: FACULTY', 'INSTRUCTOR: STUDENT']],
    answers: ['mapping'],
    test: ['test/unit/mapping/transforms.test.ts', 'a role'],
  },
  {
    name: 'packed-flag-unlooked',
    edits: [
      [
        'src/mapping/conditions.ts',
        'plainlyHolds',
        'return byte >= 0 && row.length(place) === 1 && row.bytes[row.start(place)] === byte;',
        'return byte >= 0;',
      ],
    ],
    answers: ['mapping'],
    test: ['test/property/packed.test.ts', 'agrees with its values'],
  },
  {
    name: 'packed-email-with-two-signs',
    edits: [['src/mapping/validity.ts', 'isPlainEmail', 'if (at >= 0) return false;', '']],
    answers: ['mapping'],
    test: ['test/property/packed.test.ts', 'agrees with its values'],
  },
  {
    name: 'packed-address-untrimmed',
    edits: [
      [
        'src/mapping/operators/letters.ts',
        'trimmedWriter',
        'const start = trimmedStart(bytes, row.start(place), row.end(place));',
        'const start = row.start(place);',
      ],
    ],
    answers: ['mapping'],
    test: ['test/property/packed.test.ts', 'agrees with its values'],
  },
  {
    name: 'partial-date-is-a-date',
    edits: [['src/mapping/operators/moments.ts', 'isDate', " && !value.startsWith('00', 8)", '']],
    answers: ['mapping', 'values'],
    test: ['test/unit/mapping/transforms.test.ts', 'a timestamp'],
  },
  {
    name: 'flag-by-number-of-member',
    edits: [
      [
        'src/mapping/conditions.ts',
        'conditionSql',
        "const isSet = `CAST(TRIM(LEADING '0' FROM TRIM(${text})) AS BINARY) = ${bytesLiteral(SET)}`;",
        'const isSet = `${column} = 1`;',
      ],
    ],
    answers: ['mapping', 'values'],
    test: ['test/property/mapping-in-sql.test.ts', '#24 #34 #35 is the same by the value form'],
  },
  {
    name: 'zerofill-as-it-is-shown',
    edits: [
      [
        'src/mapping/sql/columns.ts',
        'exactColumn',
        'return isPadded || UNLIKE_THEIR_TEXT.has',
        'return UNLIKE_THEIR_TEXT.has',
      ],
    ],
    answers: ['values'],
    test: ['test/property/copy-equals-stream.test.ts', '#24 #44 is the same by SELECT'],
  },
  {
    name: 'binary-without-its-zeros',
    edits: [
      [
        'replicator/decode/image-reader.ts',
        '#decoded',
        'this.#set(text ?? raw, into, slot, missing);',
        'this.#set(text ?? raw, into, slot, missing * 0);',
      ],
    ],
    answers: ['values'],
    test: ['test/property/copy-equals-stream.test.ts', '#24 #44 is the same by SELECT'],
  },
  {
    name: 'bytes-that-are-no-text-are-replaced',
    edits: [
      ['src/mapping/values.ts', 'valueOf', 'return isUtf8(part) ? text : escaped(part);', 'return text;'],
    ],
    answers: ['values'],
    test: ['test/property/copy-equals-stream.test.ts', '#24 #44 is the same by SELECT'],
  },
  {
    name: 'packed-zero-date-as-it-is',
    edits: [['src/mapping/operators/first.ts', 'momentWriter', ' || !isDateAt(row.bytes, start)', '']],
    answers: ['mapping'],
    test: ['test/property/packed.test.ts', 'agrees with its values'],
  },
  {
    name: 'packed-text-unescaped',
    edits: [['src/apply/sql-text.ts', '#escaped', 'if (escaped !== 0) buffer[at++] = BACKSLASH;', '']],
    answers: ['values'],
    test: ['test/property/packed.test.ts', 'agrees with its values'],
  },
  {
    name: 'inactive-users-are-eligible',
    edits: [
      [
        'src/mapping/conditions.ts',
        'holds',
        'condition.values.has(canonical(condition.family, cell)) ||',
        'condition.values.size > 0 ||',
      ],
    ],
    answers: ['mapping', 'dependants'],
    test: ['test/unit/mapping/validity.test.ts', 'is not eligible without'],
  },
  {
    name: 'two-signs-in-an-address',
    edits: [['src/mapping/checks.ts', 'EMAIL', '/^[^\\s@]+@[^\\s@]+$/u', '/^[^\\s@]+@[^\\s]+$/u']],
    answers: ['mapping', 'dead letters'],
    test: ['test/unit/mapping/validity.test.ts', 'an e-mail'],
  },
  {
    name: 'empty-password-is-one',
    edits: [['src/mapping/checks.ts', 'satisfies', "return value !== '';", 'return true;']],
    answers: ['mapping', 'dead letters'],
    test: ['test/unit/mapping/validity.test.ts', 'with an empty password is a dead letter'],
  },
  {
    name: 'ids-rounded-to-53-bits',
    edits: [
      [
        'src/apply/owned-chunks.ts',
        'placeOf',
        'return id.length <= 15 ? Number(id) - chunk',
        'return id.length <= 20 ? Number(id) - chunk',
      ],
    ],
    answers: ['values'],
    test: ['test/unit/apply/ownership.test.ts', 'distinguishes any two 64-bit ids'],
  },
  {
    name: 'checksum-that-cancels-out',
    edits: [['src/mapping/sql/checksums.ts', 'ODD', "'2654435761'", "'1'"]],
    answers: ['values'],
    test: ['test/property/mapping-in-sql.test.ts', 'is found if two rows changed alike'],
  },
  {
    name: 'differing-stretch-left-alone',
    edits: [['reconciler/stretches.ts', 'differing', 'if (agrees) return;', 'return;']],
    answers: ['values'],
    test: ['test/unit/reconciler/stretches.test.ts', 'are each found alone'],
  },
  {
    name: 'bytes-taken-for-text',
    edits: [
      [
        'src/mapping/validity.ts',
        'validateValue',
        "bytes === 'checked' && !isText(value)",
        "bytes === 'none' && !isText(value)",
      ],
    ],
    answers: ['values', 'dead letters'],
    test: ['test/fault/invalid-encoding.test.ts', 'that are not UTF-8 make their row a dead letter'],
  },
  {
    name: 'null-for-a-column-that-takes-none',
    edits: [
      [
        'src/mapping/validity.ts',
        'validate',
        "if (value === null && column.needsValue) return 'null-value';",
        '',
      ],
    ],
    answers: ['values', 'dead letters'],
    test: ['test/db/null-values.test.ts', 'is a dead letter by first load and by stream'],
  },
];
