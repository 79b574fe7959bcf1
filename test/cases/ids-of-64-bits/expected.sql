SELECT instituteId, name FROM institute ORDER BY 1;
-- -9223372036854775808 | the least
-- 9007199254740993 | past doubles
SELECT userId, email FROM user ORDER BY 1;
-- -1 | minus@x
-- 9007199254740994 | b@x
-- 9223372036854775807 | greatest@x
SELECT instituteId, userId, role, isActive FROM institute_users ORDER BY 1, 2;
-- -9223372036854775808 | 9223372036854775807 | ADMIN | 1
-- 9007199254740993 | -1 | STAFF | 1
SELECT userId, password FROM user_auth ORDER BY 1;
-- -1 | p
-- 9007199254740994 | p
-- 9223372036854775807 | p
