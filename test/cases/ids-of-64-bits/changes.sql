INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES (9007199254740993, -1, 'staff', 'active');
INSERT INTO users (id, email, password) VALUES (9007199254740992, 'a@x', 'p'), (9007199254740994, 'b@x', 'p');
DELETE FROM users WHERE id = 9007199254740992;
UPDATE institutes SET name = 'the least' WHERE id = -9223372036854775808;
