SELECT userId, email FROM user WHERE userId <> 7 ORDER BY 1;
-- 2 | ok@x.org
-- 3 | fixed@x.org
SELECT instituteId, userId, role, isActive FROM institute_users ORDER BY 1, 2;
-- 1 | 2 | ADMIN | 1
-- 1 | 3 | ADMIN | 1
SELECT target_table, row_key, code, detail FROM sync_dead_letter ORDER BY row_key + 0;
-- user | 1 | invalid-email | NULL
-- user | 4 | invalid-password | NULL
-- user | 5 | invalid-email | NULL
-- user | 8 | unique-conflict | 2
