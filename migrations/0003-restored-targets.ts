/** What tells a target that was restored from a backup from one that was not. Only adds: the version before goes on beside it. */
import type {Knex} from 'knex';

const TABLE = 'sync_checkpoint';
const COLUMN = 'writes';

export async function up(knex: Knex): Promise<void> {
  if (await knex.schema.hasColumn(TABLE, COLUMN)) return;
  await knex.schema.raw(
    `ALTER TABLE ${TABLE}
       -- Grows with every transaction of the leader, and nothing else changes it: a smaller number than the
       -- last one known means that the row was restored from a backup.
       ADD COLUMN ${COLUMN} BIGINT UNSIGNED NOT NULL DEFAULT 0`,
  );
}

/** The first migration drops the table. */
export function down(): Promise<void> {
  return Promise.resolve();
}
