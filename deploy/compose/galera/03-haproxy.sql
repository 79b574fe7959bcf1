-- The account of haproxy's check, as docs/clusters.md has it.
CREATE USER 'haproxy_check'@'%' IDENTIFIED VIA mysql_native_password USING '';
