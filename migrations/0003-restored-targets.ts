/**
 * Adds two columns to the checkpoint of an older version: the number by which a restored target is recognized, and
 * whether foreign keys of the source can be trusted. The first migration creates new tables with both. It only adds,
 * so that the older version can continue beside it.
 */
import type {Knex} from 'knex';

const TABLE = 'sync_checkpoint';
const COLUMNS = {
  writes: 'BIGINT UNSIGNED NOT NULL DEFAULT 0',
  parents_proven: 'BOOLEAN NOT NULL DEFAULT 0',
};

export async function up(knex: Knex): Promise<void> {
  for (const [column, type] of Object.entries(COLUMNS)) {
    if (await knex.schema.hasColumn(TABLE, column)) continue;
    await knex.schema.raw(`ALTER TABLE ${TABLE} ADD COLUMN ${column} ${type}`);
  }
}

/** The first migration drops the table. */
export function down(): Promise<void> {
  return Promise.resolve();
}
