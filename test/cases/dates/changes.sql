SET sql_mode = '';
INSERT INTO institutes (id, name, created_at, updated_at) VALUES
  (4, 'year end', '2023-12-31 23:59:59.999500', NULL), (5, 'half down', '2024-02-28 23:59:59.999499', '0000-00-00'), (6, 'both zero', '0000-00-00', '0000-00-00');
UPDATE institutes SET updated_at = '2024-11-03 01:30:00.0005' WHERE id = 2;
UPDATE institutes SET created_at = NULL, updated_at = NULL WHERE id = 3;
