/**
 * Whether the source still belongs to its cluster. A node that its cluster has lost keeps the connections of its
 * replicas and sends heartbeats, so that a stream from it looks healthy and shows nothing new.
 */
import {queryRows, type Connection} from '../db/connection.ts';
import {readVariables, type ServerInfo} from '../db/server.ts';
import {SyncError} from '../errors.ts';

const MEMBERS = `SELECT MEMBER_STATE, MEMBER_ID = @@server_uuid FROM performance_schema.replication_group_members`;

/** Servers, by identity, that were seen as online members of their group. */
export type SeenMembers = Set<string>;

/** A node of Galera that is locked, or sends its data to another one, looks like a quiet source for this long. */
const STUCK_MS = 5000;

/** Whether a node of Galera applies what its cluster commits, from one check to the next. */
export class GaleraProgress {
  #committed = '';
  #sinceMs = 0;

  /** @returns why the node cannot be used now, or null */
  whyStuck(
    found: {readonly state: string; readonly committed: string; readonly waiting: number},
    nowMs: number,
  ): string | null {
    // A node that is Synced may be busy with one large transaction, as its whole cluster is.
    if (found.state === 'Synced' || found.waiting === 0 || found.committed !== this.#committed) {
      this.#committed = found.committed;
      this.#sinceMs = nowMs;
      return null;
    }
    return nowMs - this.#sinceMs >= STUCK_MS
      ? `the source is a node that applies nothing of what its cluster commits (wsrep_local_state_comment is ${found.state}): connect to a node that is Synced`
      : null;
  }
}

/**
 * @param seen remembers members, because a server that is not a member may have left its group on purpose
 * @returns why the source cannot be used now; null if it can, or if the account cannot see it
 * @throws SyncError, classified
 */
export async function whyNotMember(
  connection: Connection,
  {flavour, identity}: ServerInfo,
  seen: SeenMembers,
  progress: GaleraProgress,
): Promise<string | null> {
  if (flavour === 'mariadb') return whyNotInGalera(connection, progress);
  const members = await readMembers(connection);
  const own = members.find(({isOwn}) => isOwn);
  if (own?.state === 'ONLINE') seen.add(identity);
  return whyNotInGroup(members, seen.has(identity));
}

export interface Member {
  readonly state: string;
  readonly isOwn: boolean;
}

/** Parses what a member says of its group. Pure. */
export function whyNotInGroup(members: readonly Member[], wasOnline: boolean): string | null {
  const own = members.find(({isOwn}) => isOwn)?.state ?? 'OFFLINE';
  const lost = members.filter(({state}) => state === 'UNREACHABLE').length;
  if (own === 'ERROR' || (own === 'OFFLINE' && wasOnline))
    return `the source is a member that has left its group (its state is ${own}): connect to a member that is ONLINE`;
  if (lost > 0 && 2 * lost >= members.length)
    return `the source is a member that has lost the majority of its group (${lost} of ${members.length} members are unreachable)`;
  return null;
}

async function readMembers(connection: Connection): Promise<Member[]> {
  try {
    const rows = await queryRows('source', connection, MEMBERS);
    return rows.map(([state, isOwn]) => ({state: String(state), isOwn: Number(isOwn) === 1}));
  } catch (error) {
    // The account may not read it, or the server has no such table. Doctor reports the missing privilege.
    if (error instanceof SyncError && (error.code === 'access-denied' || error.errno === NO_SUCH_TABLE))
      return [];
    throw error;
  }
}

const NO_SUCH_TABLE = 1146;

async function whyNotInGalera(connection: Connection, progress: GaleraProgress): Promise<string | null> {
  if ((await readVariables('source', connection, ['wsrep_on'])).get('wsrep_on') !== 'ON') return null;
  const rows = await queryRows(
    'source',
    connection,
    `SHOW GLOBAL STATUS WHERE Variable_name IN
       ('wsrep_cluster_status', 'wsrep_last_committed', 'wsrep_local_recv_queue', 'wsrep_local_state_comment')`,
  );
  const found = new Map(rows.map(([name, value]) => [String(name).toLowerCase(), String(value)]));
  const status = found.get('wsrep_cluster_status') ?? '';
  if (status !== 'Primary')
    return `the source is a node that is not part of its cluster now (wsrep_cluster_status is ${status}): connect to a node that is`;
  const node = {
    state: found.get('wsrep_local_state_comment') ?? '',
    committed: found.get('wsrep_last_committed') ?? '',
    waiting: Number(found.get('wsrep_local_recv_queue') ?? 0),
  };
  return progress.whyStuck(node, performance.now());
}
