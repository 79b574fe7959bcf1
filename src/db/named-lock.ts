/** Named locks: a server's own, which end with the connection that holds them. */
import {createHash} from 'node:crypto';
import {isRefusal} from '../apply/refusal.ts';
import {queryRows, type Connection} from './connection.ts';

/**
 * The lock's name. Locks are the server's, not a database's, hold 64 characters and don't tell `A` from
 * `a`: so that two databases or two streams never share one, a part of it is worked out from both.
 * Every version must give the same, or an old and a new one would both believe to lead.
 */
export function lockName(database: string, stream: string): string {
  const pair = createHash('sha256').update(`${database}\0${stream}`).digest('hex').slice(0, 16);
  return `laas-sync:${stream}:${pair}`;
}

/**
 * Asks for the lock, and waits for it. A server may refuse named locks altogether, as Percona's cluster does.
 *
 * @returns whether this connection has it
 * @throws SyncError where the connection is lost
 */
export async function getLock(connection: Connection, name: string, waitSeconds: number): Promise<boolean> {
  try {
    const [row] = await queryRows('target', connection, 'SELECT GET_LOCK(?, ?)', [name, waitSeconds]);
    return Number(row?.[0]) === 1;
  } catch (error) {
    if (isRefusal(error)) return false;
    throw error;
  }
}
