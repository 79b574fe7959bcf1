SELECT instituteId, name FROM institute ORDER BY 1;
-- 1 | North
-- 2 | South again
SELECT userId, email FROM user ORDER BY 1;
-- 1 | new@x.org
-- 2 | bo@x.org
-- 3 | cy2@x.org
SELECT instituteId, userId, role, isActive FROM institute_users ORDER BY 1, 2;
-- 1 | 2 | STUDENT | 1
-- 2 | 2 | ADMIN | 1
SELECT userId, password FROM user_auth ORDER BY 1;
-- 1 | n
-- 2 | b
-- 3 | c2
