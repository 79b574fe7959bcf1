-- The account of haproxy's check, as docs/clusters.md has it.
CREATE USER 'haproxy_check'@'%' IDENTIFIED WITH caching_sha2_password BY '';
GRANT SELECT ON performance_schema.replication_group_members TO 'haproxy_check'@'%';
-- Shows laas-sync whether a member of the source still belongs to its group.
GRANT SELECT ON performance_schema.replication_group_members TO 'laas_reader'@'%';
