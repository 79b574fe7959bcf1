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
INSERT INTO institutes (id, name) VALUES (1, 'North'), (2, 'South');
INSERT INTO users (id, first_name, last_name, email, password) VALUES
  (1, 'Ada', 'Byron', 'ada@x.org', 'a'), (2, 'Bo', 'Diddley', 'bo@x.org', 'b'), (3, 'Cy', 'Young', 'cy@x.org', 'c');
INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES
  (1, 1, 'admin', 'active'), (1, 2, 'student', 'active'), (2, 1, 'teacher', 'inactive'), (2, 3, 'staff', 'active');
