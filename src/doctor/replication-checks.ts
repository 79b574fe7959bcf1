/** Checks the source's place in its topology: its GTIDs, its server id and ours, and its own source. */
import {ok, mustFix, warning, type Finding} from './findings.ts';
import {isOn} from './binlog-settings.ts';
import {askAny, settingFix, variables, type Probe} from './probe.ts';

export async function checkGtids(probe: Probe): Promise<Finding[]> {
  if (probe.info.flavour === 'mariadb') return checkGaleraGtids(probe);
  const found = await variables(probe, ['gtid_mode', 'enforce_gtid_consistency']);
  if (probe.info.hasGtids) return [ok('source', 'gtid', 'gtid_mode is ON')];
  return [
    warning('source', 'gtid', {
      message: `gtid_mode is ${found.get('gtid_mode') ?? 'unknown'}`,
      why: 'a position by file and offset is valid on one server only: after a failover every row is compared again',
      fix:
        probe.platform === 'own'
          ? "SET PERSIST enforce_gtid_consistency = ON; SET PERSIST gtid_mode = OFF_PERMISSIVE; SET PERSIST gtid_mode = ON_PERMISSIVE; -- wait until SHOW STATUS LIKE 'ongoing_anonymous_transaction_count' is 0\nSET PERSIST gtid_mode = ON;"
          : `${settingFix(probe, 'enforce_gtid_consistency', 'ON')}; ${settingFix(probe, 'gtid_mode', 'ON', {restart: true})}`,
    }),
  ];
}

/** On a Galera cluster, GTIDs belong to the cluster only if it numbers its transactions. */
async function checkGaleraGtids(probe: Probe): Promise<Finding[]> {
  const names = ['wsrep_on', 'wsrep_gtid_mode', 'wsrep_gtid_domain_id', 'gtid_domain_id'];
  const found = await variables(probe, names);
  if (!isOn(found.get('wsrep_on'))) return [ok('source', 'gtid', 'MariaDB numbers every transaction')];
  const why =
    'a position is valid on one node only: when the application moves to another node of the cluster, every row is compared again';
  if (!isOn(found.get('wsrep_gtid_mode'))) {
    return [
      mustFix('source', 'gtid', {
        message: 'the source is a node of Galera, and wsrep_gtid_mode is OFF: each node numbers its own log',
        why,
        fix: 'on every node, in the configuration, and then a restart: wsrep_gtid_mode = ON, wsrep_gtid_domain_id = the same number on all nodes, gtid_domain_id = another number for each node, server_id = the same number on all nodes, log_slave_updates = ON',
      }),
    ];
  }
  if (found.get('wsrep_gtid_domain_id') === found.get('gtid_domain_id')) {
    return [
      mustFix('source', 'gtid', {
        message: `gtid_domain_id of this node is that of the cluster (${found.get('gtid_domain_id')})`,
        why: `transactions written on one node alone take numbers of the cluster; ${why}`,
        fix: 'on every node, in the configuration, and then a restart: gtid_domain_id = a different number on each node, other than wsrep_gtid_domain_id',
      }),
    ];
  }
  return [ok('source', 'gtid', 'the cluster numbers its transactions (wsrep_gtid_mode is ON)')];
}

/** The source refuses a dump if it has no server id; two replicas with one id disconnect each other. */
export async function checkServerId(probe: Probe, ours?: number): Promise<Finding[]> {
  const theirs = Number((await variables(probe, ['server_id'])).get('server_id') ?? 0);
  if (theirs === 0) {
    return [
      mustFix('source', 'server-id', {
        message: 'server_id of the source is 0',
        why: 'a server without an id refuses to send its log',
        fix: settingFix(probe, 'server_id', '1'),
      }),
    ];
  }
  if (ours === undefined) return [];
  const taken = {
    why: 'the source ends the stream of one replica when another connects with its id',
    fix: `set REPLICATION_SERVER_ID to a number that no server uses, such as ${ours - 1}`,
  };
  if (theirs === ours)
    return [mustFix('source', 'server-id', {message: `our server id ${ours} is the source's own`, ...taken})];
  const {rows} = await askAny(probe, ['SHOW REPLICAS', 'SHOW SLAVE HOSTS']);
  if (rows === null)
    return [ok('source', 'server-id', `our server id is ${ours}; this account cannot see who else uses it`)];
  if (rows.some(([id]) => Number(id) === ours))
    return [
      mustFix('source', 'server-id', {message: `a replica already uses our server id ${ours}`, ...taken}),
    ];
  return [ok('source', 'server-id', `our server id ${ours} is free`)];
}

/** A replica with log_replica_updates off has a log without its source's changes. */
export async function checkUpdatesLogged(probe: Probe): Promise<Finding[]> {
  const found = await variables(probe, ['log_replica_updates', 'log_slave_updates', 'wsrep_on']);
  const variable = found.has('log_replica_updates') ? 'log_replica_updates' : 'log_slave_updates';
  if (isOn(found.get(variable))) return [ok('source', 'replica-updates', `${variable} is ON`)];
  const fault = {
    why: 'the changes that it replicates from its own source are not in its log, so that laas-sync never sees them',
    fix: `${settingFix(probe, variable, 'ON', {restart: true})}; or replicate from its source`,
  };
  // What is written on other nodes reaches a Galera node as it reaches a replica.
  if (isOn(found.get('wsrep_on'))) {
    const message = `the source is a node of Galera, and ${variable} is OFF`;
    return [mustFix('source', 'replica-updates', {message, ...fault})];
  }
  switch (await isReplica(probe)) {
    case true:
      return [
        mustFix('source', 'replica-updates', {
          message: `the source is a replica, and ${variable} is OFF`,
          ...fault,
        }),
      ];
    case false:
      return [ok('source', 'replica-updates', `the source is not a replica (${variable} is OFF)`)];
    case null:
      return [
        warning('source', 'replica-updates', {
          message: `${variable} is OFF, and this account cannot see whether the source is a replica`,
          ...fault,
        }),
      ];
  }
}

/** A primary that is read-only, as after a switchover, sends only heartbeats: its stream looks healthy. */
export async function checkHeld(probe: Probe): Promise<Finding[]> {
  const found = await variables(probe, ['read_only', 'super_read_only']);
  const on = [...found].filter(([, value]) => isOn(value)).map(([name]) => name);
  if (on.length === 0 || (await isReplica(probe)) !== false) return [];
  return [
    warning('source', 'held', {
      message: `the source is read-only (${on.join(', ')}), and not a replica`,
      why: 'nobody writes to it: after a switchover it is the old server, and laas-sync never sees changes on the new one',
      fix: `set DB_HOST and DB_PORT to the server that the application writes to; or ${on
        .toReversed()
        .map(name => `SET GLOBAL ${name} = OFF;`)
        .join(' ')}`,
    }),
  ];
}

async function isReplica(probe: Probe): Promise<boolean | null> {
  const {rows} = await askAny(probe, ['SHOW REPLICA STATUS', 'SHOW SLAVE STATUS']);
  if (rows !== null) return rows.length > 0;
  // MariaDB shows these to everybody.
  if (probe.info.flavour !== 'mariadb') return null;
  const status = await askAny(probe, ["SHOW GLOBAL STATUS LIKE 'Slaves_connected'"]);
  const running = await askAny(probe, ["SHOW GLOBAL STATUS LIKE 'Slaves_running'"]);
  const position = (await variables(probe, ['gtid_slave_pos'])).get('gtid_slave_pos') ?? '';
  if (status.rows === null && running.rows === null) return null;
  return Number(running.rows?.[0]?.[1] ?? 0) > 0 || position !== '';
}
