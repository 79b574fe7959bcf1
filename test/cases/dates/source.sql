SET sql_mode = '';
CREATE TABLE institutes (
  id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(255), imageUrl VARCHAR(500), created_at DATETIME(6), updated_at DATETIME(6)
);
CREATE TABLE users (
  id BIGINT NOT NULL PRIMARY KEY, first_name VARCHAR(120), last_name VARCHAR(120), email VARCHAR(190), password VARCHAR(255),
  is_active TINYINT(1) NOT NULL DEFAULT 1, created_at DATETIME(6), updated_at DATETIME(6)
);
CREATE TABLE institute_user (
  institute_id BIGINT NOT NULL, user_id BIGINT NOT NULL, user_type VARCHAR(32), status VARCHAR(32),
  created_at DATETIME(6), updated_at DATETIME(6), PRIMARY KEY (institute_id, user_id),
  CONSTRAINT to_institute FOREIGN KEY (institute_id) REFERENCES institutes (id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT to_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE
);
INSERT INTO institutes (id, name, created_at, updated_at) VALUES
  (1, 'both', '2024-01-02 03:04:05.123400', '2024-02-03 04:05:06.000500'), (2, 'neither', NULL, NULL), (3, 'zero', '0000-00-00', '2024-03-10 02:30:00');
