-- Their memberships are older than they are.
UPDATE users SET is_active = 1 WHERE id = 1;
UPDATE institutes SET name = 'South' WHERE id = 2;
UPDATE users SET email = 'cy@x.org' WHERE id = 3;
