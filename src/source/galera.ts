/**
 * What a GTID means on a node of Galera. Where the cluster numbers its transactions (wsrep_gtid_mode), a GTID
 * of its domain is the same on every node. Otherwise each node numbers its own log, and a GTID of one node
 * names another transaction, or none, on the next.
 */
import type {Connection} from '../db/connection.ts';
import {readVariables} from '../db/server.ts';

export interface GaleraGtids {
  /** The cluster numbers its transactions; otherwise every GTID is one node's own. */
  readonly areShared: boolean;
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
  const localDomain = variables.get('gtid_domain_id') ?? '';
  const areShared =
    variables.get('wsrep_gtid_mode') === 'ON' &&
    variables.get('log_slave_updates') === 'ON' &&
    variables.get('wsrep_gtid_domain_id') !== localDomain;
  return {areShared, localDomain};
}

/**
 * Those of a saved position that the nodes share: their domain is in this node's log, and is not the one of
 * what this node writes on itself alone. The domain is not looked up in wsrep_gtid_domain_id, since a cluster
 * keeps the one with which it began. What the node before wrote on itself alone is in a domain that this
 * node's log does not know. Pure.
 *
 * @param gtids the saved position
 * @param state the last of each domain and server in this node's log, `gtid_binlog_state`
 */
export function sharedGtids(gtids: string, {localDomain}: GaleraGtids, state: string): string {
  const shared = new Set(list(state).map(domainOf));
  shared.delete(localDomain);
  return list(gtids)
    .filter(gtid => shared.has(domainOf(gtid)))
    .join(',');
}

/**
 * The same place on another node of the cluster. What this node has written on itself alone is of no other
 * node, and is passed over. Pure.
 *
 * @param end where this node's log ends, `gtid_binlog_pos`
 */
export function onThisNode(
  gtids: string,
  galera: GaleraGtids,
  {state, end}: {readonly state: string; readonly end: string},
): string {
  const passed = list(end).filter(gtid => domainOf(gtid) === galera.localDomain);
  return [...list(sharedGtids(gtids, galera, state)), ...passed].join(',');
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
