/** Mutants of batches that are prepared and sent before their turn. */
import type {Mutant} from './mutant.ts';

export const SENDING: readonly Mutant[] = [
  {
    name: 'pipelined-rows-commit-themselves',
    edits: [['src/apply/session.ts', 'beginRows', "'SET autocommit = 0'", "'START TRANSACTION'"]],
    answers: ['invariant 1', 'exactly once'],
    test: ['test/db/bulk.test.ts', 'sent behind one that a deadlock ends'],
  },
  {
    name: 'overtakes-a-query',
    edits: [
      [
        'src/db/pipeline.ts',
        'pipeline',
        'ahead instanceof PipelinedCommand && ahead.isSent',
        'ahead !== undefined',
      ],
    ],
    answers: ['exactly once'],
    test: ['test/db/bulk.test.ts', 'keep their place among queries'],
  },
  {
    name: 'query-sent-twice',
    edits: [['src/db/early-query.ts', 'leaves', 'on.writePacket = () => on._bumpSequenceId(1);', '']],
    answers: ['exactly once'],
    test: ['test/db/early-queries.test.ts', 'are answered alike'],
  },
  {
    name: 'query-overtakes-rows',
    edits: [['src/db/early-query.ts', 'queryEarly', 'sent.has(ahead) && leaves', 'leaves']],
    answers: ['exactly once'],
    test: ['test/db/early-queries.test.ts', 'are answered alike'],
  },
  {
    name: 'server-without-tls-for-ever',
    edits: [['src/db/connection.ts', 'openPreferringTls', '!offersTls(coreOf(found.connection))', 'found']],
    answers: ['connections'],
    test: ['test/db/tls.test.ts', 'is asked for once with preferred'],
  },
  {
    name: 'preparing-waits-for-ever',
    edits: [
      [
        'src/db/send-rows.ts',
        'prepareRows',
        'inTime(core, timeoutMs, prepare(core, sql))',
        'prepare(core, sql)',
      ],
    ],
    answers: ['connections', '#3'],
    test: ['test/db/bulk.test.ts', 'do not wait for a PREPARE'],
  },
  {
    name: 'made-ready-on-old-facts',
    edits: [['src/apply/applier.ts', '#takeAhead', 'isMeant && ahead.version === this.#version', 'isMeant']],
    answers: ['ownership', 'exactly once'],
    test: ['test/db/next-batch.test.ts', 'if a write that began earlier ended in between'],
  },
  {
    name: 'ownership-of-the-batch-before-forgotten',
    edits: [
      [
        'src/apply/ownership.ts',
        'each',
        'before?.changed(chunk) ?? this.#recall(chunk)',
        '(void before, this.#recall(chunk))',
      ],
    ],
    answers: ['ownership'],
    test: ['test/db/next-batch.test.ts', 'holds rows that depend on those of the previous batch'],
  },
  {
    name: 'ownership-read-too-early-is-kept',
    edits: [['src/apply/ownership.ts', 'view', 'if (version === this.#version) {', 'if (version >= 0) {']],
    answers: ['ownership'],
    test: ['test/unit/apply/ownership.test.ts', 'does not replace committed changes'],
  },
  {
    name: 'dropped-batch-shares-its-buffers',
    edits: [
      [
        'src/apply/statement-pipeline.ts',
        'constructor',
        'spare.get(session)?.pop() ??',
        'spare.get(session)?.at(-1) ??',
      ],
    ],
    answers: ['exactly once'],
    test: ['test/db/next-batch.test.ts', 'does not affect another batch'],
  },
  {
    name: 'rows-left-to-the-transaction-of-text',
    edits: [
      [
        'src/apply/statement-pipeline.ts',
        '#upsertInBulk',
        "if (this.#isOpen !== 'for rows') void",
        "if (this.#isOpen === 'no') void",
      ],
    ],
    answers: ['invariant 1', 'exactly once'],
    test: ['test/db/deadlocks.test.ts', 'is written as a whole when it is retried'],
  },
  {
    name: 'rows-behind-a-commit-left-open',
    edits: [
      ['src/apply/prepared-batch.ts', 'takeBack', 'if (this.#hasLeft) await rollBack(this.session);', ''],
    ],
    answers: ['invariant 1', 'exactly once'],
    test: ['test/db/behind-commit.test.ts', 'are rolled back if the plan has changed'],
  },
  {
    name: 'committed-before-its-turn',
    edits: [['src/apply/prepared-batch.ts', 'constructor', 'answered: opened,', 'answered: followed,']],
    answers: ['invariant 1', 'invariant 5'],
    test: ['test/db/behind-commit.test.ts', 'are written, each batch in its turn'],
  },
  {
    name: 'sent-on-behind-a-failure',
    edits: [
      [
        'src/apply/applier.ts',
        '#attempt',
        'this.#dropAhead(); if (!isRefusal(error) || isDeadlock(error) || isByCluster(error, changes)) throw error;',
        'if (!isRefusal(error) || isDeadlock(error) || isByCluster(error, changes)) throw error;',
      ],
    ],
    answers: ['invariant 1', 'exactly once'],
    test: ['test/db/behind-commit.test.ts', 'of which one is refused are decided again'],
  },
  {
    name: 'the-stream-goes-before-who-waits',
    edits: [
      [
        'src/apply/apply-lock.ts',
        'reserve',
        "this.#waiting.length > 0 ? null : this.#queue('stream')",
        "this.#queue('stream')",
      ],
    ],
    answers: ['watermarks'],
    test: ['test/unit/apply/apply-lock.test.ts', 'reserves the stream’s next turn'],
  },
  {
    name: 'dead-letters-of-the-batch-before-forgotten',
    edits: [
      [
        'src/apply/applier.ts',
        '#prepareNext',
        'options === undefined || dead ||',
        'options === undefined ||',
      ],
    ],
    answers: ['dead letters'],
    test: ['test/db/next-batch.test.ts', 'if the previous batch leaves a dead letter'],
  },
  {
    name: 'commit-behind-a-flight-that-failed',
    edits: [
      [
        'src/apply/flights.ts',
        'expectLast',
        "`SET ${LAST} = IF(${LAST} = ${this.#last ?? 'NULL'}, 0, ${FAILS})`",
        '`SET ${LAST} = ${this.#last ?? 0}`',
      ],
    ],
    answers: ['invariant 1', 'exactly once'],
    test: ['test/db/flights.test.ts', 'as text fail with the one that fails'],
  },
  {
    name: 'rows-that-failed-count-as-taken',
    edits: [['src/apply/flights.ts', 'endRows', 'IF(ROW_COUNT() >= 0${order}', 'IF(1 = 1${order}']],
    answers: ['invariant 1', 'exactly once'],
    test: ['test/db/flights.test.ts', 'of many rows fail with the one that fails'],
  },
];
