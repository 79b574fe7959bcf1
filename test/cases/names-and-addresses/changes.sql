-- Only U+0020 is trimmed; a no-break space, a tab and an ideographic space stay.
INSERT INTO users (id, first_name, last_name, email, password) VALUES
  (4, '   ', '', 'd@x.org', 'd'), (5, CONCAT(' ', _utf8mb4 0xC2A0, 'E '), 'F', 'e@x.org', 'e'), (6, 'a  b', 'c', 'Upper@X.org', 'f');
UPDATE users SET last_name = ' Diddley ' WHERE id = 2;
UPDATE users SET first_name = '', email = 'cy@y.org  ' WHERE id = 3;
