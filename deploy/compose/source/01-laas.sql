-- A small LAAS for docker-compose.yml: the three tables that are mapped, some rows, and the reading account of docs/grants.md.
USE laas;

CREATE TABLE institutes (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(255) NULL,
  imageUrl VARCHAR(500) NULL,
  created_at DATETIME(3) NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at DATETIME(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
);

CREATE TABLE users (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  first_name VARCHAR(120) NULL,
  last_name VARCHAR(120) NULL,
  email VARCHAR(190) NULL UNIQUE,
  password VARCHAR(255) NULL,
  is_active TINYINT(1) NOT NULL DEFAULT 1,
  created_at DATETIME(3) NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at DATETIME(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
);

CREATE TABLE institute_user (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  institute_id BIGINT UNSIGNED NOT NULL,
  user_id BIGINT UNSIGNED NOT NULL,
  user_type VARCHAR(32) NULL,
  status VARCHAR(32) NULL,
  created_at DATETIME(3) NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at DATETIME(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  FOREIGN KEY (institute_id) REFERENCES institutes (id) ON DELETE CASCADE,
  FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

INSERT INTO institutes (name) VALUES ('Institute of Examples'), ('School of Samples');
INSERT INTO users (first_name, last_name, email, password) VALUES
  ('Ada', 'Lovelace', 'ada@example.test', '$2b$10$example'),
  ('Grace', 'Hopper', 'grace@example.test', '$2b$10$example');
INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES (1, 1, 'teacher', 'active'), (2, 2, 'director', 'active');

CREATE USER 'laas_reader'@'%' IDENTIFIED BY 'reader-for-compose-only';
GRANT SELECT ON `laas`.* TO 'laas_reader'@'%';
GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'laas_reader'@'%';
