/** Mutants of ownership: which rows are deleted, how many, and which side wins. */
import type {Mutant} from './mutant.ts';

export const OWNERSHIP: readonly Mutant[] = [
  {
    name: 'foreign-rows-are-deleted',
    edits: [
      [
        'src/apply/decide.ts',
        'decide',
        'this.#knowledge.mayDelete && owned.has(this.#entity, key)',
        'this.#knowledge.mayDelete && (row === null || owned.has(this.#entity, key))',
      ],
    ],
    answers: ['ownership'],
    test: ['test/fault/ownership.test.ts', 'are never changed, and are adopted'],
  },
  {
    name: 'rows-that-refer-to-ours-go-along',
    edits: [
      [
        'src/apply/stepwise-transaction.ts',
        '#deleteLocked',
        'const {blocked, locked} = await lockAndFindReferred(this.#session, this.#batch.plan, table, wanted);',
        'const blocked = new Map<string, string>(), locked = wanted.length;',
      ],
    ],
    answers: ['ownership'],
    test: ['test/fault/ownership.test.ts', 'rows of others'],
  },
  {
    name: 'absent-rows-stay-owned',
    edits: [
      [
        'reconciler/absent-rows.ts',
        'releaseAbsentRows',
        'if (Number(ownedRows) + foreign <= Number(storedRows)) return;',
        'if (Number(ownedRows) + foreign !== -1) return;',
      ],
    ],
    answers: ['ownership'],
    test: ['test/db/absent-rows.test.ts', 'are not owned'],
  },
  {
    name: 'no-brake',
    edits: [
      [
        'reconciler/planned-deletes.ts',
        'begin',
        'if (!this.#isAllowed && needsConfirmation(',
        'if (this.#isAllowed && needsConfirmation(',
      ],
      [
        'src/apply/delete-budget.ts',
        'open',
        'if (this.#isTooMany(index, taken))',
        'if (count < 0 && this.#isTooMany(index, taken))',
      ],
    ],
    answers: ['ownership', '#20'],
    test: ['test/fault/mass-deletes.test.ts', '#20 that a TRUNCATE causes'],
  },
  {
    name: 'brake-that-counts-once',
    edits: [
      [
        'src/apply/delete-budget.ts',
        'open',
        'if (this.#isTooMany(index, taken))',
        'if (count < 0 && this.#isTooMany(index, taken))',
      ],
    ],
    answers: ['ownership'],
    test: ['test/fault/late-deletes.test.ts', 'between its two passes'],
  },
  {
    name: 'brake-at-a-hundred',
    edits: [['reconciler/brake.ts', 'isTooMany', 'toDelete > BRAKE_FLOOR', 'toDelete >= BRAKE_FLOOR']],
    answers: ['ownership'],
    test: ['test/fault/mass-deletes.test.ts', 'are those above both the ratio'],
  },
  {
    name: 'brake-at-the-ratio',
    edits: [['reconciler/brake.ts', 'isTooMany', 'toDelete > maxRatio', 'toDelete >= maxRatio']],
    answers: ['ownership'],
    test: ['test/fault/mass-deletes.test.ts', 'are those above both the ratio'],
  },
  {
    name: 'keep-does-not-keep-users',
    edits: [
      [
        'src/apply/applier.ts',
        '#mayDelete',
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
      ['src/reconcile-runner.ts', '#run', "mirror: this.#config.deletes === 'mirror'", 'mirror: true'],
      [
        'src/apply/applier.ts',
        '#mayDelete',
        "{deletes}: ApplyOptions): boolean { return this.#deps.config.deletes === 'mirror'",
        "{deletes, follow}: ApplyOptions): boolean { return (!follow || this.#deps.config.deletes === 'mirror')",
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
        '#prepare',
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
        'makeFrame',
        'Number(a === updated) - Number(b === updated)',
        'Number(b === updated) - Number(a === updated)',
      ],
    ],
    answers: ['ownership'],
    test: ['test/unit/apply/statements.test.ts', 'updatedAt comes last'],
  },
  {
    name: 'rows-counted-for-each-of-their-tables',
    edits: [
      [
        'reconciler/target-rows.ts',
        'targetKeyPages',
        'await absentFrom(query, entity, earlier, keys)',
        'earlier.length < 0 ? [] : keys',
      ],
    ],
    answers: ['mapping', 'ownership'],
    test: ['test/db/key-order.test.ts', 'by plan'],
  },
];
