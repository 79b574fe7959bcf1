/** Runs commands in this process: a whole run of the tests would need a thousand processes. */
import {verifyTables} from '../../reconciler/verifier.ts';
import {syncCommand} from '../../src/cli/sync.ts';
import {loadConfig} from '../../src/config.ts';
import {MIGRATION_TIMEOUT_MS, migrateUp} from '../../src/db/migrate.ts';
import {openKnex} from '../../src/db/models.ts';
import {createLogger} from '../../src/logger.ts';
import type {Verdict} from '../../src/status/operations.ts';
import type {Environment} from './daemon.ts';

const never = new AbortController().signal;

/** As `laas-sync migrate`. */
export async function migrate(env: Environment): Promise<void> {
  const {target, mapping} = loadConfig(env);
  const knex = await openKnex(target, {warn: () => undefined}, MIGRATION_TIMEOUT_MS);
  try {
    await migrateUp(knex, mapping);
  } finally {
    await knex.destroy();
  }
}

/** As `laas-sync sync`; @returns its exit code */
export function sync(env: Environment): Promise<number> {
  const config = loadConfig({...env, LOG_LEVEL: 'error'});
  return syncCommand({config, logger: createLogger(config), signal: never}, {mode: 'diff', json: true});
}

/** As `laas-sync verify`. */
export function verify(env: Environment): Promise<Verdict> {
  return verifyTables(loadConfig(env), never);
}
