/** A mutant or more for each of the thirty lines of docs/failure-modes.md, by number. */
import type {Mutant} from './mutant.ts';

export const FAILURE_MODES: readonly Mutant[] = [
  {
    name: 'batch-writes-what-the-stream-touched',
    edits: [['reconciler/repair.ts', 'if (!isTouched(key)) this.#changes.set', 'this.#changes.set']],
    answers: ['#1', 'watermarks', 'invariant 4'],
    test: ['test/fault/watermarks.test.ts', '#1 ends equal'],
    within: 'surrogate',
  },
  {
    name: 'cascaded-memberships-stay',
    edits: [
      [
        'src/apply/careful.ts',
        'await dropMembershipsOfUsers(context, work.deletes.user)',
        '(void dropMembershipsOfUsers, new Set<string>())',
      ],
    ],
    answers: ['#2', 'dependants'],
    test: ['test/fault/dependants.test.ts', '#2 live and die with their parents'],
  },
  {
    name: 'memberships-of-who-enters-stay-away',
    edits: [
      ['src/apply/decide.ts', '(change.left || (enters && !(change.fresh && enforced)))', 'change.left'],
    ],
    answers: ['#2', 'dependants'],
    test: ['test/fault/dependants.test.ts', '#2 live and die with their parents'],
  },
  {
    name: 'silence-of-the-stream-unnoticed',
    edits: [
      [
        'replicator/source/binlog-source.ts',
        'if (!paused && options.now() - lastContactMs > limitMs)',
        'if (paused && options.now() - lastContactMs > limitMs)',
      ],
    ],
    answers: ['#3', 'connections'],
    test: ['test/fault/silence.test.ts', '#3 before the source has found our place'],
  },
  {
    name: 'silence-of-a-read-unnoticed',
    edits: [['src/db/connection.ts', 'timeoutMs > 0 ? {timeout: timeoutMs} : {}', '{}']],
    answers: ['#3', 'connections'],
    test: ['test/fault/silence.test.ts', '#3 is given up by whoever reads'],
  },
  {
    name: 'stop-waits-for-a-silent-source',
    edits: [
      [
        'src/db/connection.ts',
        'if (until !== undefined) severWhenStopped(connection, until);',
        'void severWhenStopped;',
      ],
    ],
    answers: ['#4', 'connections'],
    test: ['test/fault/silence.test.ts', '#4 on which the stream asks'],
  },
  {
    name: 'checkpoint-moves-with-our-tables-only',
    edits: [['replicator/attempt.ts', 'this.#unsaved = progress ?? this.#unsaved;', 'this.#unsaved = null;']],
    answers: ['#5', 'continuity'],
    test: ['test/fault/continuity.test.ts', '#5 moves on'],
  },
  {
    name: 'purge-is-a-fault-to-retry',
    edits: [['replicator/source/fault.ts', 'if (errno === POSITION_UNKNOWN) {', 'if (errno === -1) {']],
    answers: ['#6', 'continuity', 'invariant 7'],
    test: ['test/fault/continuity.test.ts', '#6 purged past our position'],
  },
  {
    name: 'purged-gtids-unseen',
    edits: [
      [
        'src/source/position-check.ts',
        "if (Number(row?.[0]) !== 1) return 'the source has purged",
        "if (Number(row?.[0]) > 1) return 'the source has purged",
      ],
    ],
    answers: ['#6', 'continuity'],
    test: ['test/fault/continuity.test.ts', '#6 purged past our position'],
    within: 'with GTIDs',
    flavour: 'mysql',
  },
  {
    name: 'any-server-will-do',
    edits: [
      [
        'src/source/position-check.ts',
        "if (position.tag === 'file' && !sameServer)",
        'if (position.tag !== kind && !sameServer)',
      ],
    ],
    answers: ['#7', 'continuity', 'invariant 7'],
    test: ['test/fault/positions.test.ts', "#7 that was another server's"],
    flavour: 'mysql',
  },
  {
    name: 'gtids-of-another-history-unseen',
    edits: [['src/source/position-check.ts', 'if (unknown.length > 0)', 'if (unknown.length > 999)']],
    answers: ['#7', 'continuity'],
    test: ['test/e2e/failover.test.ts', 'compares every row by itself'],
    within: 'past its log',
  },
  {
    name: 'shrunk-log-unseen',
    edits: [
      ['src/workbench.ts', "if (lost !== null) throw new SyncError('position-lost', lost);", 'void lost;'],
    ],
    answers: ['#8', 'continuity', 'invariant 7'],
    test: ['test/fault/continuity.test.ts', '#8 shorter than our position'],
    within: 'without GTIDs',
    flavour: 'mysql',
  },
  {
    name: 'position-of-parts-is-saved',
    edits: [
      [
        'replicator/transaction/batch.ts',
        'if (transaction.complete) tracker.advance(transaction);',
        'tracker.advance(transaction);',
      ],
      ['replicator/transaction/batch.ts', 'last === undefined || !last.complete', 'last === undefined'],
    ],
    answers: ['#9', 'exactly once', 'invariant 2'],
    test: ['test/fault/kill.test.ts', '#9'],
  },
  {
    name: 'position-saved-before-its-rows',
    edits: [
      [
        'replicator/attempt.ts',
        'const outcome = await applier.apply(hands, changes, {\n      ...optionsOf(compacted),',
        'if (progress !== null) await this.#save(progress);\n    const outcome = await applier.apply(hands, changes, {\n      ...optionsOf(compacted),\n      progress: null,',
      ],
    ],
    answers: ['#9', 'exactly once', 'invariant 1'],
    test: ['test/fault/kill.test.ts', '#9 is survived'],
  },
  {
    name: 'offset-without-its-file',
    edits: [
      [
        'replicator/source/binlog-source.ts',
        "file = String(event['binlogName']);",
        "file ||= String(event['binlogName']);",
      ],
    ],
    answers: ['#10', 'continuity'],
    test: ['test/fault/positions.test.ts', '#9 #10 #11 is saved at the ends'],
  },
  {
    name: 'position-from-within-a-transaction',
    edits: [
      ['replicator/source/binlog-source.ts', 'let ended = false;', 'let ended = false;\n  let within = 0;'],
      [
        'replicator/source/binlog-source.ts',
        'names.clear();',
        'names.clear();\n        within = event.nextPosition;',
      ],
      [
        'replicator/source/binlog-source.ts',
        "{tag: 'commit', offset: offsetAt(end)",
        "{tag: 'commit', offset: {file, offset: within}",
      ],
    ],
    answers: ['#11', 'continuity'],
    test: ['test/fault/positions.test.ts', '#9 #10 #11 is saved at the ends'],
  },
  {
    name: 'names-of-now-for-events-of-then',
    edits: [
      [
        'replicator/source/binlog-source.ts',
        "if (event['columnNames'] === undefined) {",
        "if (event['columnNames'] === null) {",
      ],
    ],
    answers: ['#12', 'schema'],
    test: ['test/fault/log-forms.test.ts', '#12 whose events do not name their columns'],
  },
  {
    name: 'undecodable-event-is-tried-for-ever',
    edits: [
      [
        'src/errors.ts',
        "'event-undecodable': {\n    reaction: 'reanchor'",
        "'event-undecodable': {\n    reaction: 'retry'",
      ],
    ],
    answers: ['#13', 'schema', 'invariant 7'],
    test: ['test/fault/log-forms.test.ts', '#13 full of changes'],
  },
  {
    name: 'minimal-image-taken-for-whole',
    edits: [
      [
        'replicator/decode/rows.ts',
        'after: merged, partial: true, unchecked',
        'after: merged, partial: false, unchecked',
      ],
    ],
    answers: ['#14', 'schema'],
    test: ['test/fault/schema.test.ts', '#14 #15 #16 by sessions'],
  },
  {
    name: 'bitmap-of-columns-unread',
    edits: [
      [
        'replicator/decode/row-image.ts',
        'if (!reader.isFull(columns)) return null;',
        'reader.isFull(columns);',
      ],
    ],
    answers: ['#14', 'schema'],
    test: ['test/fault/schema.test.ts', '#14 #15 #16 by sessions'],
  },
  {
    name: 'partial-json-passed-by',
    edits: [
      [
        'replicator/source/packets.ts',
        "tap.onUnsupported('the log holds partial JSON updates (binlog_row_value_options)');",
        '',
      ],
    ],
    answers: ['#15', 'schema', 'invariant 7'],
    test: ['test/fault/log-forms.test.ts', 'a log'],
    flavour: 'mysql',
  },
  {
    name: 'compressed-transaction-passed-by',
    edits: [
      [
        'replicator/source/packets.ts',
        'of unfold(packet, inner.useChecksum))',
        'of unfold(packet, inner.useChecksum).slice(99))',
      ],
    ],
    answers: ['#15', 'schema'],
    test: ['test/fault/schema.test.ts', '#14 #15 #16 by sessions'],
    flavour: 'mysql',
  },
  {
    name: 'what-becomes-owed-meanwhile-is-paid',
    edits: [['src/reconcile-runner.ts', 'if (applier.timesOwed !== timesOwed) return;', '']],
    answers: ['#16', 'schema', 'invariant 7'],
    test: ['test/fault/owed.test.ts', '#16 is run after it'],
  },
  {
    name: 'statement-changes-unseen',
    edits: [
      [
        'replicator/transaction/transaction.ts',
        "if (kind === 'dml') this.#cannotSee",
        "if (kind === 'other') this.#cannotSee",
      ],
    ],
    answers: ['#16', 'schema', 'invariant 7'],
    test: ['test/fault/schema.test.ts', '#14 #15 #16 by sessions'],
  },
  {
    name: 'one-id-for-all-streams',
    edits: [['src/config.ts', 'e.REPLICATION_SERVER_ID ??', 'e.REPLICATION_SERVER_ID ?? 1 ??']],
    answers: ['#17', 'one writer'],
    test: ['test/fault/server-ids.test.ts', 'have ids of their own'],
  },
  {
    name: 'displaced-stream-without-a-reason',
    edits: [
      [
        'replicator/source/fault.ts',
        'if (errno === SAME_SERVER_ID_MARIADB) {',
        'if (errno === -1 * SAME_SERVER_ID_MARIADB) {',
      ],
    ],
    answers: ['#17', 'one writer'],
    test: ['test/fault/server-ids.test.ts', 'with one id by mistake'],
  },
  {
    name: 'statements-must-be-understood',
    edits: [
      [
        'replicator/decode/statement.ts',
        "return KINDS[first] ?? 'other';",
        'if (KINDS[first] === undefined) throw new SyntaxError(first);\n  return KINDS[first];',
      ],
    ],
    answers: ['#18', 'schema'],
    test: ['test/fault/log-forms.test.ts', '#18 of statements that no parser knows'],
  },
  {
    name: 'swapped-table-unseen',
    edits: [['replicator/decode/statement.ts', "RENAME: 'ddl-with-rows'", "RENAME: 'ddl'"]],
    answers: ['#19', 'schema'],
    test: ['test/fault/schema.test.ts', '#19 #20 that take rows along'],
  },
  {
    name: 'truncate-unseen',
    edits: [['replicator/decode/statement.ts', "TRUNCATE: 'ddl-with-rows'", "TRUNCATE: 'other'"]],
    answers: ['#20', 'ownership'],
    test: ['test/fault/mass-deletes.test.ts', '#20 that a TRUNCATE stands for'],
  },
  {
    name: 'upsert-by-any-unique-key',
    edits: [
      ['src/apply/statements.ts', '`${first} = IF(${isSameRow}, ${first}, NULL)`', '`${first} = ${first}`'],
    ],
    answers: ['#21', 'unique keys'],
    test: ['test/fault/unique-keys.test.ts', '#21 move about'],
  },
  {
    name: 'values-on-the-move-not-freed',
    edits: [
      [
        'src/apply/unique.ts',
        'if (moving.length > 0) await park',
        'if (moving.length > 1_000_000) await park',
      ],
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
    test: ['test/fault/ownership.test.ts', '#22 that hang on ours'],
  },
  {
    name: 'zone-of-the-server',
    edits: [
      [
        'src/db/connection.ts',
        "`SET time_zone = '+00:00', sql_mode",
        '`SET time_zone = @@GLOBAL.time_zone, sql_mode',
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
      [
        'replicator/decode/image-reader.ts',
        "decodeLatin1(buffer.toString('latin1', from, to))",
        "buffer.toString('latin1', from, to)",
      ],
    ],
    answers: ['#24', 'values'],
    test: ['test/property/copy-equals-stream.test.ts', '#24 is the same by SELECT'],
  },
  {
    name: 'microseconds-are-cut-in-sql',
    edits: [
      ['src/mapping/transforms.ts', 'const half = 5 * 10 ** (5 - fraction);', 'const half = 0 * fraction;'],
    ],
    answers: ['#24', 'values', 'mapping'],
    test: ['test/property/mapping-in-sql.test.ts', '#24 is the same by the value form'],
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
        "return sql => queryRows('source', connection, sql);",
        "return sql => queryRows('source', connection, sql).catch(() => []);",
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
        'if (!suspects.isDrift(id)) continue;',
        'if (!suspects.isDrift(id) && id === key) continue;',
      ],
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
    name: 'bad-row-costs-its-neighbours',
    edits: [['src/apply/careful-transaction.ts', 'if (rows.length === 1) {', 'if (rows.length >= 1) {']],
    answers: ['#30', 'dead letters'],
    test: ['test/fault/dead-letters.test.ts', 'keeps rows that cannot be written'],
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
