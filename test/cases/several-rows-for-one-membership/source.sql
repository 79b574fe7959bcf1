CREATE TABLE institutes (
  id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(255), imageUrl VARCHAR(500), created_at DATETIME(6), updated_at DATETIME(6)
);
CREATE TABLE users (
  id BIGINT NOT NULL PRIMARY KEY, first_name VARCHAR(120), last_name VARCHAR(120), email VARCHAR(190), password VARCHAR(255),
  is_active TINYINT(1) NOT NULL DEFAULT 1, created_at DATETIME(6), updated_at DATETIME(6)
);
CREATE TABLE institute_user (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, institute_id BIGINT NOT NULL, user_id BIGINT NOT NULL, user_type VARCHAR(32), status VARCHAR(32),
  created_at DATETIME(6), updated_at DATETIME(6),
  CONSTRAINT to_institute FOREIGN KEY (institute_id) REFERENCES institutes (id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT to_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE
);
INSERT INTO institutes (id, name) VALUES (1, 'North');
INSERT INTO users (id, email, password) VALUES (1, '1@x', 'p'), (2, '2@x', 'p'), (3, '3@x', 'p'), (4, '4@x', 'p');
INSERT INTO institute_user (id, institute_id, user_id, user_type, status, updated_at) VALUES
  (1, 1, 1, 'admin', 'inactive', '2024-05-01'), (2, 1, 1, 'staff', 'active', '2024-01-01'),
  (3, 1, 2, 'staff', 'active', '2024-01-01'), (4, 1, 2, 'admin', 'active', '2024-05-01'),
  (5, 1, 3, 'staff', 'active', NULL), (6, 1, 3, 'admin', 'active', NULL), (7, 1, 4, 'admin', 'active', NULL);
