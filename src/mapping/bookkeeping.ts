/** The names of laas-sync's own tables in the target, which a mapping cannot use for its own. */

export const MIGRATIONS_TABLE = 'sync_migrations';

/** The tables that all migrations leave behind. */
export const BOOKKEEPING_TABLES = [
  'sync_checkpoint',
  'sync_owned',
  'sync_owned_key',
  'sync_dead_letter',
  'sync_run',
  'sync_lease',
  MIGRATIONS_TABLE,
] as const;

/** Those that are committed together with rows. */
export const COMMITTED_TABLES: readonly string[] = BOOKKEEPING_TABLES.filter(
  name => name !== MIGRATIONS_TABLE,
);

/** The table in which knex keeps its lock while it migrates. */
export const MIGRATIONS_LOCK_TABLE = `${MIGRATIONS_TABLE}_lock`;

/** Whether a table is one of laas-sync. Some servers ignore case in the names of tables. */
export function isBookkeeping(table: string): boolean {
  const name = table.toLowerCase();
  return name === MIGRATIONS_LOCK_TABLE || BOOKKEEPING_TABLES.some(own => own === name);
}
