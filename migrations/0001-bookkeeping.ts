/** The tables that laas-sync keeps for itself in the target's database, each keyed by the stream's name. */
import type {Knex} from 'knex';

export async function up(knex: Knex): Promise<void> {
  if (!(await knex.schema.hasTable('sync_checkpoint'))) {
    await knex.schema.createTable('sync_checkpoint', table => {
      table.string('stream', 32).notNullable().primary();
      // Grows by one with every leader; a transaction with an older number fails.
      table.bigInteger('fencing_token').unsigned().notNullable().defaultTo(0);
      table.string('leader', 128).notNullable().defaultTo('');
      // Up to where the source's log is applied, as formatPosition writes it; null before the first load.
      table.text('position', 'mediumtext').nullable();
      // The same on the server that it was read from.
      table.string('log_file', 255).nullable();
      table.bigInteger('log_offset').unsigned().nullable();
      table.string('source_identity', 512).nullable();
      table.string('source_schema', 64).nullable();
      // A reconcile is owed, and which: 'load' where what came before the position was not seen, 'diff'
      // where the log said that rows changed but not how; empty where none is.
      table.string('reconcile_owed', 8).notNullable().defaultTo('');
      // When the nightly run was to come next: one that passed unseen is made up for.
      table.specificType('next_run_at', 'DATETIME(3)').nullable();
      table.boolean('paused').notNullable().defaultTo(false);
      table.specificType('commit_at', 'DATETIME(3)').nullable();
      table.specificType('applied_at', 'DATETIME(3)').nullable();
      table.bigInteger('transactions_applied').unsigned().notNullable().defaultTo(0);
      table.bigInteger('rows_applied').unsigned().notNullable().defaultTo(0);
      bookkeeping(table);
    });
  }
  if (!(await knex.schema.hasTable('sync_owned'))) {
    await knex.schema.createTable('sync_owned', table => {
      table.string('stream', 32).notNullable();
      table.string('kind', 16).notNullable();
      // The institute of memberships; empty otherwise.
      table.string('scope', 20).notNullable();
      // The ids' upper bits.
      table.bigInteger('chunk').notNullable();
      table.integer('size').unsigned().notNullable();
      table.specificType('members', 'VARBINARY(8200)').notNullable();
      table.primary(['stream', 'kind', 'scope', 'chunk']);
      bookkeeping(table);
    });
  }
  if (!(await knex.schema.hasTable('sync_dead_letter'))) {
    await knex.schema.createTable('sync_dead_letter', table => {
      table.string('stream', 32).notNullable();
      table.string('target_table', 32).notNullable();
      table.string('row_key', 48).notNullable();
      table.string('code', 32).notNullable();
      // The other key of a conflict, the server's error number, the table that blocks: never a value.
      table.string('detail', 255).nullable();
      table.text('position', 'mediumtext').nullable();
      table.specificType('first_seen_at', 'DATETIME(3)').notNullable();
      table.specificType('last_seen_at', 'DATETIME(3)').notNullable();
      table.integer('attempts').unsigned().notNullable().defaultTo(1);
      table.primary(['stream', 'target_table', 'row_key']);
      table.index(['stream', 'code'], 'sync_dead_letter_code');
      bookkeeping(table);
    });
  }
  if (!(await knex.schema.hasTable('sync_run'))) {
    await knex.schema.createTable('sync_run', table => {
      table.string('run_id', 36).notNullable().primary();
      table.string('stream', 32).notNullable();
      table.string('trigger_kind', 16).notNullable();
      table.string('mode', 8).notNullable();
      table.string('state', 24).notNullable();
      table.specificType('started_at', 'DATETIME(3)').notNullable();
      table.specificType('ended_at', 'DATETIME(3)').nullable();
      // Counts by table, as JSON text.
      table.text('tables').notNullable();
      table.string('error', 512).nullable();
      table.index(['stream', 'started_at'], 'sync_run_started');
      bookkeeping(table);
    });
  }
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['sync_run', 'sync_dead_letter', 'sync_owned', 'sync_checkpoint']) {
    await knex.schema.dropTableIfExists(table);
  }
}

/** Names and keys compare by their bytes, whatever the database's own collation. */
function bookkeeping(table: Knex.CreateTableBuilder): void {
  table.engine('InnoDB');
  table.charset('utf8mb4');
  table.collate('utf8mb4_bin');
}
