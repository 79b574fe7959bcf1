-- REPLACE is a delete and an insert: what hung on the old row is gone.
REPLACE INTO users (id, first_name, email, password) VALUES (1, 'New', 'new@x.org', 'n');
BEGIN;
DELETE FROM institutes WHERE id = 2;
INSERT INTO institutes (id, name) VALUES (2, 'South again');
INSERT INTO institute_user (institute_id, user_id, role, status) VALUES (2, 2, 'admin', 'active');
COMMIT;
