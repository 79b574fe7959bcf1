#!/usr/bin/env bash
# Keeps a group of MySQL members together, for docker-compose.group.yml.
#
# Begins the group on the first member when no member is in it, and lets the others join. The first time it also
# creates the databases, over the primary, so that all members get the same rows. MEMBERS lists host:port, MYSQL_PWD
# is the password of root, and RECOVERY_PASSWORD becomes that of the account with which members read from each other.
#
# This suits one machine. In production, an operator begins a group again on its most advanced member.
set -u

read -ra members <<<"$MEMBERS"
folder=$(dirname "$0")
sql=${SQL_FOLDER:-/sql}
ready=${READY_FILE:-/tmp/ready}

# Runs the statements of standard input on a member.
on() {
  ${MYSQL_CLIENT:-mysql} --protocol=TCP --host="${1%:*}" --port="${1#*:}" --user="${MYSQL_USER:-root}" \
    --connect-timeout=3 --batch --skip-column-names 2>/dev/null
}

# Prints the state of a member in its group: ONLINE, RECOVERING, OFFLINE, ERROR, or nothing if it does not answer.
state() {
  on "$1" <<<'SELECT COALESCE((SELECT MEMBER_STATE FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@server_uuid), "OFFLINE")'
}

# The transactions with which a server initialized itself are its own, and would keep it out of the group.
prepare() {
  on "$1" <<SQL
RESET BINARY LOGS AND GTIDS;
SET SESSION sql_log_bin = 0;
CREATE USER IF NOT EXISTS 'group_recovery'@'%' IDENTIFIED BY '$RECOVERY_PASSWORD';
GRANT REPLICATION SLAVE ON *.* TO 'group_recovery'@'%';
CHANGE REPLICATION SOURCE TO SOURCE_USER = 'group_recovery', SOURCE_PASSWORD = '$RECOVERY_PASSWORD' FOR CHANNEL 'group_replication_recovery';
SQL
}

# Prints 1 if the member has been in the group before.
joined() {
  on "$1" <<<"SELECT @@GLOBAL.gtid_executed LIKE CONCAT('%', @@GLOBAL.group_replication_group_name, '%')"
}

join_group() {
  [ "$(joined "$1")" = 1 ] || prepare "$1"
  on "$1" <<<'STOP GROUP_REPLICATION; START GROUP_REPLICATION;'
}

begin_group() {
  [ "$(joined "$1")" = 1 ] || prepare "$1"
  on "$1" <<<'SET GLOBAL group_replication_bootstrap_group = ON; START GROUP_REPLICATION; SET GLOBAL group_replication_bootstrap_group = OFF;'
}

create_databases() {
  [ -z "$(on "$1" <<<"SHOW DATABASES LIKE 'organizations'")" ] || return 0
  on "$1" <"$folder/00-databases.sql" &&
    { echo 'USE laas;'; cat "$sql/01-laas.sql"; } | on "$1" &&
    on "$1" <"$sql/02-organizations.sql" &&
    on "$1" <"$folder/03-haproxy.sql"
}

while true; do
  online=() absent=() unknown=()
  for member in "${members[@]}"; do
    case $(state "$member") in
      ONLINE | RECOVERING) online+=("$member") ;;
      OFFLINE | ERROR) absent+=("$member") ;;
      *) unknown+=("$member") ;;
    esac
  done
  if [ ${#online[@]} -gt 0 ]; then
    for member in ${absent[@]+"${absent[@]}"}; do join_group "$member"; done
  elif [ ${#unknown[@]} -eq 0 ]; then
    begin_group "${members[0]}" && create_databases "${members[0]}"
  fi
  if [ ${#online[@]} -eq ${#members[@]} ]; then touch "$ready"; fi
  sleep "${INTERVAL_SECONDS:-3}"
done
