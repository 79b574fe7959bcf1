/**
 * Creates laas-sync's own tables in the target's database, each keyed by the stream's name. New tables have the
 * widths of 0004-mapping from the start, which then has nothing to alter.
 *
 * One statement creates a table with its keys: DDL is not transactional, and a migration that is killed between
 * two statements would leave a table that looks complete. Names and keys are compared by their bytes, whatever
 * the database's own collation.
 */
import type {Knex} from 'knex';

const TABLES = {
  sync_checkpoint: `
    stream VARCHAR(32) NOT NULL,
    -- Grows by one with every leader; a transaction with an older number fails.
    fencing_token BIGINT UNSIGNED NOT NULL DEFAULT 0,
    leader VARCHAR(128) NOT NULL DEFAULT '',
    -- The position up to which the source's log is applied (formatPosition); null before the first load.
    position MEDIUMTEXT NULL,
    -- The same position in the log file of the server that it was read from.
    log_file VARCHAR(255) NULL,
    log_offset BIGINT UNSIGNED NULL,
    source_identity VARCHAR(512) NULL,
    -- Not used. Version 0.1.0 wrote a fingerprint of the mapped source columns, and may run beside this version.
    source_schema VARCHAR(64) NULL,
    -- The pending reconcile: 'load' after a new position to stream from, 'diff' after changes that the log does
    -- not show; empty if none is pending.
    reconcile_owed VARCHAR(8) NOT NULL DEFAULT '',
    -- The time of the next nightly run: a run that was missed while the daemon was down runs at the next start.
    next_run_at DATETIME(3) NULL,
    paused BOOLEAN NOT NULL DEFAULT 0,
    commit_at DATETIME(3) NULL,
    applied_at DATETIME(3) NULL,
    transactions_applied BIGINT UNSIGNED NOT NULL DEFAULT 0,
    rows_applied BIGINT UNSIGNED NOT NULL DEFAULT 0,
    -- The mapping that the last run used, in its canonical form.
    mapping MEDIUMTEXT NULL,
    -- Grows with every transaction of the leader, and with nothing else: a number below the last known one means
    -- that the row was restored from a backup. Migration 0003 adds the column to older tables.
    writes BIGINT UNSIGNED NOT NULL DEFAULT 0,
    -- Every row had its parents at the position, and foreign keys keep it so. Added in the same way.
    parents_proven BOOLEAN NOT NULL DEFAULT 0,
    PRIMARY KEY (stream)`,
  sync_owned: `
    stream VARCHAR(32) NOT NULL,
    kind VARCHAR(64) NOT NULL,
    -- The key without its last column; empty for a key of one column.
    scope VARCHAR(512) NOT NULL,
    -- The upper bits of the ids.
    chunk BIGINT NOT NULL,
    size INT UNSIGNED NOT NULL,
    members VARBINARY(8200) NOT NULL,
    PRIMARY KEY (stream, kind, scope, chunk)`,
  sync_dead_letter: `
    stream VARCHAR(32) NOT NULL,
    target_table VARCHAR(64) NOT NULL,
    row_key VARCHAR(512) NOT NULL,
    code VARCHAR(80) NOT NULL,
    -- The other key of a conflict, the server's error number, or the table that refers to the row: never a value.
    detail VARCHAR(512) NULL,
    position MEDIUMTEXT NULL,
    first_seen_at DATETIME(3) NOT NULL,
    last_seen_at DATETIME(3) NOT NULL,
    attempts INT UNSIGNED NOT NULL DEFAULT 1,
    PRIMARY KEY (stream, target_table, row_key),
    KEY sync_dead_letter_code (stream, code)`,
  sync_run: `
    run_id VARCHAR(36) NOT NULL,
    stream VARCHAR(32) NOT NULL,
    trigger_kind VARCHAR(16) NOT NULL,
    mode VARCHAR(8) NOT NULL,
    state VARCHAR(24) NOT NULL,
    started_at DATETIME(3) NOT NULL,
    ended_at DATETIME(3) NULL,
    -- Counts by table, as JSON text.
    tables TEXT NOT NULL,
    error VARCHAR(512) NULL,
    PRIMARY KEY (run_id),
    KEY sync_run_started (stream, started_at)`,
};

/** The keys that version 0.1.0 created by separate statements, and may lack if it was killed. */
const KEYS_MADE_APART = [
  ['sync_dead_letter', 'sync_dead_letter_code', 'stream, code'],
  ['sync_run', 'sync_run_started', 'stream, started_at'],
] as const;

export async function up(knex: Knex): Promise<void> {
  for (const [table, definition] of Object.entries(TABLES)) {
    if (await knex.schema.hasTable(table)) continue;
    await knex.schema.raw(
      `CREATE TABLE ${table} (${definition}) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
    );
  }
  for (const [table, key, columns] of KEYS_MADE_APART) {
    const [found] = (await knex.raw('SHOW INDEX FROM ?? WHERE Key_name = ?', [table, key])) as [unknown[]];
    if (found.length === 0) await knex.schema.raw(`ALTER TABLE ${table} ADD INDEX ${key} (${columns})`);
  }
}

export async function down(knex: Knex): Promise<void> {
  for (const table of Object.keys(TABLES).toReversed()) await knex.schema.dropTableIfExists(table);
}
