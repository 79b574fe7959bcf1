SELECT instituteId, name FROM institute ORDER BY 1;
-- 1 | North
-- 2 | South
SELECT userId, email FROM user ORDER BY 1;
-- 1 | ada@x.org
-- 2 | bo@x.org
-- 3 | cy@x.org
SELECT instituteId, userId, role, isActive FROM institute_users ORDER BY 1, 2;
-- 1 | 1 | ADMIN | 1
-- 1 | 2 | STUDENT | 1
-- 2 | 1 | FACULTY | 0
-- 2 | 3 | STAFF | 1
SELECT userId, password FROM user_auth ORDER BY 1;
-- 1 | a
-- 2 | b
-- 3 | c
