-- Swapped, in one statement and over several; then one that moves on to a new row.
UPDATE users SET email = CASE id WHEN 1 THEN 'bo@x.org' ELSE 'ada@x.org' END WHERE id IN (1, 2);
UPDATE users SET email = 'gone@x.org' WHERE id = 3;
INSERT INTO users (id, email, password) VALUES (4, 'cy@x.org', 'd');
DELETE FROM users WHERE id = 2;
INSERT INTO users (id, email, password) VALUES (5, 'ada@x.org', 'e');
