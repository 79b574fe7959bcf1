import {classify} from '../db/faults.ts';
import {MIGRATION_TIMEOUT_MS, migrateDown, migrateUp} from '../db/migrate.ts';
import {openKnex} from '../db/models.ts';
import type {CommandContext} from './program.ts';

/**
 * Creates or upgrades the target's tables, or drops those of laas-sync.
 *
 * @throws SyncError, classified: a missing privilege is `access-denied`
 */
export async function migrateCommand({config, logger}: CommandContext, down: boolean): Promise<number> {
  const knex = await openKnex(config.target, logger, MIGRATION_TIMEOUT_MS);
  try {
    const applied = down ? await migrateDown(knex) : await migrateUp(knex, config.mapping);
    logger.info({event: 'migrated', applied, down}, applied.length === 0 ? 'nothing to migrate' : 'migrated');
    return 0;
  } catch (error) {
    throw classify('target', error);
  } finally {
    await knex.destroy();
  }
}
