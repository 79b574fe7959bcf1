/** Mutants of rows that a cascade, or a row above them, changed within the batch that has them. */
import type {Mutant} from './mutant.ts';

const TEST = 'test/fault/outdated-rows.test.ts';

export const OUTDATED: readonly Mutant[] = [
  {
    name: 'written-below-a-row-that-left',
    edits: [['src/apply/ordered-writes.ts', '#stateOf', "state = 'in doubt'", "state = 'ready'"]],
    answers: ['#2', 'dependants'],
    test: [TEST, 'is not written below a row that stops being eligible'],
  },
  {
    name: 'rows-in-doubt-not-read',
    edits: [
      [
        'src/apply/stepwise.ts',
        '#write',
        'await readDoubtful(this.#context, entity, enters);',
        'void readDoubtful;',
      ],
    ],
    answers: ['#2', 'dependants'],
    test: [TEST, 'gives way to the next one with its key'],
  },
  {
    name: 'children-of-children-not-compared',
    edits: [
      [
        'src/apply/dependants.ts',
        'makeEqual',
        'decider.decide(key, row, flags | own)',
        'decider.decide(key, row, own)',
      ],
    ],
    answers: ['#2', 'dependants'],
    test: [TEST, 'follows the keys above it'],
  },
  {
    name: 'row-that-is-back-keeps-its-children',
    edits: [['src/apply/decide.ts', '#hasLeft', '(flags & INSERTED) !== 0', '(flags & INSERTED) === -1']],
    answers: ['#2', 'dependants'],
    test: [TEST, 'loses its children if it was deleted and is back'],
  },
  {
    name: 'rows-that-waited-below-a-row-that-waited-stay-outdated',
    edits: [['src/apply/stepwise.ts', '#write', 'hasLeft(key) || hadLetter(key)', 'hasLeft(key)']],
    answers: ['#2', 'dependants'],
    test: [
      'test/property/stale-rows.test.ts',
      'keeps its dead letter when a parent that it had before leaves',
    ],
  },
  {
    name: 'row-that-waits-keeps-its-children',
    edits: [['src/apply/decide.ts', 'decide', 'this.#followStale(key, flags);', '']],
    answers: ['#2', 'dependants'],
    test: [TEST, 'loses its children if it left, and waits when it is back'],
  },
  {
    name: 'row-that-is-refused-keeps-its-children',
    edits: [['src/apply/stepwise.ts', '#write', 'key => hasLeft(key) || ', 'key => ']],
    answers: ['#2', 'dependants'],
    test: [TEST, 'loses its children if it left, and waits when it is back'],
  },
  {
    name: 'row-inserted-twice-keeps-its-children',
    edits: [
      [
        'replicator/transaction/compact.ts',
        'fold',
        'const hasLeft = moved || (isInsert && isKnown && !changes.isDeleted(newKey));',
        'const hasLeft = moved || (isInsert && isKnown && changes.isDeleted(newKey));',
      ],
    ],
    answers: ['#2', 'dependants'],
    test: [TEST, 'loses its children if it was deleted and is back'],
  },
  {
    name: 'no-next-row-when-a-parent-leaves',
    edits: [['src/apply/dependants.ts', 'mayStay', 'isStale || child.repeats || (', 'isStale || false && (']],
    answers: ['dependants', 'mapping'],
    test: [TEST, 'gives way to the next one with its key'],
  },
  {
    name: 'row-of-one-parent-counts-before-all-others',
    edits: [['src/apply/dependants.ts', 'follow', 'if (child.repeats &&', 'if (!child.repeats &&']],
    answers: ['dependants', 'mapping'],
    test: [TEST, 'gives way to the next one with its key'],
  },
  {
    name: 'reference-set-to-null-counts-as-it-was',
    edits: [
      [
        'src/apply/decide.ts',
        '#absent',
        "return this.#mayBeNull ? 'in doubt' : 'absent';",
        "return 'absent';",
      ],
    ],
    answers: ['#2', 'dependants'],
    test: ['test/fault/nulled-references.test.ts', 'with the row in one batch leaves the row'],
  },
  {
    name: 'half-a-batch-trusts-the-other-half',
    edits: [['src/apply/halves.ts', 'applyHalves', 'mayBeOutdated(entity) ?', '!mayBeOutdated ?']],
    answers: ['clusters', 'dependants'],
    test: ['test/unit/apply/halves.test.ts', 'reads again what a row of the other half may have changed'],
  },
  {
    name: 'half-a-batch-deletes-what-the-other-half-wrote',
    edits: [
      [
        'src/apply/halves.ts',
        'applyHalves',
        'mayBeOutdated(entity) ?',
        'row !== null && mayBeOutdated(entity) ?',
      ],
    ],
    answers: ['clusters', 'dependants'],
    test: ['test/unit/apply/halves.test.ts', 'reads again what a row of the other half may have changed'],
  },
  {
    name: 'row-deleted-at-its-turn-comes-back-without-children',
    edits: [['src/apply/stepwise.ts', '#write', 'this.#addDeleted(entity);', 'void entity;']],
    answers: ['#2', 'dependants'],
    test: [TEST, 'keeps its children if only its former parent left'],
  },
  {
    name: 'row-inserted-again-counts-as-new',
    edits: [['src/apply/decide.ts', '#hasLeft', 'this.#mayHaveLeft || this', 'this']],
    answers: ['#2', 'dependants'],
    test: [TEST, 'is not written if its parent, of which the target had nothing'],
  },
  {
    name: 'row-in-doubt-has-not-left',
    edits: [['src/apply/dependants.ts', 'makeEqual', '=== true ? LEFT : 0', '=== true ? 0 : 0']],
    answers: ['#2', 'dependants'],
    test: [TEST, 'loses its children if it left and came back below a row'],
  },
  {
    name: 'failed-check-counts-as-failed-delete',
    edits: [
      [
        'src/apply/stepwise.ts',
        'run',
        'await this.#delete();',
        'for (const letter of this.#batch.work.deadLetters) this.#transaction.refuse(letter);\n    await this.#delete();',
      ],
    ],
    answers: ['#2', 'dependants', 'dead letters'],
    test: [TEST, 'that fails a check leaves with the row above'],
  },
  {
    name: 'set-aside-whatever-became-of-the-rows-above',
    edits: [
      [
        'src/apply/ordered-writes.ts',
        'write',
        'of this.#ready(entity, table, invalid, entered))',
        'of invalid)',
      ],
    ],
    answers: ['dependants', 'dead letters'],
    test: [TEST, 'that fails a check waits if the target refuses the row above'],
  },
  {
    name: 'row-below-one-that-is-back-counts-as-logged',
    edits: [['src/apply/ordered-writes.ts', '#stateOf', 'index]?.has(parent)', 'index]?.has(key)']],
    answers: ['#2', 'dependants', 'dead letters'],
    test: [TEST, 'is not set aside if its parent left and came back'],
  },
  {
    name: 'stale-row-loses-its-dead-letter',
    edits: [['src/apply/dependants.ts', 'mayStay', 'isStale || ', '']],
    answers: ['#2', 'dependants'],
    test: ['test/property/stale-rows.test.ts', 'keeps its dead letter'],
  },
];
