/** A server's named locks, which end with the connection that holds them. */
import {createHash} from 'node:crypto';
import {isRefusal} from '../apply/refusal.ts';
import {queryRows, type Connection} from './connection.ts';

/**
 * Returns the lock's name. Locks belong to the server and not to a database, have at most 64 characters and
 * ignore case. Part of the name is therefore a hash, so that two databases or two streams never share one. Every
 * version must return the same name, or an old and a new one would both lead.
 */
export function lockName(database: string, stream: string): string {
  const pair = createHash('sha256').update(`${database}\0${stream}`).digest('hex').slice(0, 16);
  return `laas-sync:${stream}:${pair}`;
}

/**
 * Requests the lock, and waits for it. A server may refuse named locks altogether, as Percona's cluster does.
 *
 * @returns whether this connection has it
 * @throws SyncError if the connection is lost
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
