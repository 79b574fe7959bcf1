-- Active first, then the latest, then the greatest id; the next one counts when the first is deleted.
DELETE FROM institute_user WHERE id = 4;
INSERT INTO institute_user (id, institute_id, user_id, user_type, status, updated_at) VALUES (8, 1, 4, 'director', 'active', '2020-01-01');
UPDATE institute_user SET status = 'inactive' WHERE id = 2;
