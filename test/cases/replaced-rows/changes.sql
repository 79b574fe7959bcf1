-- A row that is deleted and inserted again in one transaction: the dependants of the old row are deleted.
BEGIN;
DELETE FROM users WHERE id = 1;
INSERT INTO users (id, first_name, email, password) VALUES (1, 'New', 'new@x.org', 'n');
COMMIT;
-- REPLACE deletes and inserts on MariaDB, and updates in place on MySQL 9.7: user 3's only membership is deleted
-- on both, with its institute.
REPLACE INTO users (id, first_name, email, password) VALUES (3, 'Cy', 'cy2@x.org', 'c2');
BEGIN;
DELETE FROM institutes WHERE id = 2;
INSERT INTO institutes (id, name) VALUES (2, 'South again');
INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES (2, 2, 'admin', 'active');
COMMIT;
