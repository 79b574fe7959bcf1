/** Mutants of the protections on a cluster, whose address leads to another node after a failover. */
import type {Mutant} from './mutant.ts';

const GALERA_SOURCE = 'test/fault/galera-source.test.ts';
const SEVERAL = 'test/fault/several-sources.test.ts';
const GROUP_TARGET = 'test/fault/group-target.test.ts';

export const CLUSTERS: readonly Mutant[] = [
  {
    name: 'lost-member-unnoticed',
    edits: [
      [
        'replicator/membership-watch.ts',
        'watchMembership',
        'if (reason === null) continue;',
        'void reason; continue;',
      ],
    ],
    answers: ['clusters'],
    test: ['test/unit/replicator/membership-watch.test.ts', 'ends the stream from a member that has left'],
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
    edits: [['src/apply/checkpoint.ts', 'sourceStatement', ", 'log_file = NULL', 'log_offset = NULL'", '']],
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
    name: 'end-of-the-leases-connection-noticed-late',
    edits: [
      ['src/db/lease.ts', 'hold', "connection.on('error', error => lose(classify('target', error)));", ''],
    ],
    answers: ['clusters', 'one writer', 'connections'],
    test: ['test/db/lease-connection.test.ts', 'is lost as soon as its connection ends'],
  },
  {
    name: 'stop-cuts-the-connection-of-the-lease',
    edits: [
      [
        'src/db/lease.ts',
        'hold',
        'if (stopped.signal.aborted) return; lost.abort(error);',
        'lost.abort(error);',
      ],
    ],
    answers: ['one writer', 'connections'],
    test: ['test/fault/distance.test.ts', 'hears of a stop'],
  },
  {
    name: 'run-reads-from-any-server',
    edits: [
      [
        'src/source/one-server.ts',
        'connectTo',
        'server === null || info.identity === server',
        'server !== undefined',
      ],
      [
        'src/apply/stream-tap.ts',
        'assertReads',
        'this.#server !== null && this.#server !== server',
        "server === ''",
      ],
    ],
    answers: ['clusters', 'watermarks', 'invariant 4'],
    test: [SEVERAL, 'is reconciled with the one that the stream reads from'],
  },
  {
    name: 'run-reads-a-replica-behind',
    edits: [
      [
        'src/replication-context.ts',
        'connectWorkers',
        'if (saved !== null) await waitUntilNotBehind(first, saved, signal);',
        '',
      ],
    ],
    answers: ['clusters', 'watermarks', 'invariant 4'],
    test: ['test/fault/replica-behind.test.ts', 'does not replace newer rows by those of a replica'],
  },
  {
    name: 'run-reads-a-node-of-galera-behind',
    edits: [
      [
        'src/source/behind.ts',
        'waitUntilNotBehind',
        "await queryRows('source', connection, GALERA_BARRIER);",
        '',
      ],
    ],
    answers: ['clusters', 'watermarks', 'invariant 4'],
    test: [GALERA_SOURCE, 'whose node is behind'],
  },
  {
    name: 'node-behind-is-a-lost-position',
    edits: [
      [
        'src/replication-context.ts',
        'connectStream',
        'else await letCatchUp({connection: source, info}, saved, signal);',
        '',
      ],
    ],
    answers: ['clusters'],
    test: [GALERA_SOURCE, 'whose next node is behind'],
  },
  {
    name: 'large-transaction-of-a-group-never-passes',
    edits: [['src/apply/halves.ts', 'mayBeTooLarge', 'if (isByCluster(error, changes)) return true;', '']],
    answers: ['clusters'],
    test: ['test/fault/group-target.test.ts', 'takes a large transaction in parts'],
    flavour: 'mysql',
  },
  {
    name: 'locked-node-looks-quiet',
    edits: [
      [
        'src/source/membership.ts',
        'whyNotInGalera',
        'return progress.whyStuck(node, performance.now());',
        "return node.state === '' ? progress.whyStuck(node, performance.now()) : null;",
      ],
    ],
    answers: ['clusters'],
    test: [GALERA_SOURCE, 'whose node is locked: the stream leaves it'],
  },
  {
    name: 'member-behind-gets-no-time',
    edits: [
      [
        'src/source/behind.ts',
        'letCatchUp',
        'if (barrier !== null) return passBarrier(connection, barrier);',
        'if (barrier !== null) return;',
      ],
    ],
    answers: ['clusters'],
    test: ['test/fault/group-source.test.ts', 'waits for a member that is behind'],
    flavour: 'mysql',
  },
  {
    name: 'replica-behind-gets-no-time',
    edits: [
      [
        'src/source/behind.ts',
        'letCatchUp',
        'if (!(await isReplica(connection, info))) return;',
        'if (await isReplica(connection, info)) return;',
      ],
    ],
    answers: ['clusters'],
    test: ['test/fault/replica-behind.test.ts', 'when the stream moves to a replica that catches up'],
  },
  {
    name: 'large-transaction-never-passes',
    edits: [
      [
        'src/apply/applier.ts',
        'apply',
        'await mayBeTooLarge(session, error, whole)',
        '(await mayBeTooLarge(session, error, whole)) && whole.size === 0',
      ],
    ],
    answers: ['clusters'],
    test: ['test/fault/galera-target.test.ts', 'write a large transaction in parts'],
  },
  {
    name: 'old-reads-of-a-node-of-the-target',
    edits: [
      [
        'src/db/session-settings.ts',
        'sessionStatements',
        "needs.side === 'target' || !OF_THE_TARGET.includes(name)",
        '!OF_THE_TARGET.includes(name)',
      ],
    ],
    answers: ['clusters'],
    test: ['test/fault/galera-target.test.ts', 'run a pending reconcile though connections reach'],
  },
  {
    name: 'batch-of-another-server-read',
    edits: [['reconciler/batch.ts', 'readBatch', 'tap.assertReads(info.identity);', '']],
    answers: ['clusters', 'watermarks', 'invariant 4'],
    test: ['test/db/snapshots.test.ts', 'if the stream reads from another server'],
  },
  {
    name: 'batch-of-another-server-written',
    edits: [['reconciler/repair.ts', 'repairBatch', 'tap.assertReads(batch.server);', '']],
    answers: ['clusters', 'watermarks', 'invariant 4'],
    test: ['test/db/snapshots.test.ts', 'if the stream reads from another server'],
  },
  {
    name: 'lag-measured-on-another-server',
    edits: [
      [
        'src/status/poller.ts',
        'watchLogEnd',
        'lag.server !== null && lag.server !== info.identity',
        "info.identity === 'none'",
      ],
    ],
    answers: ['clusters', 'status'],
    test: [SEVERAL, 'is measured on the one that the stream reads from'],
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
