import {EventEmitter} from 'node:events';
import {hostname} from 'node:os';
import type {CommandContext} from './program.ts';
import {KnownWrites} from '../apply/checkpoint.ts';
import {tryAcquireLease} from '../db/lease.ts';
import {assertMigrated} from '../db/migrate.ts';
import {openKnex} from '../db/models.ts';
import {SyncError} from '../errors.ts';
import type {LeaderEventMap, LeaderEvents} from '../leader-events.ts';
import {targetsOf} from '../mapping/mapping.ts';
import {ReconcileRunner} from '../reconcile-runner.ts';
import {ReplicationContext} from '../replication-context.ts';
import {RunStore} from '../status/runs.ts';

/** What a command uses while it holds the lease. */
export interface Led {
  readonly context: ReplicationContext;
  readonly store: RunStore;
  readonly runner: ReconcileRunner;
  readonly events: LeaderEvents;
  /** Aborts when the command must stop and when the lease is lost. */
  readonly signal: AbortSignal;
}

/**
 * Holds the lease while one command runs, and releases it even if the command fails.
 *
 * @param held the message of the error if another instance holds the lease
 * @throws SyncError `lease-held` while another instance leads; `not-migrated`
 */
export async function withLease<T>(
  {config, logger, signal}: CommandContext,
  options: {readonly held: string},
  use: (led: Led) => Promise<T>,
): Promise<T> {
  const knex = await openKnex(config.target, logger);
  try {
    await assertMigrated(knex);
    const lease = await tryAcquireLease({
      config: config.target,
      stream: config.name,
      holder: `${hostname()}:${process.pid}`,
      writes: new KnownWrites(),
    });
    if (lease === null) throw new SyncError('lease-held', options.held);
    try {
      const stop = AbortSignal.any([signal, lease.lost]);
      const context = new ReplicationContext(config, lease.fence);
      const store = new RunStore(knex, config.name, targetsOf(config.mapping));
      const events: LeaderEvents = new EventEmitter<LeaderEventMap>();
      const runner = new ReconcileRunner({
        config,
        context,
        store,
        logger,
        metrics: null,
        events,
        signal: stop,
      });
      return await use({context, store, runner, events, signal: stop});
    } finally {
      await lease.release();
    }
  } finally {
    await knex.destroy();
  }
}
