/** Migrates the target up and down, and checks whether it is up to date. */
import type {Knex} from 'knex';
import * as bookkeeping from '../../migrations/0001-bookkeeping.ts';
import * as organizationTables from '../../migrations/0002-organization-tables.ts';
import * as restoredTargets from '../../migrations/0003-restored-targets.ts';
import * as mappingColumns from '../../migrations/0004-mapping.ts';
import * as lease from '../../migrations/0005-lease.ts';
import {SyncError} from '../errors.ts';
import {BOOKKEEPING_TABLES, MIGRATIONS_LOCK_TABLE, MIGRATIONS_TABLE} from '../mapping/bookkeeping.ts';
import type {Mapping} from '../mapping/mapping.ts';
import {createMissingTables} from './create-tables.ts';
import {underMigrationLock} from './migration-lock.ts';

type Migration = {name: string; up(knex: Knex): Promise<void>; down(knex: Knex): Promise<void>};

const MIGRATIONS: Migration[] = [
  {name: '0001-bookkeeping', ...bookkeeping},
  {name: '0002-organization-tables', ...organizationTables},
  {name: '0003-restored-targets', ...restoredTargets},
  {name: '0004-mapping', ...mappingColumns},
  {name: '0005-lease', ...lease},
];

/** The migrations, in their order. */
export const MIGRATION_NAMES: readonly string[] = MIGRATIONS.map(({name}) => name);

/** The list is in code, so that a build cannot lose a file and a folder cannot add one. */
const config: Knex.MigratorConfig = {
  tableName: MIGRATIONS_TABLE,
  disableTransactions: true,
  migrationSource: {
    getMigrations: () => Promise.resolve(MIGRATIONS),
    getMigrationName: (migration: Migration) => migration.name,
    getMigration: (migration: Migration) => Promise.resolve(migration),
  },
};

/** The maximum time of a statement: a wait for the lock, or a change of a table with rows. */
export const MIGRATION_TIMEOUT_MS = 3_600_000;

/**
 * Migrates the target. It is safe to run twice, by two processes at once, and after one that was killed.
 *
 * @param mapping the mapping whose missing tables are created
 * @returns the migrations that ran, the bookkeeping tables that somebody had dropped, and the tables of the mapping
 *   that were created
 * @throws SyncError `target-newer` if the database is newer than this program
 */
export function migrateUp(knex: Knex, mapping: Pick<Mapping, 'tables'>): Promise<string[]> {
  return alone(knex, async () => {
    await isMigrated(knex);
    const [, names] = (await knex.migrate.latest(config)) as [number, string[]];
    return [...names, ...(await restoreTables(knex)), ...(await createMissingTables(knex, mapping))];
  });
}

/** Creates bookkeeping tables that somebody dropped: a migration may be run again, and changes only what it misses. */
async function restoreTables(knex: Knex): Promise<string[]> {
  const missing = await missingTables(knex);
  if (missing.length > 0) for (const migration of MIGRATIONS) await migration.up(knex);
  return missing;
}

async function missingTables(knex: Knex): Promise<string[]> {
  const [rows] = (await knex.raw(
    `SELECT TABLE_NAME AS name FROM information_schema.TABLES
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN (${BOOKKEEPING_TABLES.map(() => '?').join(', ')})`,
    [...BOOKKEEPING_TABLES],
  )) as [{name: string}[]];
  const found = new Set(rows.map(({name}) => name));
  return BOOKKEEPING_TABLES.filter(name => !found.has(name));
}

/** Drops the bookkeeping tables; the tables of the mapping stay. */
export function migrateDown(knex: Knex): Promise<string[]> {
  return alone(knex, async () => {
    await isMigrated(knex);
    const [, names] = (await knex.migrate.rollback(config, true)) as [number, string[]];
    return names;
  });
}

/**
 * Whether all migrations ran, and their tables exist.
 *
 * @throws SyncError `target-newer` if the database is newer than this program
 */
export async function isMigrated(knex: Knex): Promise<boolean> {
  if (!(await knex.schema.hasTable(MIGRATIONS_TABLE))) return false;
  const done = new Set(await knex(MIGRATIONS_TABLE).pluck<string[]>('name'));
  const newer = [...done].filter(name => !MIGRATION_NAMES.includes(name));
  if (newer.length > 0) {
    throw new SyncError(
      'target-newer',
      `the target was migrated by a newer version of laas-sync (${newer.join(', ')}): run that version, or a newer one`,
    );
  }
  return MIGRATION_NAMES.every(name => done.has(name)) && (await missingTables(knex)).length === 0;
}

/** @throws SyncError `not-migrated`, `target-newer` */
export async function assertMigrated(knex: Knex): Promise<void> {
  if (!(await isMigrated(knex)))
    throw new SyncError(
      'not-migrated',
      'the bookkeeping tables are missing or older than this version: run laas-sync migrate',
    );
}

/**
 * Lets one process migrate at a time, on any node of a cluster. The holder of the lock may remove the lock that
 * knex keeps in a table while it migrates, and that a killed process leaves behind.
 */
async function alone<T>(knex: Knex, work: () => Promise<T>): Promise<T> {
  // Nothing is written to a database that is newer than this program.
  await isMigrated(knex);
  return underMigrationLock(knex, async () => {
    if (await knex.schema.hasTable(MIGRATIONS_LOCK_TABLE)) await knex.migrate.forceFreeMigrationsLock(config);
    return work();
  });
}
