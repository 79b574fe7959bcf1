/** Failures 12 to 20 of docs/failure-modes.md: the forms of the log, and changes that it does not show. */
import type {Mutant} from './mutant.ts';

export const LOG: readonly Mutant[] = [
  {
    name: 'names-of-now-for-events-of-then',
    edits: [
      [
        'replicator/decode/table-map.ts',
        'readTableMap',
        'if (names.length !== described.length) return {schema, table, columns: null};',
        '',
      ],
    ],
    answers: ['#12', 'schema'],
    test: ['test/fault/log-forms.test.ts', '#12 whose events do not name their columns'],
  },
  {
    name: 'undecodable-event-is-tried-for-ever',
    edits: [['src/errors.ts', 'event-undecodable', "reaction: 'reanchor'", "reaction: 'retry'"]],
    answers: ['#13', 'schema', 'invariant 7'],
    test: ['test/fault/log-forms.test.ts', '#13 full of changes'],
  },
  {
    name: 'minimal-image-taken-for-whole',
    edits: [
      [
        'replicator/decode/row-image.ts',
        'read',
        'const partial = reader.takeDoubt() || isPartial;',
        'const partial = reader.takeDoubt();',
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
        'rowBlock',
        'const first = reader.presence(columns);',
        'const first = reader.presence(columns) && null;',
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
        'readPacket',
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
        'readPacket',
        'return unfold(packet, checksumBytes).flatMap(',
        'return unfold(packet, checksumBytes).slice(99).flatMap(',
      ],
    ],
    answers: ['#15', 'schema'],
    test: ['test/fault/schema.test.ts', '#14 #15 #16 by sessions'],
    flavour: 'mysql',
  },
  {
    name: 'request-meanwhile-counts-as-covered',
    edits: [
      ['src/reconcile-runner.ts', '#run', 'applier.timesRequested === timesRequested', 'timesRequested >= 0'],
    ],
    answers: ['#16', 'schema', 'invariant 7'],
    test: ['test/fault/pending-reconcile.test.ts', '#16 runs after it'],
  },
  {
    name: 'statement-changes-unseen',
    edits: [
      [
        'replicator/decode/statement.ts',
        'consequenceOf',
        "      unseen: 'a change in statement format',",
        '      unseen: null,',
      ],
    ],
    answers: ['#16', 'schema', 'invariant 7'],
    test: ['test/fault/schema.test.ts', '#14 #15 #16 by sessions'],
  },
  {
    name: 'one-id-for-all-streams',
    edits: [['src/config.ts', 'loadConfig', 'e.REPLICATION_SERVER_ID ??', 'e.REPLICATION_SERVER_ID ?? 1 ??']],
    answers: ['#17', 'one writer'],
    test: ['test/fault/server-ids.test.ts', 'have ids of their own'],
  },
  {
    name: 'displaced-stream-without-a-reason',
    edits: [
      [
        'replicator/source/fault.ts',
        'faultOf',
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
        'plainKind',
        'if (INDEX_DEFINITION.test(text))',
        "if (first === 'SAVEPOINT' || HARMLESS_DEFINITION.test(sql)) throw new SyntaxError(first); if (INDEX_DEFINITION.test(text))",
      ],
    ],
    answers: ['#18', 'schema'],
    test: ['test/fault/log-forms.test.ts', '#18 of unknown statements is harmless'],
  },
  {
    name: 'swapped-table-unseen',
    edits: [
      [
        'replicator/decode/statement.ts',
        'TABLE_DEFINITION',
        '(?:TRUNCATE|DROP|RENAME|CREATE|ALTER|REPAIR)',
        '(?:TRUNCATE|ALTER)',
      ],
    ],
    answers: ['#19', 'schema'],
    test: ['test/fault/schema.test.ts', '#19 #20 that delete or replace rows'],
  },
  {
    name: 'truncate-unseen',
    edits: [['replicator/decode/statement.ts', 'HARMLESS', '/^(?:GRANT', '/^(?:TRUNCATE|GRANT']],
    answers: ['#20', 'ownership'],
    test: ['test/fault/mass-deletes.test.ts', '#20 that a TRUNCATE causes'],
  },
  {
    name: 'unnamed-tables-unseen',
    edits: [
      [
        'replicator/decode/statement.ts',
        'consequenceOf',
        "if (kind === 'dml') {",
        "if (kind === 'dml' && namedTables(statement, mapped).length === 0) return NONE; if (kind === 'dml') {",
      ],
    ],
    answers: ['schema', 'invariant 7'],
    test: ['test/fault/statement-forms.test.ts', 'that changes mapped rows is followed'],
  },
  {
    name: 'old-rows-taken-for-current',
    edits: [
      [
        'replicator/decode/row-image.ts',
        'read',
        'if (layout.rowEnd < 0) changes.push(change);',
        'if (layout.rowEnd >= -1) changes.push(change);',
      ],
    ],
    answers: ['schema'],
    test: ['test/fault/versioned.test.ts', 'stream their current rows only'],
  },
  {
    name: 'cascades-from-other-tables-unseen',
    edits: [
      [
        'replicator/decode/cascade-watch.ts',
        'reaches',
        'if (cascade !== undefined && !unchecked)',
        'if (cascade !== undefined && unchecked)',
      ],
    ],
    answers: ['schema', 'invariant 7'],
    test: ['test/fault/cascades.test.ts', 'that cascade from other tables'],
  },
  {
    name: 'any-key-to-a-parent-enforces',
    edits: [
      [
        'src/mapping/cascades.ts',
        'isParentKey',
        'pairsOf(join.columns, join.parentColumns) === pairs',
        "pairs !== ''",
      ],
    ],
    answers: ['schema'],
    test: ['test/fault/cascades.test.ts', 'over another column than that of the parent'],
  },
  {
    name: 'unchecked-memberships-trusted',
    edits: [
      ['replicator/transaction/compact.ts', 'fold', 'before === null && trustsChecks ?', 'before === null ?'],
    ],
    answers: ['schema'],
    test: ['test/fault/cascades.test.ts', 'prove nothing if a session turns the checks off'],
  },
  {
    name: 'parents-not-asked-about-again',
    edits: [
      [
        'src/replication-context.ts',
        'connectStream',
        'parents.forget(defined);',
        'if (defined.size < 0) parents.forget(defined);',
      ],
    ],
    answers: ['schema'],
    test: ['test/fault/unchecked-rows.test.ts', 'are looked for once'],
  },
  {
    name: 'unproven-parents-trusted-at-start',
    edits: [
      [
        'src/stream-start.ts',
        'areParentsProven',
        'return saved.parentsProven && saved.sourceIdentity === identity',
        'return saved.sourceIdentity === identity',
      ],
    ],
    answers: ['schema'],
    test: ['test/fault/unchecked-rows.test.ts', 'that come and go'],
  },
  {
    name: 'foreign-keys-trusted-before-the-look',
    edits: [
      [
        'replicator/transaction/batches.ts',
        'take',
        'this.#trustsChecks && this.#isPastProof(',
        'this.#trustsChecks || this.#isPastProof(',
      ],
    ],
    answers: ['schema'],
    test: ['test/fault/cascades.test.ts', 'prove nothing for changes that were logged before'],
  },
  {
    name: 'rows-without-identity-forgotten-between-parts',
    edits: [
      [
        'replicator/transaction/batches.ts',
        'take',
        'if (this.#sawUnidentified) reason ??= UNIDENTIFIED;',
        '',
      ],
    ],
    answers: ['invariant 7'],
    test: ['test/unit/replicator/batches.test.ts', 'at the end of a transaction in parts'],
  },
  {
    name: 'rows-without-identity-lead-to-no-reconcile',
    edits: [
      [
        'replicator/transaction/batch.ts',
        'compactBatch',
        'const isReconcileNeeded = needsReconcile || sawUnidentified;',
        'const isReconcileNeeded = needsReconcile;',
      ],
    ],
    answers: ['invariant 7'],
    test: ['test/unit/replicator/batches.test.ts', 'leads to a reconcile with its transaction'],
  },
  {
    name: 'children-of-parents-that-are-gone-count-as-equal',
    edits: [
      [
        'reconciler/orphans.ts',
        'withOrphans',
        'if (suspects.size === 0) return diff;',
        'if (suspects.size >= 0) return diff;',
      ],
    ],
    answers: ['invariant 7'],
    test: ['test/fault/graph.test.ts', 'stays right under random work and kills'],
  },
  {
    name: 'a-row-that-differs-three-times-is-drift',
    edits: [['reconciler/suspects.ts', 'isStill', 'comparisons >= STILL_COMPARISONS', 'comparisons >= 3']],
    answers: ['invariant 4'],
    test: ['test/unit/reconciler/suspects.test.ts', 'are drift if they do not change over eight reads'],
  },
];
