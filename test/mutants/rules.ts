/** Mutants of the rules: dead letters, dependants, unique keys, schema changes. */
import type {Mutant} from './mutant.ts';

export const RULES: readonly Mutant[] = [
  {
    name: 'dead-letters-not-retried-by-a-reconcile',
    edits: [
      [
        'reconciler/reconciler.ts',
        'run',
        'await this.#retryDeadLetters(worker);',
        'void this.#retryDeadLetters;',
      ],
    ],
    answers: ['dead letters'],
    test: ['test/fault/dead-letters.test.ts', 'are removed by a reconcile'],
  },
  {
    name: 'dead-letters-not-retried-on-request',
    edits: [
      [
        'src/reconcile-runner.ts',
        'retryDeadLetters',
        'if (worker === undefined) return {retried: 0',
        'if (worker !== undefined) return {retried: 0',
      ],
    ],
    answers: ['dead letters'],
    test: ['test/fault/dead-letters.test.ts', 'removes a conflict with a foreign row on request'],
  },
  {
    name: 'written-rows-stay-dead-letters',
    edits: [
      [
        'src/apply/write-batch.ts',
        'lettersToRemove',
        '...done.filter(key => waiting.has(key))',
        '...done.filter(key => !waiting.has(key))',
      ],
    ],
    answers: ['dead letters'],
    test: ['test/fault/dead-letters.test.ts', 'dead letters'],
  },
  {
    name: 'rows-that-left-stay-dead-letters',
    edits: [
      [
        'src/apply/decide.ts',
        '#settleIn',
        'if (this.#isDead(table, key)) this.#work.settled[table.index]?.push(key);',
        'void this.#work.settled[table.index]?.includes(key);',
      ],
    ],
    answers: ['dead letters'],
    test: ['test/fault/dead-letters.test.ts', 'dead letters'],
  },
  {
    name: 'memberships-do-not-wait-with-their-parent',
    edits: [
      [
        'src/apply/decide.ts',
        'of',
        "return 'waiting'; return owned.has(parent, parentKey)",
        "return 'there'; return owned.has(parent, parentKey)",
      ],
    ],
    answers: ['dead letters', 'dependants'],
    test: ['test/unit/apply/decide.test.ts', 'waits with a parent that is a dead letter'],
  },
  {
    name: 'rows-that-wait-stay-dead-letters',
    edits: [
      [
        'src/apply/ordered-writes.ts',
        'settle',
        'if (dead[index]?.has(key) === true) work.settled[index]?.push(key);',
        'void dead[index]?.has(key), work.settled;',
      ],
    ],
    answers: ['dead letters', 'dependants'],
    test: ['test/db/unique-keys.test.ts', 'rows that wait with a refused user are not dead letters'],
  },
  {
    name: 'rows-below-a-waiting-row-are-written',
    edits: [
      [
        'src/apply/ordered-writes.ts',
        '#isMissing',
        'return this.#waiting[index]?.has(key) === true &&',
        'return this.#waiting[index]?.has(key) === undefined &&',
      ],
    ],
    answers: ['dead letters', 'dependants'],
    test: ['test/db/refused-parents.test.ts', 'waits below a refused row of'],
  },
  {
    name: 'values-that-are-no-members-accepted',
    edits: [
      [
        'src/mapping/operators/own-values.ts',
        'refusesOwn',
        'const [unknown] = unknownMembers(column, value);',
        'const [unknown] = unknownMembers({...column, members: null}, value);',
      ],
    ],
    answers: ['mapping', 'dead letters'],
    test: ['test/db/mapping-values.test.ts', 'does not hold is refused'],
  },
  {
    name: 'rows-below-a-companion-not-followed',
    edits: [
      [
        'src/apply/decide.ts',
        '#enters',
        'children.some(({parentTable}) => this.#isDead(parentTable, key))',
        'children.some(({parentTable}) => parentTable === primary && this.#isDead(parentTable, key))',
      ],
    ],
    answers: ['dead letters', 'dependants'],
    test: ['test/db/refused-parents.test.ts', 'waits below a refused row of'],
  },
  {
    name: 'parent-gone-for-a-while-forgotten',
    edits: [
      [
        'replicator/transaction/compact.ts',
        'fold',
        'entity.repeats ? LEFT | REREAD : LEFT)',
        'entity.repeats ? REREAD : 0)',
      ],
    ],
    answers: ['dependants'],
    test: ['test/unit/replicator/compact.test.ts', 'remember that it was deleted in between'],
  },
  {
    name: 'inactive-membership-wins',
    edits: [
      [
        'src/mapping/sql/eligible.ts',
        'preferredOrder',
        "IN (${values.join(', ')}) DESC`",
        "IN (${values.join(', ')}) ASC`",
      ],
    ],
    answers: ['dependants', 'mapping'],
    test: ['test/fault/dependants.test.ts', 'of several source rows for one membership'],
  },
  {
    name: 'last-row-of-a-pair-counts',
    edits: [
      ['replicator/transaction/compact.ts', 'fold', 'entity.repeats ? LEFT | REREAD : LEFT)', 'LEFT)'],
      [
        'replicator/transaction/compact.ts',
        'fold',
        'partial || entity.repeats ? REREAD : 0',
        'partial ? REREAD : 0',
      ],
    ],
    answers: ['dependants'],
    test: ['test/fault/dependants.test.ts', 'of several source rows for one membership'],
  },
  {
    name: 'freed-value-not-passed-on',
    edits: [
      [
        'replicator/attempt.ts',
        '#apply',
        'await retryFreed({applier, writer, tap, need}, changes, outcome);',
        'void retryFreed;',
      ],
    ],
    answers: ['unique keys', 'dead letters'],
    test: ['test/fault/unique-keys.test.ts', 'stay with the first of two rows'],
  },
  {
    name: 'parked-value-left-behind',
    edits: [
      [
        'src/apply/stepwise-transaction.ts',
        '#upsertConflicting',
        "await this.#session.query('ROLLBACK TO SAVEPOINT before_conflicts');",
        '',
      ],
    ],
    answers: ['unique keys', 'dead letters'],
    test: ['test/db/unique-moves.test.ts', 'stays in its row, in all of a ring'],
  },
  {
    name: 'holders-of-a-value-unasked',
    edits: [
      [
        'src/apply/write-order.ts',
        'conflictsAmong',
        'if (holder !== undefined && holder !== key && stays(holder)) blocker ??= holder;',
        'if (holder === key && stays(holder)) blocker ??= undefined;',
      ],
    ],
    answers: ['unique keys'],
    test: ['test/unit/apply/write-order.test.ts', 'stay with a foreign row'],
  },
  {
    name: 'stale-rows-stay',
    edits: [
      [
        'src/apply/stale-rows.ts',
        'staleAmong',
        'if (!context.mayDelete) return new Set();',
        'if (context.mayDelete || table === null) return new Set();',
      ],
    ],
    answers: ['unique keys', 'dead letters'],
    test: ['test/db/unique-moves.test.ts', 'of a stale row is free'],
  },
  {
    name: 'parked-row-is-taken-for-newer',
    edits: [
      [
        'src/apply/stepwise-transaction.ts',
        '#write',
        "const newestWins = options.newestWins && onConflict === 'stop at a conflict';",
        'const {newestWins} = options;',
      ],
      ['src/apply/parking.ts', 'park', 'updated === undefined || updated === column', 'updated !== null'],
    ],
    answers: ['unique keys'],
    test: ['test/db/unique-moves.test.ts', 'is never left parked'],
  },
  {
    name: 'schema-of-now-not-read-again',
    edits: [
      [
        'replicator/transaction/batches.ts',
        'take',
        'if (defined.size > 0) {',
        'if (transactions.length < 0) {',
      ],
    ],
    answers: ['schema'],
    test: ['test/fault/schema.test.ts', 'that allow several rows for a pair'],
  },
  {
    name: 'column-that-came-back-empty-unseen',
    edits: [
      [
        'replicator/decode/statement.ts',
        'consequenceOf',
        'unseen: concernsMappedValues(sql, mapped) ?',
        "unseen: concernsMappedValues('', mapped) ?",
      ],
    ],
    answers: ['schema'],
    test: ['test/fault/schema.test.ts', 'that add a dropped mapped column again'],
  },
  {
    name: 'prepared-rows-count-at-once',
    edits: [
      [
        'replicator/transaction/transaction.ts',
        '#statement',
        "this.#requestReconcile('all', 'an XA transaction was committed');",
        '',
      ],
    ],
    answers: ['schema'],
    test: ['test/fault/log-forms.test.ts', 'of XA transactions'],
  },
  {
    name: 'prepared-rows-are-never-ours',
    edits: [
      [
        'replicator/transaction/transaction.ts',
        'add',
        'this.#rows.length > 0 || this.#unseen !== null',
        'false',
      ],
    ],
    answers: ['schema'],
    test: ['test/fault/log-forms.test.ts', 'of XA transactions'],
  },
  {
    name: 'undone-part-of-a-transaction-counts',
    edits: [
      ['replicator/transaction/transaction.ts', 'add', 'this.#doubtful = true;', 'this.#doubtful = false;'],
    ],
    answers: ['exactly once'],
    test: ['test/unit/replicator/transaction.test.ts', 'of which a part was rolled back'],
  },
];
