/**
 * Makes room for any mapping: longer names of tables, keys of up to four columns and of text, and the mapping that the
 * last run used. It only widens columns and adds nullable ones, so that the previous version can continue beside
 * this one.
 *
 * Each statement is repeatable: DDL is not transactional, and a migration that is killed in the middle runs again
 * from its beginning.
 */
import type {Knex} from 'knex';

type Column = readonly [table: string, column: string, type: string, characters: number];

/** InnoDB allows primary keys of 3072 bytes; the longest has (32 + 64 + 512) characters of 4 bytes. */
const WIDER: readonly Column[] = [
  ['sync_owned', 'kind', 'VARCHAR(64) NOT NULL', 64],
  ['sync_owned', 'scope', 'VARCHAR(512) NOT NULL', 512],
  ['sync_dead_letter', 'target_table', 'VARCHAR(64) NOT NULL', 64],
  ['sync_dead_letter', 'row_key', 'VARCHAR(512) NOT NULL', 512],
  ['sync_dead_letter', 'code', 'VARCHAR(80) NOT NULL', 80],
  // Its detail may be the key of another row.
  ['sync_dead_letter', 'detail', 'VARCHAR(512) NULL', 512],
];

/** Holds keys that are not numbers, which `sync_owned` cannot store as bitmaps. */
const OWNED_KEY = `CREATE TABLE sync_owned_key (
    stream VARCHAR(32) NOT NULL,
    kind VARCHAR(64) NOT NULL,
    row_key VARCHAR(512) NOT NULL,
    PRIMARY KEY (stream, kind, row_key)
  ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`;

export async function up(knex: Knex): Promise<void> {
  const tables = [...new Set(WIDER.map(([table]) => table))];
  for (const table of tables) {
    const changes: string[] = [];
    for (const [, column, type, characters] of WIDER.filter(([name]) => name === table)) {
      if ((await lengthOf(knex, table, column)) < characters) changes.push(`MODIFY ${column} ${type}`);
    }
    if (changes.length > 0) await knex.schema.raw(`ALTER TABLE ${table} ${changes.join(', ')}`);
  }
  if (!(await knex.schema.hasTable('sync_owned_key'))) await knex.schema.raw(OWNED_KEY);
  // The mapping that the last run used, in its canonical form.
  if (!(await knex.schema.hasColumn('sync_checkpoint', 'mapping')))
    await knex.schema.raw('ALTER TABLE sync_checkpoint ADD COLUMN mapping MEDIUMTEXT NULL');
}

async function lengthOf(knex: Knex, table: string, column: string): Promise<number> {
  const [rows] = (await knex.raw(
    `SELECT CHARACTER_MAXIMUM_LENGTH AS characters FROM information_schema.COLUMNS
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND COLUMN_NAME = ?`,
    [table, column],
  )) as [{characters: number | string}[]];
  return Number(rows[0]?.characters ?? 0);
}

/** The first migration drops the other tables. */
export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTableIfExists('sync_owned_key');
}
