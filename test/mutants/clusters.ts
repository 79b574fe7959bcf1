/** Mutants of what keeps a stream right on a cluster, whose address leads to another node after a failover. */
import type {Mutant} from './mutant.ts';

const GALERA_SOURCE = 'test/fault/galera-source.test.ts';
const GROUP_TARGET = 'test/fault/group-target.test.ts';

export const CLUSTERS: readonly Mutant[] = [
  {
    name: 'lost-member-unnoticed',
    edits: [
      [
        'replicator/membership-watch.ts',
        'watchMembership',
        'if (reason === null) continue;',
        'if (reason !== null) continue;',
      ],
    ],
    answers: ['clusters'],
    test: ['test/fault/group-source.test.ts', '#46 leaves a member that the group has lost'],
    flavour: 'mysql',
  },
  {
    name: 'node-outside-of-its-cluster-tried-seldom',
    edits: [
      [
        'replicator/replicator.ts',
        'retryWaitMs',
        'const isTurnedAway = answersAtOnce ||',
        'const isTurnedAway =',
      ],
    ],
    answers: ['clusters', 'connections'],
    test: ['test/unit/replicator/replicator.test.ts', 'a source outside of its cluster'],
  },
  {
    name: 'pool-stays-on-a-demoted-member',
    edits: [
      [
        'src/db/models.ts',
        'watchStatements',
        "classify('target', error).code === 'target-unreachable') renew();",
        "error.name === 'never') renew();",
      ],
      ['src/daemon.ts', 'serve', 'renewConnections(this.#deps.knex);', 'void renewConnections;'],
    ],
    answers: ['clusters', 'connections'],
    test: [GROUP_TARGET, 'moves with a planned switch'],
    flavour: 'mysql',
  },
  {
    name: 'place-of-another-node-kept',
    edits: [['src/apply/checkpoint.ts', 'sourceStatement', "'log_file = NULL', 'log_offset = NULL',", '']],
    answers: ['clusters', 'invariant 7'],
    test: [GALERA_SOURCE, 'that numbers its transactions'],
  },
  {
    name: 'dump-from-another-node-than-checked',
    edits: [['replicator/source/same-server.ts', 'otherServer', '=== identity) return', "!== '') return"]],
    answers: ['clusters', 'invariant 7'],
    test: [GALERA_SOURCE, 'that numbers its transactions'],
  },
  {
    name: 'table-that-its-group-refuses-taken-for-bad-rows',
    edits: [['src/apply/refusal.ts', 'INCOMPATIBLE_ERRNOS', 'NO_DEFAULT, REFUSED_BY_GROUP]', 'NO_DEFAULT]']],
    answers: ['clusters', 'schema'],
    test: [GROUP_TARGET, 'refuses a table without a primary key'],
    flavour: 'mysql',
  },
  {
    name: 'interrupted-run-answered-as-a-failed-one',
    edits: [
      [
        'src/reconcile-runner.ts',
        'failureOf',
        "if (error instanceof StoppedError) return 'run-interrupted';",
        '',
      ],
      [
        'src/reconcile-runner.ts',
        'failureOf',
        "? 'run-interrupted' : error.code",
        '? error.code : error.code',
      ],
    ],
    answers: ['clusters', 'status'],
    test: ['test/fault/failover-answers.test.ts', 'is answered by 503'],
  },
];
