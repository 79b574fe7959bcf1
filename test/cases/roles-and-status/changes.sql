INSERT INTO institute_user (institute_id, user_id, user_type, status) VALUES
  (1, 3, ' instructor ', ' active '), (1, 4, 'student', NULL), (1, 5, 'Staff', 'Active'), (1, 6, 'DIRECTOR', 'pending'), (1, 7, NULL, ''), (1, 8, 'guest', 'active');
UPDATE institute_user SET status = 'active' WHERE user_id = 2;
UPDATE institute_user SET user_type = 'nobody', status = 'gone' WHERE user_id = 1;
