SELECT instituteId, name FROM institute ORDER BY 1;
-- 1 | North
SELECT userId, email FROM user ORDER BY 1;
-- 1 | ada@x.org
-- 3 | cy@x.org
SELECT instituteId, userId, role, isActive FROM institute_users ORDER BY 1, 2;
-- 1 | 1 | ADMIN | 1
SELECT userId, password FROM user_auth ORDER BY 1;
-- 1 | a
-- 3 | c
