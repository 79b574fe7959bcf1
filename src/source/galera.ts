/**
 * What a GTID means on a node of Galera. Where the cluster numbers its transactions (wsrep_gtid_mode), a GTID
 * of its domain is the same on every node. Otherwise each node numbers its own log, and a GTID of one node
 * names another transaction, or none, on the next.
 */
import type {Connection} from '../db/connection.ts';
import {readVariables} from '../db/server.ts';

export interface GaleraGtids {
  /** The domain of the cluster's own GTIDs; null where every GTID is one node's own. */
  readonly clusterDomain: string | null;
  /** The domain of what is written on this node alone. */
  readonly localDomain: string;
}

/** @returns null where the server is no node of Galera */
export async function readGaleraGtids(connection: Connection): Promise<GaleraGtids | null> {
  return galeraGtids(
    await readVariables('source', connection, [
      'wsrep_on',
      'wsrep_gtid_mode',
      'wsrep_gtid_domain_id',
      'log_slave_updates',
      'gtid_domain_id',
    ]),
  );
}

/** By the server's variables. Pure. */
export function galeraGtids(variables: ReadonlyMap<string, string>): GaleraGtids | null {
  if (variables.get('wsrep_on') !== 'ON') return null;
  const domain = variables.get('wsrep_gtid_domain_id') ?? '';
  const localDomain = variables.get('gtid_domain_id') ?? '';
  const isShared =
    variables.get('wsrep_gtid_mode') === 'ON' &&
    variables.get('log_slave_updates') === 'ON' &&
    domain !== localDomain;
  return {clusterDomain: isShared ? domain : null, localDomain};
}

/**
 * The same place on another node of the cluster. What the node before had written on itself alone is unknown
 * here and is left out; what this node has written on itself alone is of no other node, and is passed over.
 * Pure.
 *
 * @param gtids the saved position
 * @param here.state the last of each domain and server in this node's log, `gtid_binlog_state`
 * @param here.end where this node's log ends, `gtid_binlog_pos`
 */
export function onThisNode(
  gtids: string,
  galera: GaleraGtids,
  here: {readonly state: string; readonly end: string},
): string {
  const logged = new Set(list(here.state).map(gtid => gtid.replace(/-\d+$/, '')));
  const kept = list(gtids).filter(gtid => {
    const domain = domainOf(gtid);
    if (domain === galera.clusterDomain) return true;
    return domain !== galera.localDomain && logged.has(gtid.replace(/-\d+$/, ''));
  });
  return [...kept, ...list(here.end).filter(gtid => domainOf(gtid) === galera.localDomain)].join(',');
}

export function ofDomain(gtids: string, domain: string): string {
  return list(gtids)
    .filter(gtid => domainOf(gtid) === domain)
    .join(',');
}

function domainOf(gtid: string): string {
  return gtid.split('-')[0] ?? '';
}

function list(gtids: string): string[] {
  return gtids
    .split(',')
    .map(gtid => gtid.trim())
    .filter(gtid => gtid !== '');
}
