-- The writing account of docs/grants.md; it may migrate too, so that the first daemon makes the tables.
CREATE USER 'laas_writer'@'%' IDENTIFIED BY 'writer-for-compose-only';
GRANT SELECT, INSERT, UPDATE, DELETE ON `organizations`.* TO 'laas_writer'@'%';
GRANT CREATE, ALTER, REFERENCES ON `organizations`.* TO 'laas_writer'@'%';
