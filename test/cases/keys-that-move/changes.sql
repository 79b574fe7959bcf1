UPDATE users SET id = 9 WHERE id = 1;
UPDATE institutes SET id = 1000000 WHERE id = 2;
