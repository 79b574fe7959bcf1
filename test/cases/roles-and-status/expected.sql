SELECT userId, role, isActive FROM institute_users ORDER BY 1;
-- 1 | STUDENT | 0
-- 2 | FACULTY | 1
-- 3 | FACULTY | 1
-- 4 | STUDENT | 0
-- 5 | STAFF | 1
-- 6 | DIRECTOR | 0
-- 7 | STUDENT | 0
-- 8 | STUDENT | 1
