/** Mutants of what holds everywhere: one transaction, one writer, a source that is only read. */
import type {Mutant} from './mutant.ts';

export const INVARIANTS: readonly Mutant[] = [
  {
    name: 'each-statement-commits-itself',
    edits: [
      [
        'src/apply/statement-pipeline.ts',
        "this.#text.sql('START TRANSACTION;');",
        "this.#text.sql('DO 1;');",
      ],
    ],
    answers: ['invariant 1', 'exactly once'],
    test: ['test/fault/lease.test.ts', 'never write both'],
  },
  {
    name: 'fencing-number-unchecked',
    edits: [
      [
        'src/apply/checkpoint.ts',
        'IF(fencing_token = ${token} AND writes >= ${writes.count}, fencing_token, NULL)',
        'IF(writes >= ${writes.count}, fencing_token, NULL)',
      ],
    ],
    answers: ['invariant 5', 'one writer'],
    test: ['test/fault/lease.test.ts', 'never write both'],
  },
  {
    name: 'fence-that-needs-no-row',
    edits: [['src/apply/checkpoint.ts', 'IF(ROW_COUNT() = 1, 1, (SELECT 1 UNION SELECT 2))', 'ROW_COUNT()']],
    answers: ['invariant 5', 'one writer'],
    test: ['test/db/fence.test.ts', 'writes nothing where'],
  },
  {
    name: 'restored-position-is-overwritten',
    edits: [
      [
        'src/apply/checkpoint.ts',
        ' AND writes >= ${writes.count}, fencing_token, NULL)',
        ', fencing_token, NULL)',
      ],
      [
        'src/db/lease.ts',
        'return (numbers?.writes ?? 0) < knownWrites;',
        'return knownWrites < 0 && numbers === null;',
      ],
    ],
    answers: ['continuity'],
    test: ['test/fault/restored-targets.test.ts', 'is noticed by a daemon that runs'],
  },
  {
    name: 'stream-that-feeds-on-its-checkpoint',
    edits: [['replicator/quiet-saves.ts', 'const MAX_MS = 30_000;', 'const MAX_MS = 1000;']],
    answers: ['continuity'],
    test: ['test/unit/replicator/quiet-saves.test.ts', 'now and then'],
  },
  {
    name: 'pause-and-resume-overlap',
    edits: [['src/leadership.ts', 'const done = this.#steering.then(action);', 'const done = action();']],
    answers: ['status'],
    test: ['test/fault/answers.test.ts', 'a pause and a resume'],
  },
  {
    name: 'conflicts-forgotten-by-a-crash',
    edits: [['src/apply/applier.ts', 'mustRetryConflicts = true;', 'mustRetryConflicts = false;']],
    answers: ['unique keys'],
    test: ['test/fault/answers.test.ts', 'carried on after a crash'],
  },
  {
    name: 'lease-that-all-get',
    edits: [['src/db/lease.ts', 'row.isReleased ||', 'row !== null ||']],
    answers: ['invariant 5', 'one writer'],
    test: ['test/fault/lease.test.ts', 'agree on a leader'],
  },
  {
    name: 'frozen-leader-keeps-the-lease',
    edits: [['src/db/lease-row.ts', 'export const LEASE_SECONDS = 5;', 'export const LEASE_SECONDS = 500;']],
    answers: ['invariant 5', 'one writer'],
    test: ['test/fault/lease.test.ts', 'agree on a leader'],
  },
  {
    name: 'frozen-leader-keeps-its-locks',
    edits: [['src/apply/session.ts', 'export const IDLE_SECONDS = 5;', 'export const IDLE_SECONDS = 500;']],
    answers: ['invariant 5', 'one writer'],
    test: ['test/fault/lease.test.ts', 'agree on a leader'],
  },
  {
    name: 'replay-starts-from-what-is-newer',
    edits: [
      [
        'replicator/transaction/compact.ts',
        'if (newKey === null) return;',
        'if (newKey === null || changes.has(newKey)) return;',
      ],
    ],
    answers: ['invariant 3', 'exactly once'],
    test: ['test/property/values.test.ts', 'from any place on, applied to any state'],
  },
  {
    name: 'snapshot-older-than-the-stream',
    edits: [
      [
        'reconciler/batch.ts',
        'if (stream === null || covers(mark, stream))',
        'if (stream === null || covers(mark, stream) || mark)',
      ],
    ],
    answers: ['invariant 4', 'watermarks', '#1'],
    test: ['test/db/snapshots.test.ts', 'for a batch shows what the stream has passed'],
  },
  {
    name: 'mark-below-what-the-stream-has-passed',
    edits: [
      [
        'src/source/watermark.ts',
        'compareOffsets(low, stream.offset) >= 0',
        'compareOffsets(low, stream.offset) >= -1e9',
      ],
    ],
    answers: ['invariant 4', 'watermarks', '#1'],
    test: ['test/db/snapshots.test.ts', 'for a batch shows what the stream has passed'],
  },
  {
    name: 'mark-without-what-the-stream-has-passed',
    edits: [
      [
        'src/source/watermark.ts',
        'setCovers(mark.low.set, stream.position.set)',
        'setCovers(stream.position.set, stream.position.set)',
      ],
    ],
    answers: ['invariant 4', 'watermarks', '#1'],
    test: ['test/db/snapshots.test.ts', 'for a batch shows what the stream has passed'],
    flavour: 'mysql',
  },
  {
    name: 'batch-from-the-future',
    edits: [
      [
        'reconciler/repair.ts',
        'if (batch.high !== null) await tap.reached(batch.high, signal);',
        'void tap;',
      ],
    ],
    answers: ['invariant 4', 'watermarks'],
    test: ['test/db/snapshots.test.ts', 'for a batch shows what the stream has passed'],
  },
  {
    name: 'window-closed-before-the-batch-is-written',
    edits: [
      ['reconciler/batch.ts', 'const window = tap.open();', 'const window = tap.open();\n  window.close();'],
    ],
    answers: ['invariant 4', 'watermarks'],
    test: ['test/fault/watermarks.test.ts', '#1 ends equal'],
    within: 'surrogate',
  },
  {
    name: 'stream-and-batches-write-at-once',
    edits: [
      [
        'src/apply/apply-lock.ts',
        "(next.kind === 'stream' && this.#chunks > 0)",
        "(next.kind === 'stream' && this.#chunks > 9)",
      ],
    ],
    answers: ['invariant 4', 'watermarks'],
    test: ['test/unit/apply/apply-lock.test.ts', 'lets chunks in together, and the stream alone'],
  },
  {
    name: 'reads-of-now-before-the-engine-has-committed',
    edits: [
      [
        'src/source/watermark.ts',
        'if (await isSeen(connection, info, need)) return;',
        'await isSeen(connection, info, need);\n    return;',
      ],
    ],
    answers: ['invariant 3', 'watermarks', 'dependants'],
    test: ['test/db/snapshots.test.ts', 'of now waits until'],
  },
  {
    name: 'reset-log-that-grew-unseen',
    edits: [
      [
        'src/source/position-check.ts',
        'return gtid !== undefined && holdsGtid(position, gtid);',
        'return gtid === position.tag;',
      ],
      ['src/source/position-check.ts', 'if (error.errno === ERROR_WHEN_EXECUTING_COMMAND) return true;', ''],
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
        'return nowMs - this.#sinceMs >= STALL_MS;',
        'return nowMs - this.#sinceMs >= 1e9 + STALL_MS;',
      ],
    ],
    answers: ['continuity', 'invariant 7'],
    test: ['test/unit/replicator/stall-watch.test.ts', 'stalls if the log is elsewhere'],
  },
  {
    name: 'nobody-watches-for-a-reset',
    edits: [['replicator/attempt.ts', 'if (this.#stall.isStalled(sighting)) {', 'if (sighting.nowMs < 0) {']],
    answers: ['continuity', 'invariant 7'],
    test: ['test/fault/continuity.test.ts', 'reset while it streams'],
  },
  {
    name: 'source-may-be-written',
    edits: [['src/db/session-settings.ts', "? 'READ ONLY'", "? 'READ WRITE'"]],
    answers: ['invariant 9'],
    test: ['test/db/sessions.test.ts', 'refuses to write the source'],
  },
  {
    name: 'target-cuts-what-is-too-long',
    edits: [
      ['src/db/session-settings.ts', "'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,", "'NO_AUTO_VALUE_ON_ZERO,"],
    ],
    answers: ['values', 'dead letters'],
    test: ['test/db/sessions.test.ts', 'of the target cuts nothing short'],
  },
  {
    name: 'id-0-becomes-the-next-one',
    edits: [
      ['src/db/session-settings.ts', "'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,", "'STRICT_ALL_TABLES,"],
    ],
    answers: ['values'],
    test: ['test/db/sessions.test.ts', 'of the target cuts nothing short'],
  },
  {
    name: 'limit-of-the-server-cuts-reads',
    edits: [['src/db/session-settings.ts', '`sql_select_limit = ${NO_LIMIT}`,', '']],
    answers: ['ownership', '#26'],
    test: ['test/fault/session-defaults.test.ts', 'a limit on rows'],
  },
  {
    name: 'rows-received-are-not-counted',
    edits: [
      [
        'src/db/counted.ts',
        'if (Number(expected) !== rows.length) throw incomplete(rows.length, Number(expected));',
        '',
      ],
    ],
    answers: ['ownership', '#26'],
    test: ['test/db/counted.test.ts', 'ends where rows are missing'],
  },
];
