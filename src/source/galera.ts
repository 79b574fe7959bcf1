/**
 * The meaning of a GTID on a node of Galera. If the cluster numbers its transactions (wsrep_gtid_mode), a GTID of
 * its domain is the same on every node. Otherwise each node numbers its own log, and a GTID of one node names
 * another transaction, or none, on the next.
 */
import type {Connection} from '../db/connection.ts';
import {readVariables} from '../db/server.ts';

export interface GaleraGtids {
  /** The cluster numbers its transactions; otherwise every GTID belongs to one node. */
  readonly areShared: boolean;
  /** The domain of transactions that are written on this node alone. */
  readonly localDomain: string;
}

/** @returns null if the server is not a node of Galera */
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

/** Parses the server's variables. Pure. */
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
 * Returns the GTIDs of a saved position that the nodes share: their domain is in this node's log, and is not the
 * domain of transactions on this node alone. The domain is not compared with wsrep_gtid_domain_id, because a
 * cluster keeps the one with which it began. This node's log does not have the domain of transactions on the
 * previous node alone. Pure.
 *
 * @param gtids the saved position
 * @param state the last GTID of each domain and server in this node's log, `gtid_binlog_state`
 */
export function sharedGtids(gtids: string, {localDomain}: GaleraGtids, state: string): string {
  const shared = new Set(list(state).map(domainOf));
  shared.delete(localDomain);
  return list(gtids)
    .filter(gtid => shared.has(domainOf(gtid)))
    .join(',');
}

/**
 * Returns the same position for another node of the cluster. It leaves out transactions of this node alone,
 * because no other node has them. Pure.
 *
 * @param end the end of this node's log, `gtid_binlog_pos`
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
