/** Migrations of the target: up, down, and whether they are up to date. */
import type {Knex} from 'knex';
import * as bookkeeping from '../../migrations/0001-bookkeeping.ts';
import * as organizationTables from '../../migrations/0002-organization-tables.ts';
import * as restoredTargets from '../../migrations/0003-restored-targets.ts';
import * as mappingColumns from '../../migrations/0004-mapping.ts';
import {SyncError} from '../errors.ts';
import type {Mapping} from '../mapping/mapping.ts';
import {createMissingTables} from './create-tables.ts';
import {lockName} from './lease.ts';

type Migration = {name: string; up(knex: Knex): Promise<void>; down(knex: Knex): Promise<void>};

const MIGRATIONS: Migration[] = [
  {name: '0001-bookkeeping', ...bookkeeping},
  {name: '0002-organization-tables', ...organizationTables},
  {name: '0003-restored-targets', ...restoredTargets},
  {name: '0004-mapping', ...mappingColumns},
];

/** In their order. */
export const MIGRATION_NAMES: readonly string[] = MIGRATIONS.map(({name}) => name);

const MIGRATIONS_TABLE = 'sync_migrations';

/** Named in code, so that a build cannot lose a file and a folder cannot add one. */
const config: Knex.MigratorConfig = {
  tableName: MIGRATIONS_TABLE,
  disableTransactions: true,
  migrationSource: {
    getMigrations: () => Promise.resolve(MIGRATIONS),
    getMigrationName: (migration: Migration) => migration.name,
    getMigration: (migration: Migration) => Promise.resolve(migration),
  },
};

/** How long one waits for another that migrates. */
const LOCK_SECONDS = 60;
/** How long a statement may take: the wait for the lock, and changes of tables that hold rows. */
export const MIGRATION_TIMEOUT_MS = 3_600_000;

/**
 * Safe to run twice, by two at once, and after one that was killed.
 *
 * @param mapping whose tables are made where they are missing
 * @returns the migrations that ran, and the tables of the mapping that were made
 * @throws SyncError `target-newer` where the database is ahead of this program
 */
export function migrateUp(knex: Knex, mapping: Pick<Mapping, 'tables'>): Promise<string[]> {
  return alone(knex, async () => {
    await isMigrated(knex);
    const [, names] = (await knex.migrate.latest(config)) as [number, string[]];
    return [...names, ...(await createMissingTables(knex, mapping))];
  });
}

/** Drops our bookkeeping; the organization's tables stay. */
export function migrateDown(knex: Knex): Promise<string[]> {
  return alone(knex, async () => {
    await isMigrated(knex);
    const [, names] = (await knex.migrate.rollback(config, true)) as [number, string[]];
    return names;
  });
}

/** @throws SyncError `target-newer` where the database is ahead of this program */
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
  return MIGRATION_NAMES.every(name => done.has(name));
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
 * Under a lock of the server, which ends with its connection: knex notes in a table that it migrates, and a
 * process that is killed leaves the note behind. Whoever has the lock may take the note away.
 */
async function alone<T>(knex: Knex, work: () => Promise<T>): Promise<T> {
  const connection: unknown = await knex.client.acquireConnection();
  const ask = async (sql: string, values: readonly unknown[]): Promise<unknown> => {
    const [rows] = (await knex.raw(sql, [...values] as Knex.RawBinding[]).connection(connection)) as [
      Record<string, unknown>[],
    ];
    return rows[0]?.['answer'];
  };
  try {
    // No stream can have this name.
    const name = lockName(String(await ask('SELECT DATABASE() AS answer', [])), '*migrations');
    if (Number(await ask('SELECT GET_LOCK(?, ?) AS answer', [name, LOCK_SECONDS])) !== 1)
      throw new SyncError(
        'target-rejected-batch',
        'another process migrates the target, and does not come to an end',
      );
    try {
      if (await knex.schema.hasTable(`${MIGRATIONS_TABLE}_lock`))
        await knex.migrate.forceFreeMigrationsLock(config);
      return await work();
    } finally {
      await ask('SELECT RELEASE_LOCK(?) AS answer', [name]);
    }
  } finally {
    await knex.client.releaseConnection(connection);
  }
}
