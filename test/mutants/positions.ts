/** Failures 1 to 11 of docs/failure-modes.md: which rows are read, from which server and which position. */
import type {Mutant} from './mutant.ts';

export const POSITIONS: readonly Mutant[] = [
  {
    name: 'batch-writes-what-the-stream-touched',
    edits: [['reconciler/repair.ts', '#compare', 'if (!isTouched(key)) changes.set', 'changes.set']],
    answers: ['#1', 'watermarks', 'invariant 4'],
    test: ['test/fault/watermarks.test.ts', '#1 ends equal'],
    within: 'surrogate',
  },
  {
    name: 'cascaded-memberships-stay',
    edits: [
      [
        'src/apply/dependants.ts',
        'removeBelow',
        'of await removeChildren(context, edge, keys)) kept',
        'of (void removeChildren, new Set<RowKey>())) kept',
      ],
    ],
    answers: ['#2', 'dependants'],
    test: ['test/fault/dependants.test.ts', '#2 live and die with their parents'],
  },
  {
    name: 'memberships-of-who-enters-stay-away',
    edits: [
      ['src/apply/decide.ts', '#write', 'hasLeft || (mayHaveChildren && this.#enters(key))', 'hasLeft'],
    ],
    answers: ['#2', 'dependants'],
    test: ['test/fault/dependants.test.ts', '#2 live and die with their parents'],
  },
  {
    name: 'silence-of-the-stream-unnoticed',
    edits: [
      [
        'replicator/source/binlog-source.ts',
        '#watchSilence',
        'if (!this.#isPaused && nowMs - this.#lastContactMs > limitMs)',
        'if (this.#isPaused && nowMs - this.#lastContactMs > limitMs)',
      ],
    ],
    answers: ['#3', 'connections'],
    test: ['test/fault/silence.test.ts', '#3 has 30 s until the source has found'],
  },
  {
    name: 'silence-of-a-read-unnoticed',
    edits: [['src/db/early-query.ts', 'queryEarly', 'timeoutMs > 0 ? {timeout: timeoutMs} : {}', '{}']],
    answers: ['#3', 'connections'],
    test: ['test/fault/silence.test.ts', '#3 is closed by a reader'],
  },
  {
    name: 'stop-waits-for-a-silent-source',
    edits: [
      [
        'src/db/connection.ts',
        'connect',
        'if (until !== undefined) severWhenStopped(connection, until);',
        'void severWhenStopped;',
      ],
    ],
    answers: ['#4', 'connections'],
    test: ['test/fault/silence.test.ts', '#4 on which the stream asks'],
  },
  {
    name: 'checkpoint-moves-with-our-tables-only',
    edits: [
      [
        'replicator/attempt.ts',
        '#quietly',
        'this.#unsaved = progress ?? this.#unsaved;',
        'this.#unsaved = null;',
      ],
    ],
    answers: ['#5', 'continuity'],
    test: ['test/fault/continuity.test.ts', '#5 advances the saved position'],
  },
  {
    name: 'purge-is-a-fault-to-retry',
    edits: [
      ['replicator/source/fault.ts', 'faultOf', 'if (errno === POSITION_UNKNOWN) {', 'if (errno === -1) {'],
    ],
    answers: ['#6', 'continuity', 'invariant 7'],
    test: ['test/fault/continuity.test.ts', '#6 purged past our position'],
  },
  {
    name: 'purged-gtids-unseen',
    edits: [
      [
        'src/source/position-check.ts',
        'isPurged',
        'return Number(row?.[0]) !== 1;',
        'return Number(row?.[0]) > 1;',
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
        'whyPositionIsLost',
        "if (position.tag === 'file' && !sameServer)",
        'if (position.tag !== kind && !sameServer)',
      ],
    ],
    answers: ['#7', 'continuity', 'invariant 7'],
    test: ['test/fault/positions.test.ts', '#7 of another server is not used'],
    flavour: 'mysql',
  },
  {
    name: 'gtids-of-another-history-unseen',
    edits: [
      [
        'src/source/position-check.ts',
        'whyTransactionsAreMissing',
        'return unknown.length === 0',
        'return unknown.length < 999',
      ],
    ],
    answers: ['#7', 'continuity'],
    test: ['test/e2e/failover.test.ts', 'compares every row without a request'],
    within: 'past its log',
  },
  {
    name: 'shrunk-log-unseen',
    edits: [
      [
        'src/stream-start.ts',
        'startStream',
        "if (lost !== null) throw new SyncError('position-lost', lost);",
        'void lost;',
      ],
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
        'compactBatch',
        'if (transaction.complete) tracker.advance(transaction);',
        'tracker.advance(transaction);',
      ],
      [
        'replicator/transaction/batch.ts',
        'compactBatch',
        'last === undefined || !last.complete',
        'last === undefined',
      ],
    ],
    answers: ['#9', 'exactly once', 'invariant 2'],
    test: ['test/fault/kill.test.ts', '#9'],
  },
  {
    name: 'position-saved-before-its-rows',
    edits: [
      [
        'replicator/attempt.ts',
        '#apply',
        'outcome = await applier.apply(writer, changes, {...optionsOf(compacted),',
        'if (progress !== null) await this.#save(progress); outcome = await applier.apply(writer, changes, {...optionsOf(compacted), progress: null,',
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
        '#readEvent',
        "this.#file = String(event['binlogName']);",
        "this.#file ||= String(event['binlogName']);",
      ],
    ],
    answers: ['#10', 'continuity'],
    test: ['test/fault/positions.test.ts', '#9 #10 #11 is saved at the ends'],
  },
  {
    name: 'position-from-within-a-transaction',
    edits: [
      [
        'replicator/source/binlog-source.ts',
        '#packetTap',
        "{tag: 'commit', offset: this.#offsetAt(end)",
        "{tag: 'commit', offset: this.#offsetAt(end - 31)",
      ],
    ],
    answers: ['#11', 'continuity'],
    test: ['test/fault/positions.test.ts', '#9 #10 #11 is saved at the ends'],
  },
];
