-- The bookkeeping as version 0.1.0 made it (migrations 0001 and 0002). Never to be changed: databases
-- like this are out there. A release that adds a migration adds a file of its own beside this one.
CREATE TABLE sync_migrations (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(255), batch INT, migration_time TIMESTAMP NULL
);
CREATE TABLE sync_migrations_lock (`index` INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, is_locked INT);
INSERT INTO sync_migrations_lock (is_locked) VALUES (0);
INSERT INTO sync_migrations (name, batch, migration_time) VALUES
  ('0001-bookkeeping', 1, '2026-11-24 00:00:00'), ('0002-organization-tables', 1, '2026-11-24 00:00:00');
CREATE TABLE sync_checkpoint (
  stream VARCHAR(32) NOT NULL, fencing_token BIGINT UNSIGNED NOT NULL DEFAULT 0, leader VARCHAR(128) NOT NULL DEFAULT '',
  position MEDIUMTEXT NULL, log_file VARCHAR(255) NULL, log_offset BIGINT UNSIGNED NULL,
  source_identity VARCHAR(512) NULL, source_schema VARCHAR(64) NULL, reconcile_owed VARCHAR(8) NOT NULL DEFAULT '',
  next_run_at DATETIME(3) NULL, paused BOOLEAN NOT NULL DEFAULT FALSE, commit_at DATETIME(3) NULL, applied_at DATETIME(3) NULL,
  transactions_applied BIGINT UNSIGNED NOT NULL DEFAULT 0, rows_applied BIGINT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (stream)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE sync_owned (
  stream VARCHAR(32) NOT NULL, kind VARCHAR(16) NOT NULL, scope VARCHAR(20) NOT NULL, chunk BIGINT NOT NULL,
  size INT UNSIGNED NOT NULL, members VARBINARY(8200) NOT NULL, PRIMARY KEY (stream, kind, scope, chunk)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE sync_dead_letter (
  stream VARCHAR(32) NOT NULL, target_table VARCHAR(32) NOT NULL, row_key VARCHAR(48) NOT NULL, code VARCHAR(32) NOT NULL,
  detail VARCHAR(255) NULL, position MEDIUMTEXT NULL, first_seen_at DATETIME(3) NOT NULL, last_seen_at DATETIME(3) NOT NULL,
  attempts INT UNSIGNED NOT NULL DEFAULT 1, PRIMARY KEY (stream, target_table, row_key), KEY sync_dead_letter_code (stream, code)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE sync_run (
  run_id VARCHAR(36) NOT NULL, stream VARCHAR(32) NOT NULL, trigger_kind VARCHAR(16) NOT NULL, mode VARCHAR(8) NOT NULL,
  state VARCHAR(24) NOT NULL, started_at DATETIME(3) NOT NULL, ended_at DATETIME(3) NULL, tables TEXT NOT NULL,
  error VARCHAR(512) NULL, PRIMARY KEY (run_id), KEY sync_run_started (stream, started_at)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
