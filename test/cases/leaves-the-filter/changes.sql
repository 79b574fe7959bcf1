UPDATE users SET is_active = 0 WHERE id = 1;
UPDATE users SET password = NULL WHERE id = 2;
UPDATE institutes SET name = NULL WHERE id = 2;
