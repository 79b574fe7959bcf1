/** Checks the place of a server in its cluster: Galera, Group Replication, and the writer of RDS and Aurora. */
import {isIP} from 'node:net';
import {queryRows} from '../db/connection.ts';
import {SyncError} from '../errors.ts';
import {isOn} from './binlog-settings.ts';
import {LIMIT_NAMES, limitFindings} from './cluster-limits.ts';
import {mustFix, ok, warning, type Finding} from './findings.ts';
import {ask, settingFix, variables, type Probe} from './probe.ts';

type Values = ReadonlyMap<string, string>;
const prefix = ({side}: Pick<Probe, 'side'>) => (side === 'source' ? 'DB' : 'ORG_DB');

/** @param host the address in the configuration */
export async function checkCluster(probe: Probe, host: string): Promise<Finding[]> {
  if (probe.platform !== 'own') return checkEndpoint(probe, host);
  return probe.info.flavour === 'mariadb' ? checkGalera(probe) : checkGroup(probe);
}

async function checkGalera(probe: Probe): Promise<Finding[]> {
  const found = await variables(probe, ['wsrep_on', ...LIMIT_NAMES]);
  if (!isOn(found.get('wsrep_on'))) return [];
  const rows = await queryRows(probe.side, probe.connection, "SHOW GLOBAL STATUS LIKE 'wsrep_%'");
  const status = new Map(rows.map(([name, value]) => [String(name).toLowerCase(), String(value ?? '')]));
  return [...galeraFindings(probe, status), ...limitFindings(probe, found)];
}

/** @param status the node's `wsrep_` status. Pure. */
export function galeraFindings(probe: Pick<Probe, 'side'>, status: Values): Finding[] {
  const {side} = probe;
  const of = (name: string) => status.get(name) ?? 'unknown';
  const elsewhere = `set ${prefix(probe)}_HOST to a node that is Synced, or to a proxy that checks wsrep_local_state (docs/clusters.md)`;
  if (of('wsrep_cluster_status') !== 'Primary' || !isOn(status.get('wsrep_ready'))) {
    return [
      mustFix(side, 'cluster', {
        message: `the node of Galera is not part of its cluster (wsrep_cluster_status is ${of('wsrep_cluster_status')}, wsrep_ready is ${of('wsrep_ready')})`,
        why: side === 'source' ? 'its rows and its log may be old' : 'it refuses every statement',
        fix: `${elsewhere}; if the whole cluster is down, on its most advanced node: SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'; -- if MariaDB refuses that because of its plugin wsrep_provider, restart that node with --wsrep-new-cluster`,
      }),
    ];
  }
  const state = of('wsrep_local_state_comment');
  const size = Number(of('wsrep_cluster_size'));
  return [
    state === 'Synced'
      ? ok(side, 'cluster', `the node of Galera is Synced, one of ${size}`)
      : warning(side, 'cluster', {
          message: `the node of Galera is not Synced (wsrep_local_state_comment is ${state})`,
          why: 'it lags behind the other nodes, or sends its data to one of them',
          fix: `wait until SHOW STATUS LIKE 'wsrep_local_state_comment' is Synced; or ${elsewhere}`,
        }),
    ...(size === 2
      ? [
          warning(side, 'cluster-size', {
            message: 'the cluster of Galera has two nodes',
            why: 'if one of them dies, the other one has no majority, and refuses every statement',
            fix: 'add a third node, or the arbitrator garbd',
          }),
        ]
      : []),
    ...(side === 'target' && Number(status.get('wsrep_local_cert_failures') ?? 0) > 0
      ? [
          warning(side, 'cluster-writers', {
            message: `writes on other nodes conflicted with writes on this node ${of('wsrep_local_cert_failures')} times since its start (wsrep_local_cert_failures)`,
            why: 'more than one node takes writes to the same rows; what the cluster rejects is rolled back and retried',
            fix: 'send the writes of all applications to one node (docs/clusters.md)',
          }),
        ]
      : []),
  ];
}

const MEMBERS =
  'SELECT MEMBER_STATE, MEMBER_ROLE, MEMBER_ID = @@server_uuid FROM performance_schema.replication_group_members';

export interface GroupMember {
  readonly state: string;
  readonly role: string;
  readonly isOwn: boolean;
}

async function checkGroup(probe: Probe): Promise<Finding[]> {
  const names = ['group_name', 'single_primary_mode', 'consistency', 'exit_state_action'];
  const found = await variables(probe, [...names.map(name => `group_replication_${name}`), ...LIMIT_NAMES]);
  if ((found.get('group_replication_group_name') ?? '') === '') return [];
  const {rows} = await ask(probe, MEMBERS).catch((error: unknown) => {
    if (error instanceof SyncError && error.code === 'access-denied') return {rows: null};
    throw error;
  });
  if (rows === null) {
    return [
      warning(probe.side, 'cluster', {
        message: 'this account cannot see the state of the group',
        why: 'a member that its group has lost is not recognised: it keeps its connections, and has no new rows',
        fix: `GRANT SELECT ON performance_schema.replication_group_members TO the account of ${prefix(probe)}_USERNAME;`,
      }),
    ];
  }
  const members = rows.map(([state, role, isOwn]) => ({
    state: String(state),
    role: String(role),
    isOwn: Number(isOwn) === 1,
  }));
  return [...groupFindings(probe, members, found), ...limitFindings(probe, found)];
}

/** @param found the member's variables. Pure. */
export function groupFindings(
  probe: Pick<Probe, 'side' | 'platform' | 'info'>,
  members: readonly GroupMember[],
  found: Values,
): Finding[] {
  const {side} = probe;
  const own = members.find(({isOwn}) => isOwn) ?? {state: 'OFFLINE', role: ''};
  const lost = members.filter(({state}) => state === 'UNREACHABLE').length;
  const primaries = members.filter(({role}) => role === 'PRIMARY').length;
  const elsewhere = `set ${prefix(probe)}_HOST to the primary, or to a proxy that follows it (docs/clusters.md)`;
  const fault = (message: string, why: string, fix: string) => [
    mustFix(side, 'cluster', {message, why, fix}),
  ];
  if (own.state !== 'ONLINE')
    return fault(
      `the member of the group is ${own.state}`,
      side === 'source' ? 'it has no new rows' : 'it refuses every write',
      `on the member: START GROUP_REPLICATION; or ${elsewhere}`,
    );
  if (lost > 0 && 2 * lost >= members.length)
    return fault(
      `the member has lost the majority of its group (${lost} of ${members.length} members are unreachable)`,
      'nothing can be committed in it',
      `repair the unreachable members; or ${elsewhere}`,
    );
  if (side === 'target' && own.role !== 'PRIMARY')
    return fault('the target is a SECONDARY member of its group', 'it refuses every write', elsewhere);
  return [
    ok(side, 'cluster', `the member of the group is ONLINE and ${own.role}, one of ${members.length}`),
    ...groupSettings(probe, found, primaries),
  ];
}

function groupSettings(
  probe: Pick<Probe, 'side' | 'platform' | 'info'>,
  found: Values,
  primaries: number,
): Finding[] {
  const {side} = probe;
  const findings: Finding[] = [];
  if (primaries > 1 || found.get('group_replication_single_primary_mode') === 'OFF')
    findings.push(
      warning(side, 'cluster-writers', {
        message: `the group has several primaries (group_replication_single_primary_mode is ${found.get('group_replication_single_primary_mode') ?? 'unknown'})`,
        why: 'writes on several members conflict, and cascades of foreign keys are not checked there',
        fix: 'SELECT group_replication_switch_to_single_primary_mode();',
      }),
    );
  if (found.get('group_replication_exit_state_action') === 'READ_ONLY')
    findings.push(
      warning(side, 'cluster-exit', {
        message: 'group_replication_exit_state_action is READ_ONLY',
        why: 'a member that its group has expelled still answers reads, with old rows',
        fix: settingFix(probe, 'group_replication_exit_state_action', 'OFFLINE_MODE'),
      }),
    );
  if (side === 'target' && found.get('group_replication_consistency') === 'EVENTUAL')
    findings.push(
      warning(side, 'cluster-consistency', {
        message: 'group_replication_consistency is EVENTUAL',
        why: 'a new primary answers before it has applied what the previous one committed, so that a position read from it may be an older one',
        fix: settingFix(probe, 'group_replication_consistency', 'BEFORE_ON_PRIMARY_FAILOVER'),
      }),
    );
  return findings;
}

/** By the documentation of RDS and Aurora: their failover changes the address behind the name. */
async function checkEndpoint(probe: Probe, host: string): Promise<Finding[]> {
  const found = await variables(probe, ['innodb_read_only', 'aurora_version']);
  return endpointFindings(probe, host, found);
}

/** @param found the server's variables. Pure. */
export function endpointFindings(
  probe: Pick<Probe, 'side' | 'platform'>,
  host: string,
  found: Values,
): Finding[] {
  const {side} = probe;
  const name = `${prefix(probe)}_HOST`;
  const isReader = probe.platform === 'aurora' && isOn(found.get('innodb_read_only'));
  if (isReader && side === 'source')
    return [
      mustFix(side, 'cluster', {
        message: 'the source is a reader of an Aurora cluster',
        why: 'a reader has no log of its own, and lags behind the writer',
        fix: `set ${name} to the cluster endpoint, which leads to the writer`,
      }),
    ];
  const wanted = probe.platform === 'aurora' ? 'the cluster endpoint' : 'the endpoint of the instance';
  if (isIP(host) !== 0)
    return [
      warning(side, 'cluster', {
        message: `${name} is an address`,
        why: 'a failover moves the name to another address, and this one then leads to the old server or to none',
        fix: `set ${name} to the name of ${wanted}`,
      }),
    ];
  if (/\.cluster-ro-/.test(host))
    return [
      mustFix(side, 'cluster', {
        message: `${name} is the reader endpoint of an Aurora cluster`,
        why: 'it leads to any reader',
        fix: `set ${name} to the cluster endpoint, which leads to the writer`,
      }),
    ];
  if (/\.proxy-/.test(host))
    return [
      mustFix(side, 'cluster', {
        message: `${name} is an RDS Proxy`,
        why: 'it gives one session of the server to several clients; laas-sync sets its sessions, holds a named lock and reads the log',
        fix: `set ${name} to the name of ${wanted}`,
      }),
    ];
  return [ok(side, 'cluster', 'the server is reached by name, so that a failover is followed')];
}
