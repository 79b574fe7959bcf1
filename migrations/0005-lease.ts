/**
 * Creates the lease as a row, which is the same on every node of a cluster, as a lock of one server is not. It only
 * adds, so that the previous version can continue beside it.
 */
import type {Knex} from 'knex';

const TABLE = 'sync_lease';

/** Also run before all migrations, because the lock of `migrate` is a row of this table. */
export const CREATE_LEASE = `CREATE TABLE IF NOT EXISTS ${TABLE} (
       stream VARCHAR(32) NOT NULL,
       holder VARCHAR(128) NOT NULL DEFAULT '',
       -- The fencing number of the holder's transactions.
       token BIGINT UNSIGNED NOT NULL DEFAULT 0,
       -- Grows with every renewal, so that a standby sees that the holder lives, whatever the clocks say.
       beat BIGINT UNSIGNED NOT NULL DEFAULT 0,
       -- By the clock of the server that the holder is connected to, in UTC; null if nobody holds the lease.
       expires_at DATETIME(3) NULL,
       -- The server on which the holder also has the named lock; empty if that lock proves nothing.
       locked_on VARCHAR(512) NOT NULL DEFAULT '',
       PRIMARY KEY (stream)
     ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`;

export async function up(knex: Knex): Promise<void> {
  await knex.schema.raw(CREATE_LEASE);
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTableIfExists(TABLE);
}
