-- The memberships that go along are in no log before MySQL 9.6.
DELETE FROM institutes WHERE id = 2;
DELETE FROM users WHERE id = 2;
