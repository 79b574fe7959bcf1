INSERT INTO institutes (id, name, imageUrl) VALUES (4294967295, 'ソ表', '漢');
INSERT INTO users (id, first_name, last_name, email, password) VALUES (2, '龙', 'Ёлкин', 'ÿ@x.org', X'0A');
INSERT INTO institute_user (user_id, institute_id, user_type, status) VALUES (1, 4294967295, 'admin', 'active'), (2, 1, 'teacher', 'inactive,really');
UPDATE users SET last_name = 'Щукин', is_active = b'1' WHERE id = 1;
