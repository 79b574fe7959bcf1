/** Migrations of the target: up, down, and whether they are up to date. */
import type {Knex} from 'knex';
import * as bookkeeping from '../../migrations/0001-bookkeeping.ts';
import * as organizationTables from '../../migrations/0002-organization-tables.ts';

type Migration = {name: string; up(knex: Knex): Promise<void>; down(knex: Knex): Promise<void>};

const MIGRATIONS: Migration[] = [
  {name: '0001-bookkeeping', ...bookkeeping},
  {name: '0002-organization-tables', ...organizationTables},
];

/** Named in code, so that a build cannot lose a file and a folder cannot add one. */
const config: Knex.MigratorConfig = {
  tableName: 'sync_migrations',
  disableTransactions: true,
  migrationSource: {
    getMigrations: () => Promise.resolve(MIGRATIONS),
    getMigrationName: (migration: Migration) => migration.name,
    getMigration: (migration: Migration) => Promise.resolve(migration),
  },
};

/** Safe to run twice, and by two at once: the second waits or finds nothing to do. */
export async function migrateUp(knex: Knex): Promise<string[]> {
  const [, names] = (await knex.migrate.latest(config)) as [number, string[]];
  return names;
}

/** Drops our bookkeeping; the organization's tables stay. */
export async function migrateDown(knex: Knex): Promise<string[]> {
  const [, names] = (await knex.migrate.rollback(config, true)) as [number, string[]];
  return names;
}

export async function isMigrated(knex: Knex): Promise<boolean> {
  if (!(await knex.schema.hasTable('sync_migrations'))) return false;
  const [, pending] = (await knex.migrate.list(config)) as [unknown[], unknown[]];
  return pending.length === 0;
}
