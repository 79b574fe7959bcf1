/** The composition root of the daemon: builds the services from the configuration and runs them. */
import {hostname} from 'node:os';
import type {Config} from './config.ts';
import {Daemon} from './daemon.ts';
import {classify} from './db/faults.ts';
import {isMigrated, MIGRATION_TIMEOUT_MS, migrateUp} from './db/migrate.ts';
import {openKnex} from './db/models.ts';
import {SyncError} from './errors.ts';
import {adoptConsole, describeError, type Logger} from './logger.ts';
import {Backoff, pause} from './lifecycle/backoff.ts';
import {runServerThread} from './server/thread/host.ts';
import {runAlerts} from './status/alerts.ts';
import {createMetrics} from './status/metrics.ts';
import {packageVersion} from './version.ts';
import type {Knex} from 'knex';

/**
 * Runs the daemon until the signal is set.
 *
 * @throws SyncError that no retry fixes: a bad setting, an address in use
 */
export async function startDaemon(config: Config, logger: Logger, signal: AbortSignal): Promise<void> {
  adoptConsole(logger);
  const knex = await openWhenReachable(config, logger, signal);
  if (knex === null) return;
  try {
    const metrics = createMetrics(config.name, config.mapping, {version: packageVersion()});
    const daemon = new Daemon({config, knex, logger, metrics, holder: `${hostname()}:${process.pid}`});
    // When one service ends, the others end, too.
    const stop = new AbortController();
    const all = AbortSignal.any([signal, stop.signal]);
    const services = [
      daemon.serve(all),
      runServerThread({operations: daemon, metrics, config, logger}, all),
      runAlerts({operations: daemon, config, logger}, all),
    ].map(service => service.finally(() => stop.abort()));
    for (const result of await Promise.allSettled(services)) {
      if (result.status === 'rejected') throw result.reason;
    }
  } finally {
    await knex.destroy();
  }
}

/** Creates the bookkeeping tables if they are missing; if the target is down at start, waits for it. */
async function openWhenReachable(config: Config, logger: Logger, signal: AbortSignal): Promise<Knex | null> {
  const backoff = new Backoff({firstMs: 200, maxMs: 10_000});
  while (!signal.aborted) {
    try {
      const knex = await openKnex(config.target, logger);
      try {
        if (!(await isMigrated(knex))) await migrate(config, logger);
        return knex;
      } catch (error) {
        await knex.destroy();
        throw classify('target', error);
      }
    } catch (error) {
      if (error instanceof SyncError && error.reaction === 'stop') throw error;
      logger.warn(
        {event: 'target.waiting', err: describeError(error)},
        'the target cannot be used yet; retrying',
      );
      await pause(backoff.nextMs(), signal);
    }
  }
  return null;
}

/** @throws SyncError `not-migrated` if the account may not create them: an operator has to */
async function migrate(config: Config, logger: Logger): Promise<void> {
  const knex = await openKnex(config.target, logger, MIGRATION_TIMEOUT_MS);
  try {
    const applied = await migrateUp(knex, config.mapping);
    logger.info({event: 'migrated', applied}, 'the bookkeeping tables were created');
  } catch (error) {
    const fault = classify('target', error);
    if (fault.code !== 'access-denied') throw fault;
    throw new SyncError(
      'not-migrated',
      `the bookkeeping tables are missing or older than this version, and the account may not create them (error ${fault.errno ?? '?'}): run laas-sync migrate with an account that may (docs/grants.md)`,
      {cause: error},
    );
  } finally {
    await knex.destroy();
  }
}
