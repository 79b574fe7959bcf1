import {loadConfig} from '../../src/config.ts';
import {MIGRATION_TIMEOUT_MS, migrateUp} from '../../src/db/migrate.ts';
import {openKnex} from '../../src/db/models.ts';
import type {Environment} from './daemon.ts';

/**
 * Does what `laas-sync migrate` does, without a process for each stand. Tests of the command itself start it.
 *
 * @param env the settings of the target
 */
export async function migrate(env: Environment): Promise<void> {
  const {target, mapping} = loadConfig(env);
  const knex = await openKnex(target, {warn: () => undefined}, MIGRATION_TIMEOUT_MS);
  try {
    await migrateUp(knex, mapping);
  } finally {
    await knex.destroy();
  }
}
