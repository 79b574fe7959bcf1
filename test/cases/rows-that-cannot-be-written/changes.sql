INSERT INTO users (id, email, password) VALUES (5, 'two@@x.org', 'p'), (6, '@x.org', 'p'), (7, CONCAT(REPEAT('x', 100), '@y'), 'p');
INSERT INTO users (id, first_name, email, password) VALUES (8, 'twin', 'OK@x.org', 'p');
UPDATE users SET email = 'fixed@x.org' WHERE id = 3;
DELETE FROM users WHERE id = 6;
