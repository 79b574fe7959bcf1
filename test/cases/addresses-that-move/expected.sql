SELECT userId, email FROM user ORDER BY 1;
-- 1 | bo@x.org
-- 3 | gone@x.org
-- 4 | cy@x.org
-- 5 | ada@x.org
SELECT COUNT(*) FROM sync_dead_letter;
-- 0
