/** Failures 21 to 30 of docs/failure-modes.md: what is written, in which bounds, and what is told of it. */
import type {Mutant} from './mutant.ts';

export const ROWS: readonly Mutant[] = [
  {
    name: 'upsert-by-any-unique-key',
    edits: [
      [
        'src/apply/statements.ts',
        '`${first} = IF(${isSameRow}, ${first}, ${fails})`',
        '`${first} = ${first}`',
      ],
    ],
    answers: ['#21', 'unique keys'],
    test: ['test/fault/unique-keys.test.ts', '#21 move about'],
  },
  {
    name: 'values-on-the-move-not-freed',
    edits: [
      ['src/apply/clashes.ts', 'if (rings.size === 0) continue;', 'if (rings.size < 1_000_000) continue;'],
    ],
    answers: ['#21', 'unique keys'],
    test: ['test/fault/unique-keys.test.ts', '#21 move about'],
  },
  {
    name: 'parents-are-replaced',
    edits: [
      ['src/apply/statements.ts', 'const head = `INSERT INTO', 'const head = `REPLACE INTO'],
      ['src/apply/statements.ts', 'const tail = ` ON DUPLICATE', "const tail = '' && ` ON DUPLICATE"],
    ],
    answers: ['#22', 'ownership'],
    test: ['test/fault/ownership.test.ts', '#22 that refer to ours'],
  },
  {
    name: 'updates-use-up-numbers',
    edits: [
      [
        'src/apply/statements.ts',
        'arePresent === true ? plan.surrogate : null',
        'arePresent === undefined ? plan.surrogate : null',
      ],
    ],
    answers: ['#22', 'mapping'],
    test: ['test/db/surrogate-keys.test.ts', 'keeps its numbers while rows are updated'],
  },
  {
    name: 'zone-of-the-server',
    edits: [['src/db/session-settings.ts', `"time_zone = '+00:00'",`, "'time_zone = @@GLOBAL.time_zone',"]],
    answers: ['#23', 'values'],
    test: ['test/fault/time-zones.test.ts', 'are the same instants'],
  },
  {
    name: 'zone-of-the-process',
    edits: [
      [
        'replicator/decode/moment.ts',
        'new Date(day * 86_400_000).toISOString().slice(0, DATE_LENGTH)',
        'new Date(day * 86_400_000 - new Date(day * 86_400_000).getTimezoneOffset() * 60_000).toISOString().slice(0, DATE_LENGTH)',
      ],
    ],
    answers: ['#23', 'values'],
    test: ['test/fault/time-zones.test.ts', 'are the same instants'],
  },
  {
    name: 'unsigned-read-as-signed',
    edits: [
      [
        'replicator/decode/image-reader.ts',
        'isUnsigned ? buffer.readBigUInt64LE(at)',
        '!isUnsigned ? buffer.readBigUInt64LE(at)',
      ],
    ],
    answers: ['#24', 'values'],
    test: ['test/fault/owners-tables.test.ts', 'take ids to the end of 64 bits'],
  },
  {
    name: 'latin1-is-not-windows-1252',
    edits: [
      ['replicator/decode/charsets.ts', 'char => HIGH[char.charCodeAt(0) - 0x80] ?? char', 'char => char'],
    ],
    answers: ['#24', 'values'],
    test: ['test/property/copy-equals-stream.test.ts', '#24 #44 is the same by SELECT'],
  },
  {
    name: 'microseconds-are-cut-in-sql',
    edits: [
      [
        'src/mapping/operators/moments.ts',
        'const half = 5 * 10 ** (5 - fraction);',
        'const half = 0 * fraction;',
      ],
    ],
    answers: ['#24', 'values', 'mapping'],
    test: ['test/property/mapping-in-sql.test.ts', '#24 #34 #35 is the same by the value form'],
  },
  {
    name: 'queue-without-a-bound',
    edits: [['replicator/queue.ts', 'this.#bytes >= this.#options.pauseBytes', 'this.#bytes === Infinity']],
    answers: ['#25', 'invariant 6'],
    test: ['test/unit/replicator/queue.test.ts', '#25 pauses the source'],
  },
  {
    name: 'huge-transaction-held-whole',
    edits: [
      [
        'replicator/transaction/transaction.ts',
        'this.#bytes < this.#options.maxBytes ? null : this.#part()',
        'null',
      ],
    ],
    answers: ['#25', 'invariant 6'],
    test: ['test/unit/replicator/transaction.test.ts', '#25 that is too large'],
  },
  {
    name: 'short-read-taken-for-the-end',
    edits: [
      [
        'src/source/reader.ts',
        "return (sql, values) => queryRows('source', connection, sql, values);",
        "return (sql, values) => queryRows('source', connection, sql, values).catch(() => []);",
      ],
    ],
    answers: ['#26', 'watermarks'],
    test: ['test/fault/short-reads.test.ts', 'whose connection ends in the middle of a read'],
  },
  {
    name: 'rows-in-flight-are-drift',
    edits: [
      ['reconciler/verifier.ts', 'if (!isDrift(id)) continue;', 'if (!isDrift(id) && id === key) continue;'],
    ],
    answers: ['#26', 'watermarks'],
    test: ['test/fault/short-reads.test.ts', 'beside writers report no row'],
  },
  {
    name: 'lag-0-without-a-connection',
    edits: [['src/status/lag.ts', 'if (!this.#connected) {', 'if (!this.#connected && nowMs < 0) {']],
    answers: ['#27'],
    test: ['test/unit/status/lag.test.ts', 'grows while the connection is lost'],
  },
  {
    name: 'lag-0-while-the-source-has-more',
    edits: [['src/status/lag.ts', 'if (this.#isAtEnd()) return 0;', 'return 0;']],
    answers: ['#27'],
    test: ['test/unit/status/lag.test.ts', 'grows from when we had caught up'],
  },
  {
    name: 'lag-0-while-a-batch-is-stuck',
    edits: [
      ['replicator/attempt.ts', 'this.#deps.lag.pending(transaction.committedAtMs, this.#deps.now());', ''],
      ['src/status/lag.ts', 'if (this.#isAtEnd()) return 0;', 'return 0;'],
    ],
    answers: ['#27'],
    test: ['test/fault/connections.test.ts', '#27 #30 wait for a lock'],
  },
  {
    name: 'any-error-means-an-older-server',
    edits: [
      [
        'src/db/server.ts',
        'if (!(error instanceof SyncError) || error.errno !== SYNTAX_ERROR) throw error;',
        'if (!(error instanceof SyncError)) throw error;',
      ],
    ],
    answers: ['#28'],
    test: ['test/fault/positions.test.ts', '#28 is read whatever the statement is called'],
  },
  {
    name: 'one-domain-for-all-gtids',
    edits: [
      [
        'replicator/transaction/transaction.ts',
        '{domainId: Number(domainId), serverId',
        '{domainId: 0 * Number(domainId), serverId',
      ],
    ],
    answers: ['#29', 'continuity'],
    test: ['test/fault/positions.test.ts', '#29 holds transactions of several servers'],
  },
  {
    name: 'gtid-sets-as-the-server-prints-them',
    edits: [
      [
        'src/position/position.ts',
        "return GtidSet.parse(set.replaceAll(/\\s/g, '')).toString();",
        'return set;',
      ],
    ],
    answers: ['#29', 'continuity'],
    test: ['test/unit/position/position.test.ts', 'is written in one way'],
  },
  {
    name: 'deadlock-ends-the-stream',
    edits: [
      ['src/apply/applier.ts', 'if (!isDeadlock(error) || attempt', 'if (isDeadlock(error) || attempt'],
    ],
    answers: ['#30', 'connections'],
    test: ['test/fault/refusals.test.ts', '#30 whose deadlocks always fall on us'],
  },
  {
    name: 'changed-row-ends-the-stream',
    edits: [['src/apply/refusal.ts', '1213, 1020])', '1213])']],
    answers: ['#30', 'connections'],
    test: ['test/db/deadlocks.test.ts', 'is tried again where a row changed after it was read'],
    flavour: 'mariadb-11',
  },
  {
    name: 'bad-row-costs-its-neighbours',
    edits: [['src/apply/careful-transaction.ts', 'if (rows.length === 1) {', 'if (rows.length >= 1) {']],
    answers: ['#30', 'dead letters'],
    test: ['test/fault/dead-letters.test.ts', 'keeps rows that cannot be written'],
  },
  {
    name: 'refusals-judged-by-their-numbers',
    edits: [
      [
        'src/apply/trial.ts',
        'if (refusal === null || isAboutRow(refusal)) return refusal;',
        'if (refusal === null || isAboutRow(refusal)) return refusal;\n    throw refusal;',
      ],
    ],
    answers: ['#30', 'dead letters'],
    test: ['test/fault/refused-rows.test.ts', 'costs the stream nothing but itself'],
  },
  {
    name: 'rows-blamed-for-a-full-disk',
    edits: [
      ['src/apply/trial.ts', 'if (isFull(refusal) && !(await this.#hasTriggers(target))) throw refusal;', ''],
    ],
    answers: ['#30', 'dead letters'],
    test: ['test/fault/refusals.test.ts', 'whose disk is full'],
  },
  {
    name: 'backoff-reset-by-a-connection',
    edits: [
      [
        'replicator/replicator.ts',
        'if (trouble.fault === null || !needsProgress(trouble.fault)) streaming();',
        'backoff.reset();\n            streaming();',
      ],
    ],
    answers: ['#30', 'connections'],
    test: ['test/fault/unwritable-target.test.ts', 'since it is read-only'],
  },
  {
    name: 'unreachable-target-ends-it',
    edits: [
      [
        'src/errors.ts',
        "'target-unreachable': {\n    reaction: 'retry'",
        "'target-unreachable': {\n    reaction: 'stop'",
      ],
    ],
    answers: ['connections'],
    test: ['test/fault/connections.test.ts', 'refused for a while are tried again'],
  },
];
