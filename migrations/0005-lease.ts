/** The lease as data: what a lock of one server cannot be on a cluster. Only adds: the version before goes on beside it. */
import type {Knex} from 'knex';

const TABLE = 'sync_lease';

/** Also made before any migration, since those that migrate wait for each other by a row of it. */
export const CREATE_LEASE = `CREATE TABLE IF NOT EXISTS ${TABLE} (
       stream VARCHAR(32) NOT NULL,
       holder VARCHAR(128) NOT NULL DEFAULT '',
       -- The fencing number of the holder's transactions.
       token BIGINT UNSIGNED NOT NULL DEFAULT 0,
       -- Grows with every renewal. Whoever waits sees by it that the holder lives, whatever the clocks say.
       beat BIGINT UNSIGNED NOT NULL DEFAULT 0,
       -- By the clock of the server that the holder is connected to, in UTC; null where nobody holds the lease.
       expires_at DATETIME(3) NULL,
       -- The server on which the holder has the named lock as well; empty where that lock proves nothing.
       locked_on VARCHAR(512) NOT NULL DEFAULT '',
       PRIMARY KEY (stream)
     ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin`;

export async function up(knex: Knex): Promise<void> {
  await knex.schema.raw(CREATE_LEASE);
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTableIfExists(TABLE);
}
