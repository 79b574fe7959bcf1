SELECT userId, role, isActive FROM institute_users ORDER BY 1;
-- 1 | ADMIN | 0
-- 2 | STAFF | 1
-- 3 | ADMIN | 1
-- 4 | DIRECTOR | 1
