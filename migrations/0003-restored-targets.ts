/**
 * Adds the number by which a restored target is recognized to tables that an older version made; the first
 * migration makes new tables with it. It only adds, so that the older version can go on beside it.
 */
import type {Knex} from 'knex';

const TABLE = 'sync_checkpoint';
const COLUMN = 'writes';

export async function up(knex: Knex): Promise<void> {
  if (await knex.schema.hasColumn(TABLE, COLUMN)) return;
  await knex.schema.raw(`ALTER TABLE ${TABLE} ADD COLUMN ${COLUMN} BIGINT UNSIGNED NOT NULL DEFAULT 0`);
}

/** The first migration drops the table. */
export function down(): Promise<void> {
  return Promise.resolve();
}
