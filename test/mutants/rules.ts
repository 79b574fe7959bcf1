/** Mutants of the rules: dead letters, dependants, unique keys, ownership, schema changes. */
import type {Mutant} from './mutant.ts';

export const RULES: readonly Mutant[] = [
  {
    name: 'dead-letters-not-retried-by-a-reconcile',
    edits: [
      ['reconciler/reconciler.ts', 'await this.#retryDeadLetters(worker);', 'void this.#retryDeadLetters;'],
    ],
    answers: ['dead letters'],
    test: ['test/fault/dead-letters.test.ts', 'lets go by a reconcile of those'],
  },
  {
    name: 'dead-letters-not-retried-on-request',
    edits: [
      [
        'src/reconcile-runner.ts',
        'if (worker === undefined) return {retried: 0',
        'if (worker !== undefined) return {retried: 0',
      ],
    ],
    answers: ['dead letters'],
    test: ['test/fault/dead-letters.test.ts', 'heals a conflict with a foreign row on request'],
  },
  {
    name: 'written-rows-stay-dead-letters',
    edits: [
      [
        'src/apply/transaction.ts',
        '...done.filter(key => dead[table].has(key))',
        '...done.filter(key => !dead[table].has(key))',
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
        'if (dead[table].has(key)) work.settled[table].push(key);',
        'void work.settled[table].includes(key);',
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
        "if (dead[table].has(id)) return 'waiting';",
        "if (dead[table].has(id)) return 'there';",
      ],
    ],
    answers: ['dead letters', 'dependants'],
    test: ['test/unit/apply/decide.test.ts', 'waits with a parent that is a dead letter'],
  },
  {
    name: 'parent-gone-for-a-while-forgotten',
    edits: [
      [
        'replicator/transaction/compact.ts',
        '{row: null, left: true, fresh: false',
        '{row: null, left: false, fresh: false',
      ],
    ],
    answers: ['dependants'],
    test: ['test/unit/replicator/compact.test.ts', 'remember that it was gone in between'],
  },
  {
    name: 'inactive-membership-wins',
    edits: [['src/mapping/sql.ts', '`${active} DESC, IF', '`${active} ASC, IF']],
    answers: ['dependants', 'mapping'],
    test: ['test/fault/dependants.test.ts', 'of several source rows for one membership'],
  },
  {
    name: 'last-row-of-a-pair-counts',
    edits: [['replicator/transaction/compact.ts', 'isPartial || this.#plan.pairsRepeat', 'isPartial']],
    answers: ['dependants'],
    test: ['test/fault/dependants.test.ts', 'of several source rows for one membership'],
  },
  {
    name: 'freed-value-not-passed-on',
    edits: [
      [
        'replicator/attempt.ts',
        'await this.#retryWaiting(changes, outcome, need);',
        'void this.#retryWaiting;',
      ],
    ],
    answers: ['unique keys', 'dead letters'],
    test: ['test/fault/unique-keys.test.ts', 'stay with the first of two rows'],
  },
  {
    name: 'parked-value-left-behind',
    edits: [
      [
        'src/apply/careful-transaction.ts',
        "await this.#session.query('ROLLBACK TO SAVEPOINT unclashed');",
        '',
      ],
    ],
    answers: ['unique keys', 'dead letters'],
    test: ['test/db/unique-moves.test.ts', 'stays where it was, for all of a ring'],
  },
  {
    name: 'holders-of-a-value-unasked',
    edits: [
      [
        'src/apply/settle.ts',
        'if (holder !== undefined && holder !== key && stays(holder)) blocker ??= holder;',
        'if (holder === key && stays(holder)) blocker ??= undefined;',
      ],
    ],
    answers: ['unique keys'],
    test: ['test/unit/apply/settle.test.ts', 'stay with a row of others'],
  },
  {
    name: 'stale-rows-stay',
    edits: [
      [
        'src/apply/giving-way.ts',
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
        'src/apply/careful-transaction.ts',
        "const newestWins = options.newestWins && onClash === 'stop at a clash';",
        'const {newestWins} = options;',
      ],
      ['src/apply/parking.ts', 'updated === undefined || updated === column', 'updated !== null'],
    ],
    answers: ['unique keys'],
    test: ['test/db/unique-moves.test.ts', 'is never left parked'],
  },
  {
    name: 'foreign-rows-are-deleted',
    edits: [
      [
        'src/apply/decide.ts',
        '} else if (isOwned && mayDelete) {',
        '} else if ((isOwned || row === null) && mayDelete) {',
      ],
    ],
    answers: ['ownership'],
    test: ['test/fault/ownership.test.ts', 'are never touched, and adopted'],
  },
  {
    name: 'rows-that-refer-to-ours-go-along',
    edits: [
      [
        'src/apply/careful-transaction.ts',
        'const {blocked, locked} = await lockAndFindReferred(this.#session, plan, table, wanted);',
        'const blocked = new Map<string, string>(), locked = wanted.length;',
      ],
    ],
    answers: ['ownership'],
    test: ['test/fault/ownership.test.ts', 'rows of others'],
  },
  {
    name: 'no-brake',
    edits: [
      [
        'reconciler/planned-deletes.ts',
        'if (!this.#isAllowed && needsConfirmation(',
        'if (this.#isAllowed && needsConfirmation(',
      ],
      [
        'src/apply/delete-budget.ts',
        'if (this.#isTooMany(table, this.#taken[table]))',
        'if (count < 0 && this.#isTooMany(table, this.#taken[table]))',
      ],
    ],
    answers: ['ownership', '#20'],
    test: ['test/fault/mass-deletes.test.ts', '#20 that a TRUNCATE stands for'],
  },
  {
    name: 'brake-that-counts-once',
    edits: [
      [
        'src/apply/delete-budget.ts',
        'if (this.#isTooMany(table, this.#taken[table]))',
        'if (count < 0 && this.#isTooMany(table, this.#taken[table]))',
      ],
    ],
    answers: ['ownership'],
    test: ['test/fault/late-deletes.test.ts', 'between its two passes'],
  },
  {
    name: 'brake-at-a-hundred',
    edits: [['reconciler/brake.ts', 'toDelete > BRAKE_FLOOR', 'toDelete >= BRAKE_FLOOR']],
    answers: ['ownership'],
    test: ['test/fault/mass-deletes.test.ts', 'are those past the ratio'],
  },
  {
    name: 'brake-at-the-ratio',
    edits: [['reconciler/brake.ts', 'toDelete > maxRatio', 'toDelete >= maxRatio']],
    answers: ['ownership'],
    test: ['test/fault/mass-deletes.test.ts', 'are those past the ratio'],
  },
  {
    name: 'keep-does-not-keep-users',
    edits: [
      [
        'src/apply/applier.ts',
        "return this.#deps.config.deletes === 'mirror' && deletes !== 'none';",
        "return deletes !== 'none';",
      ],
    ],
    answers: ['ownership'],
    test: ['test/fault/operator-choices.test.ts', 'never deletes'],
  },
  {
    name: 'keep-does-not-hold-in-a-reconcile',
    edits: [
      ['src/reconcile-runner.ts', "mirror: this.#config.deletes === 'mirror'", 'mirror: true'],
      [
        'src/apply/applier.ts',
        "#mayDelete({deletes}: ApplyOptions): boolean {\n    return this.#deps.config.deletes === 'mirror'",
        "#mayDelete({deletes, follow}: ApplyOptions): boolean {\n    return (!follow || this.#deps.config.deletes === 'mirror')",
      ],
    ],
    answers: ['ownership'],
    test: ['test/fault/operator-choices.test.ts', 'never deletes'],
  },
  {
    name: 'newest-does-not-win-in-the-stream',
    edits: [
      [
        'src/apply/applier.ts',
        "newestWins: config.conflicts === 'newest'",
        "newestWins: config.conflicts === 'source'",
      ],
    ],
    answers: ['ownership'],
    test: ['test/fault/operator-choices.test.ts', 'keeps a later edit of the target'],
  },
  {
    name: 'newest-without-its-fraction',
    edits: [
      [
        'src/apply/statements.ts',
        'Number(a === updated) - Number(b === updated)',
        'Number(b === updated) - Number(a === updated)',
      ],
    ],
    answers: ['ownership'],
    test: ['test/unit/apply/statements.test.ts', 'assigns updatedAt last'],
  },
  {
    name: 'schema-of-now-not-read-again',
    edits: [
      [
        'replicator/transaction/batches.ts',
        'if (transactions.some(({schemaChanged}) => schemaChanged)) {',
        'if (transactions.length < 0) {',
      ],
    ],
    answers: ['schema'],
    test: ['test/fault/schema.test.ts', 'that let the rows of a pair be several'],
  },
  {
    name: 'column-that-came-back-empty-unseen',
    edits: [
      [
        'replicator/decode/statement.ts',
        'unseen: concernsMappedValues(sql) ?',
        "unseen: concernsMappedValues('') ?",
      ],
    ],
    answers: ['schema'],
    test: ['test/fault/schema.test.ts', 'that bring a mapped column back empty'],
  },
  {
    name: 'prepared-rows-count-at-once',
    edits: [
      [
        'replicator/transaction/transaction.ts',
        "this.#cannotSee('all', 'an XA transaction was committed');",
        '',
      ],
    ],
    answers: ['schema'],
    test: ['test/fault/log-forms.test.ts', 'of XA transactions'],
  },
  {
    name: 'prepared-rows-are-never-ours',
    edits: [
      ['replicator/transaction/transaction.ts', 'this.#rows.length > 0 || this.#unseen !== null', 'false'],
    ],
    answers: ['schema'],
    test: ['test/fault/log-forms.test.ts', 'of XA transactions'],
  },
  {
    name: 'undone-part-of-a-transaction-counts',
    edits: [['replicator/transaction/transaction.ts', 'this.#doubtful = true;', 'this.#doubtful = false;']],
    answers: ['exactly once'],
    test: ['test/unit/replicator/transaction.test.ts', 'of which a part was undone'],
  },
];
