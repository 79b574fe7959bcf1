CREATE TABLE institutes (
  updated_at TIMESTAMP(3) NULL, imageUrl TEXT CHARACTER SET ucs2, id INT UNSIGNED NOT NULL PRIMARY KEY, kind ENUM('a', 'b,c'),
  name VARCHAR(200) CHARACTER SET sjis, created_at DATE
);
CREATE TABLE users (
  is_active BIT(1) NOT NULL DEFAULT b'1', last_name VARCHAR(80) CHARACTER SET cp1251, id BIGINT NOT NULL PRIMARY KEY, notes JSON,
  email VARCHAR(190) CHARACTER SET latin1, first_name CHAR(80) CHARACTER SET gbk, password VARBINARY(100), updated_at DATETIME, created_at DATETIME
);
CREATE TABLE institute_user (
  user_id BIGINT NOT NULL, status ENUM('active', 'inactive,really') CHARACTER SET latin1, institute_id INT UNSIGNED NOT NULL,
  user_type ENUM('teacher', 'admin') CHARACTER SET ucs2, updated_at DATETIME, created_at DATETIME, PRIMARY KEY (user_id, institute_id)
);
INSERT INTO institutes (id, name, imageUrl, created_at) VALUES (1, 'かな~学校', 'http://é', '2024-01-02');
INSERT INTO users (id, first_name, last_name, email, password) VALUES (1, '汉字 ', 'Жуков', 'é€@x.org', '$2b$');
