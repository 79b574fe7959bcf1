SELECT instituteId, name, imageUrl, createdAt FROM institute ORDER BY 1;
-- 1 | かな~学校 | http://é | 2024-01-02 00:00:00.000
-- 4294967295 | ソ表 | 漢 | 1970-01-01 00:00:00.000
SELECT userId, name, email, HEX(password) FROM user ORDER BY 1;
-- 1 | 汉字 Щукин | é€@x.org | 24326224
-- 2 | 龙 Ёлкин | ÿ@x.org | 0A
SELECT instituteId, userId, role, isActive FROM institute_users ORDER BY 1;
-- 1 | 2 | FACULTY | 0
-- 4294967295 | 1 | ADMIN | 1
