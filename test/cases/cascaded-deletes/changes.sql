-- Before MySQL 9.6, the log does not show the memberships that are deleted with them.
DELETE FROM institutes WHERE id = 2;
DELETE FROM users WHERE id = 2;
