SELECT userId, CONCAT('[', name, ']'), CONCAT('[', email, ']'), CONCAT('[', password, ']') FROM user ORDER BY 1;
-- 1 | [Ada Byron] | [ada@x.org] | [ secret ]
-- 2 | [Bo Diddley] | [bo@x.org] | [b]
-- 3 | [Young] | [cy@y.org] | [c]
-- 4 | [] | [d@x.org] | [d]
-- 5 | [ E F] | [e@x.org] | [e]
-- 6 | [a  b c] | [Upper@X.org] | [f]
