SELECT instituteId, name FROM institute ORDER BY 1;
-- 1 | North
-- 1000000 | South
SELECT userId, email FROM user ORDER BY 1;
-- 2 | bo@x.org
-- 3 | cy@x.org
-- 9 | ada@x.org
SELECT instituteId, userId, role, isActive FROM institute_users ORDER BY 1, 2;
-- 1 | 2 | STUDENT | 1
-- 1 | 9 | ADMIN | 1
-- 1000000 | 3 | STAFF | 1
-- 1000000 | 9 | FACULTY | 0
SELECT userId, password FROM user_auth ORDER BY 1;
-- 2 | b
-- 3 | c
-- 9 | a
