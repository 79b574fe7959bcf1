/** Mutants of the invariants: one transaction, one writer, a source that is only read. */
import type {Mutant} from './mutant.ts';

export const INVARIANTS: readonly Mutant[] = [
  {
    name: 'each-statement-commits-itself',
    edits: [
      [
        'src/apply/statement-pipeline.ts',
        '#openText',
        "this.#text.sql('START TRANSACTION;');",
        "this.#text.sql('DO 1;');",
      ],
    ],
    answers: ['invariant 1', 'exactly once'],
    test: ['test/fault/lease.test.ts', 'never both write'],
  },
  {
    name: 'fencing-number-unchecked',
    edits: [
      [
        'src/apply/checkpoint.ts',
        'update',
        'IF(fencing_token = ${token} AND writes >= ${writes.count}, fencing_token, NULL)',
        'IF(writes >= ${writes.count}, fencing_token, NULL)',
      ],
    ],
    answers: ['invariant 5', 'one writer'],
    test: ['test/fault/lease.test.ts', 'never both write'],
  },
  {
    name: 'fence-that-needs-no-row',
    edits: [
      [
        'src/apply/checkpoint.ts',
        'update',
        'IF(ROW_COUNT() = 1, 1, (SELECT 1 UNION SELECT 2))',
        'ROW_COUNT()',
      ],
    ],
    answers: ['invariant 5', 'one writer'],
    test: ['test/db/fence.test.ts', 'writes nothing if'],
  },
  {
    name: 'restored-position-is-overwritten',
    edits: [
      [
        'src/apply/checkpoint.ts',
        'update',
        ' AND writes >= ${writes.count}, fencing_token, NULL)',
        ', fencing_token, NULL)',
      ],
      [
        'src/db/lease.ts',
        'isRestored',
        'return (numbers?.writes ?? 0) < knownWrites;',
        'return knownWrites < 0 && numbers === null;',
      ],
    ],
    answers: ['continuity'],
    test: ['test/fault/restored-targets.test.ts', 'is noticed by a running daemon'],
  },
  {
    name: 'stream-that-feeds-on-its-checkpoint',
    edits: [['replicator/quiet-saves.ts', 'MAX_MS', '30_000', '1000']],
    answers: ['continuity'],
    test: ['test/unit/replicator/quiet-saves.test.ts', 'is saved rarely'],
  },
  {
    name: 'pause-and-resume-overlap',
    edits: [
      ['src/leadership.ts', '#steer', 'const done = this.#steering.then(action);', 'const done = action();'],
    ],
    answers: ['status'],
    test: ['test/fault/answers.test.ts', 'a pause and a resume'],
  },
  {
    name: 'conflicts-forgotten-by-a-crash',
    edits: [
      [
        'src/apply/applier.ts',
        'mustRetryConflicts',
        'mustRetryConflicts = true;',
        'mustRetryConflicts = false;',
      ],
    ],
    answers: ['unique keys'],
    test: ['test/fault/answers.test.ts', 'completed after a crash'],
  },
  {
    name: 'lease-that-all-get',
    edits: [['src/db/lease.ts', 'isFree', 'row.isReleased ||', 'row !== null ||']],
    answers: ['invariant 5', 'one writer'],
    test: ['test/fault/lease.test.ts', 'agree on a leader'],
  },
  {
    name: 'frozen-leader-keeps-the-lease',
    edits: [['src/db/lease-row.ts', 'LEASE_SECONDS', '5', '500']],
    answers: ['invariant 5', 'one writer'],
    test: ['test/fault/lease.test.ts', 'agree on a leader'],
  },
  {
    name: 'frozen-leader-keeps-its-locks',
    edits: [['src/apply/session.ts', 'IDLE_SECONDS', '5', '500']],
    answers: ['invariant 5', 'one writer'],
    test: ['test/fault/lease.test.ts', 'agree on a leader'],
  },
  {
    name: 'replay-starts-from-what-is-newer',
    edits: [
      [
        'replicator/transaction/compact.ts',
        'fold',
        'if (newKey === null) return;',
        'if (newKey === null || changes.has(newKey)) return;',
      ],
    ],
    answers: ['invariant 3', 'exactly once'],
    test: ['test/property/replays.test.ts', 'replayed from any position'],
  },
  {
    name: 'reset-log-that-grew-unseen',
    edits: [
      [
        'src/source/position-check.ts',
        'isAnotherLog',
        'return gtid !== undefined && holdsGtid(position, gtid);',
        'return gtid === position.tag;',
      ],
      [
        'src/source/position-check.ts',
        'isAnotherLog',
        'if (error.errno === ERROR_WHEN_EXECUTING_COMMAND) return true;',
        '',
      ],
    ],
    answers: ['continuity', 'invariant 7'],
    test: ['test/fault/continuity.test.ts', 'reset while down, and longer by now'],
    within: 'with GTIDs',
  },
  {
    name: 'reset-beneath-the-stream-unseen',
    edits: [
      [
        'replicator/stall-watch.ts',
        'isStalled',
        'return nowMs - this.#sinceMs >= STALL_MS;',
        'return nowMs - this.#sinceMs >= 1e9 + STALL_MS;',
      ],
    ],
    answers: ['continuity', 'invariant 7'],
    test: ['test/unit/replicator/stall-watch.test.ts', 'stalls if the log is elsewhere'],
  },
  {
    name: 'nobody-watches-for-a-reset',
    edits: [
      [
        'replicator/attempt.ts',
        '#watchProgress',
        'if (this.#stall.isStalled(sighting)) {',
        'if (sighting.nowMs < 0) {',
      ],
    ],
    answers: ['continuity', 'invariant 7'],
    test: ['test/fault/continuity.test.ts', 'reset while it streams'],
  },
  {
    name: 'source-may-be-written',
    edits: [['src/db/session-settings.ts', 'sessionStatements', "? 'READ ONLY'", "? 'READ WRITE'"]],
    answers: ['invariant 9'],
    test: ['test/db/sessions.test.ts', 'refuses to write the source'],
  },
  {
    name: 'target-cuts-what-is-too-long',
    edits: [
      [
        'src/db/session-settings.ts',
        'baseAssignments',
        "'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,",
        "'NO_AUTO_VALUE_ON_ZERO,",
      ],
    ],
    answers: ['values', 'dead letters'],
    test: ['test/db/sessions.test.ts', 'of the target truncates nothing'],
  },
  {
    name: 'id-0-becomes-the-next-one',
    edits: [
      [
        'src/db/session-settings.ts',
        'baseAssignments',
        "'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,",
        "'STRICT_ALL_TABLES,",
      ],
    ],
    answers: ['values'],
    test: ['test/db/sessions.test.ts', 'of the target truncates nothing'],
  },
  {
    name: 'limit-of-the-server-cuts-reads',
    edits: [['src/db/session-settings.ts', 'baseAssignments', '`sql_select_limit = ${NO_LIMIT}`,', '']],
    answers: ['ownership', '#26'],
    test: ['test/fault/session-defaults.test.ts', 'a limit on rows'],
  },
  {
    name: 'rows-received-are-not-counted',
    edits: [
      [
        'src/db/counted.ts',
        'readCounted',
        'if (Number(expected) !== rows.length) throw incomplete(rows.length, Number(expected));',
        '',
      ],
    ],
    answers: ['ownership', '#26'],
    test: ['test/db/counted.test.ts', 'fails if rows are missing'],
  },
  {
    name: 'rows-of-a-snapshot-are-not-counted',
    edits: [['src/db/counted.ts', 'countedRows', 'rows.length !== expected', 'rows.length > expected']],
    answers: ['ownership', '#26'],
    test: ['test/db/counted.test.ts', 'several selections in a snapshot'],
  },
];
