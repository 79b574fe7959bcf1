/** Failures 21 to 30 of docs/failure-modes.md: the rows that are written, the bounds, and the reports. */
import type {Mutant} from './mutant.ts';

export const ROWS: readonly Mutant[] = [
  {
    name: 'upsert-by-any-unique-key',
    edits: [
      [
        'src/apply/statements.ts',
        'makeFrame',
        '`${first} = IF(${isSameRow}, ${first}, ${fails})`',
        '`${first} = ${first}`',
      ],
    ],
    answers: ['#21', 'unique keys'],
    test: ['test/fault/unique-keys.test.ts', '#21 move between rows'],
  },
  {
    name: 'values-on-the-move-not-freed',
    edits: [
      [
        'src/apply/unique-conflicts.ts',
        '#freeValues',
        'if (rings.size === 0) continue;',
        'if (rings.size < 1_000_000) continue;',
      ],
    ],
    answers: ['#21', 'unique keys'],
    test: ['test/fault/unique-keys.test.ts', '#21 move between rows'],
  },
  {
    name: 'parents-are-replaced',
    edits: [
      ['src/apply/statements.ts', 'makeFrame', 'const head = `INSERT INTO', 'const head = `REPLACE INTO'],
      [
        'src/apply/statements.ts',
        'makeFrame',
        'const tail = ` ON DUPLICATE',
        "const tail = '' && ` ON DUPLICATE",
      ],
    ],
    answers: ['#22', 'ownership'],
    test: ['test/fault/ownership.test.ts', '#22 that refer to owned rows'],
  },
  {
    name: 'updates-use-up-numbers',
    edits: [
      [
        'src/apply/statements.ts',
        'makeFrame',
        'arePresent === true ? plan.surrogate : null',
        'arePresent === undefined ? plan.surrogate : null',
      ],
    ],
    answers: ['#22', 'mapping'],
    test: ['test/db/surrogate-keys.test.ts', 'keeps its numbers while rows are updated'],
  },
  {
    name: 'zone-of-the-server',
    edits: [
      [
        'src/db/session-settings.ts',
        'baseAssignments',
        `"time_zone = '+00:00'",`,
        "'time_zone = @@GLOBAL.time_zone',",
      ],
    ],
    answers: ['#23', 'values'],
    test: ['test/fault/time-zones.test.ts', 'are the same instants'],
  },
  {
    name: 'zone-of-the-process',
    edits: [
      [
        'replicator/decode/moment.ts',
        'text',
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
        '#value',
        'isUnsigned ? buffer.readBigUInt64LE(at)',
        '!isUnsigned ? buffer.readBigUInt64LE(at)',
      ],
    ],
    answers: ['#24', 'values'],
    test: ['test/fault/owners-tables.test.ts', 'hold ids of 64 bits'],
  },
  {
    name: 'latin1-is-not-windows-1252',
    edits: [
      [
        'replicator/decode/charsets.ts',
        'fromLatin1',
        'char => HIGH[char.charCodeAt(0) - 0x80] ?? char',
        'char => char',
      ],
    ],
    answers: ['#24', 'values'],
    test: ['test/property/copy-equals-stream.test.ts', '#24 #44 is the same by SELECT'],
  },
  {
    name: 'microseconds-are-cut-in-sql',
    edits: [
      [
        'src/mapping/operators/moments.ts',
        'momentSql',
        'const half = 5 * 10 ** (5 - fraction);',
        'const half = 0 * fraction;',
      ],
    ],
    answers: ['#24', 'values', 'mapping'],
    test: ['test/property/mapping-in-sql.test.ts', '#24 #34 #35 is the same by the value form'],
  },
  {
    name: 'queue-without-a-bound',
    edits: [
      ['replicator/queue.ts', 'push', 'this.#bytes >= this.#options.pauseBytes', 'this.#bytes === Infinity'],
    ],
    answers: ['#25', 'invariant 6'],
    test: ['test/unit/replicator/queue.test.ts', '#25 pauses the source'],
  },
  {
    name: 'huge-transaction-held-whole',
    edits: [
      [
        'replicator/transaction/transaction.ts',
        'add',
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
        'connectionQuery',
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
      [
        'reconciler/verifier.ts',
        '#compare',
        'if (!isDrift(id)) continue;',
        'if (!isDrift(id) && id === key) continue;',
      ],
    ],
    answers: ['#26', 'watermarks'],
    test: ['test/fault/short-reads.test.ts', 'beside writers report no row'],
  },
  {
    name: 'lag-0-without-a-connection',
    edits: [
      ['src/status/lag.ts', 'lagSeconds', 'if (!this.#connected) {', 'if (!this.#connected && nowMs < 0) {'],
    ],
    answers: ['#27'],
    test: ['test/unit/status/lag.test.ts', 'grows while the connection is lost'],
  },
  {
    name: 'lag-0-while-the-source-has-more',
    edits: [['src/status/lag.ts', 'lagSeconds', 'if (this.#isAtEnd()) return 0;', 'return 0;']],
    answers: ['#27'],
    test: ['test/unit/status/lag.test.ts', 'grows from the time of the last catch-up'],
  },
  {
    name: 'lag-0-while-a-batch-is-stuck',
    edits: [
      [
        'replicator/attempt.ts',
        '#read',
        'this.#deps.lag.pending(transaction.committedAtMs, this.#deps.now());',
        '',
      ],
      ['src/status/lag.ts', 'lagSeconds', 'if (this.#isAtEnd()) return 0;', 'return 0;'],
    ],
    answers: ['#27'],
    test: ['test/fault/connections.test.ts', '#27 #30 wait for a lock'],
  },
  {
    name: 'every-server-has-the-new-statement',
    edits: [['src/db/server.ts', 'logEndStatement', "flavour === 'mysql' && isKnown", 'isKnown']],
    answers: ['#28'],
    test: ['test/db/log-end.test.ts', '#28 is read by the statement'],
  },
  {
    name: 'one-domain-for-all-gtids',
    edits: [
      [
        'replicator/transaction/transaction.ts',
        '#addLast',
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
        'canonicalSet',
        "return GtidSet.parse(set.replaceAll(/\\s/g, '')).toString();",
        'return set;',
      ],
    ],
    answers: ['#29', 'continuity'],
    test: ['test/unit/position/position.test.ts', 'is written in one form'],
  },
];
