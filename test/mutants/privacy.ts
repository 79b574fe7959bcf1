/** Mutants of privacy: no value of a row leaves the process. */
import type {Mutant} from './mutant.ts';

export const PRIVACY: readonly Mutant[] = [
  {
    name: 'drivers-messages-in-the-log',
    edits: [
      [
        'src/logger.ts',
        'describeError',
        '...errno, at: stackFrames(error)};',
        '...errno, at: `${error.message} ${stackFrames(error)}`};',
      ],
    ],
    answers: ['invariant 8', 'privacy'],
    test: ['test/unit/logger.test.ts', 'of a driver'],
  },
  {
    name: 'causes-messages-in-the-log',
    edits: [
      ['src/logger.ts', 'describeError', '{cause: foreignName(error.cause)}', '{cause: error.cause.message}'],
    ],
    answers: ['invariant 8', 'privacy'],
    test: ['test/unit/logger.test.ts', 'of ours is logged with its message'],
  },
  {
    name: 'server-messages-in-the-status',
    edits: [
      [
        'src/db/faults.ts',
        'classify',
        '`${where} refused a statement (${name})`',
        '`${where} refused a statement (${String(error)})`',
      ],
    ],
    answers: ['invariant 8', 'privacy'],
    test: ['test/unit/db/faults.test.ts', 'never quotes'],
  },
  {
    name: 'values-in-dead-letters',
    edits: [
      [
        'src/apply/stepwise-transaction.ts',
        '#write',
        'for (const {key} of rows) refused.push({letter: {table, key, ...refusalCode(error, table)}, isConflict});',
        "for (const {key, source} of rows) refused.push({letter: {table, key, ...refusalCode(error, table), detail: source.join(' ').slice(0, 60)}, isConflict});",
      ],
    ],
    answers: ['invariant 8', 'privacy', 'dead letters'],
    test: ['test/fault/dead-letters.test.ts', 'keeps rows that cannot be written'],
  },
  {
    name: 'queries-of-requests-in-the-log',
    edits: [
      [
        'src/server/middleware.ts',
        'requestLog',
        'const startedAtMs = clock.now();',
        "const startedAtMs = clock.now();\n    logger.debug({event: 'http.asked', url: c.req.url}, 'asked');",
      ],
    ],
    answers: ['invariant 8', 'privacy'],
    test: ['test/fault/privacy.test.ts', 'holds no value of a row'],
  },
];
