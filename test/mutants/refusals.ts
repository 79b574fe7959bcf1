/** Failures 29 and 30 of docs/failure-modes.md: the reactions to a statement that a server refuses. */
import type {Mutant} from './mutant.ts';

export const REFUSALS: readonly Mutant[] = [
  {
    name: 'deadlock-ends-the-stream',
    edits: [
      [
        'src/apply/applier.ts',
        'apply',
        'if (!isDeadlock(error) || attempt',
        'if (isDeadlock(error) || attempt',
      ],
    ],
    answers: ['#30', 'connections'],
    test: ['test/fault/refusals.test.ts', '#30 whose deadlocks always hit the stream'],
  },
  {
    name: 'changed-row-ends-the-stream',
    edits: [['src/apply/refusal.ts', 'DEADLOCK_ERRNOS', '1213, 1020])', '1213])']],
    answers: ['#30', 'connections'],
    test: ['test/db/deadlocks.test.ts', 'is retried if a row changed after it was read'],
    flavour: 'mariadb-11',
  },
  {
    name: 'bad-row-costs-its-neighbours',
    edits: [
      ['src/apply/stepwise-transaction.ts', '#write', 'if (rows.length === 1) {', 'if (rows.length >= 1) {'],
    ],
    answers: ['#30', 'dead letters'],
    test: ['test/fault/dead-letters.test.ts', 'keeps rows that cannot be written'],
  },
  {
    name: 'written-row-stays-a-dead-letter',
    edits: [['src/apply/stepwise-transaction.ts', '#wrote', 'this.#failed.remove(table, key);', '']],
    answers: ['dead letters'],
    test: ['test/fault/companions.test.ts', 'has no dead letter if it can be written'],
  },
  {
    name: 'stale-row-stays-below-a-former-parent',
    edits: [['src/apply/decide.ts', 'decide', 'this.#followWaiting(key);', '']],
    answers: ['dead letters'],
    test: ['test/fault/stale-rows.test.ts', 'leaves with its new parent in the batch'],
  },
  {
    name: 'refusals-judged-by-their-numbers',
    edits: [
      [
        'src/apply/trial.ts',
        'write',
        'if (refusal === null || isAboutRow(refusal)) return refusal;',
        'if (refusal === null || isAboutRow(refusal)) return refusal; throw refusal;',
      ],
    ],
    answers: ['#30', 'dead letters'],
    test: ['test/fault/refused-rows.test.ts', 'costs the stream nothing but itself'],
  },
  {
    name: 'rows-blamed-for-a-full-disk',
    edits: [
      [
        'src/apply/trial.ts',
        '#proveRoom',
        'if (isFull(refusal) && !(await this.#hasTriggers(target))) throw refusal;',
        '',
      ],
    ],
    answers: ['#30', 'dead letters'],
    test: ['test/fault/refusals.test.ts', 'whose disk is full'],
  },
  {
    name: 'backoff-reset-by-a-connection',
    edits: [
      [
        'replicator/replicator.ts',
        '#attempt',
        'if (this.#fault === null || !needsProgress(this.#fault)) this.#recover();',
        'this.#backoff.reset(); this.#recover();',
      ],
    ],
    answers: ['#30', 'connections'],
    test: ['test/fault/refusals.test.ts', 'whose disk is full'],
  },
  {
    name: 'unreachable-target-ends-it',
    edits: [['src/errors.ts', 'target-unreachable', "reaction: 'retry'", "reaction: 'stop'"]],
    answers: ['connections'],
    test: ['test/fault/connections.test.ts', 'refused for a while are tried again'],
  },
  {
    name: 'error-by-the-drivers-name',
    edits: [['src/db/faults.ts', 'faultName', 'if (errno !== undefined) return `error ${errno}`;', '']],
    answers: ['#30', 'status'],
    test: ['test/unit/db/faults.test.ts', 'is called by its number'],
  },
  {
    name: 'bookkeeping-as-a-target',
    edits: [
      ['src/mapping/topology.ts', 'ownTableFaults', 'if (!isBookkeeping(target)) return [];', 'return [];'],
    ],
    answers: ['mapping'],
    test: ['test/unit/mapping/bad-values.test.ts', 'cannot be one of laas-sync’s own'],
  },
  {
    name: 'create-of-another-table',
    edits: [
      ['src/mapping/file/create.ts', 'createFault', 'if (unquoted(table) !== target)', 'if (table === "")'],
    ],
    answers: ['mapping'],
    test: ['test/unit/mapping/bad-values.test.ts', 'is the one that `create` creates'],
  },
  {
    name: 'timestamp-as-wide-as-datetime',
    edits: [
      [
        'src/doctor/width-checks.ts',
        'narrowerMoment',
        'const early = earlier(column);',
        'const early = undefined;',
      ],
    ],
    answers: ['mapping', 'values'],
    test: ['test/unit/doctor/width-checks.test.ts', 'is a warning, and its SQL makes room'],
  },
  {
    name: 'target-that-cannot-roll-back',
    edits: [['src/mapping/plan.ts', 'buildPlan', 'faults.push(engineFault(table, engine));', '']],
    answers: ['mapping'],
    test: ['test/db/engines.test.ts', 'is refused until it is InnoDB'],
  },
];
