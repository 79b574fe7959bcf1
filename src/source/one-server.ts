/**
 * Opens the source's connections of one run on one server. The source's address may lead each new connection to
 * another server: a name with several addresses, a proxy that distributes connections, a failover. Positions and
 * snapshots of two servers cannot be compared.
 */
import {readServerInfo, type ServerInfo} from '../db/server.ts';
import type {Connection} from '../db/connection.ts';
import {SyncError} from '../errors.ts';

/** How often a connection is opened, for an address that leads to one of a few servers. */
const MAX_OPENINGS = 20;

export interface Opened {
  readonly connection: Connection;
  readonly info: ServerInfo;
}

/**
 * Opens a connection to one server, and closes those that lead to another one.
 *
 * @param open opens a connection, which the caller also closes
 * @param server the identity of the server; null if any server will do
 * @throws SyncError `source-unreachable` if none of many connections leads there
 */
export async function connectTo(open: () => Promise<Connection>, server: string | null): Promise<Opened> {
  for (let opening = 1; opening <= MAX_OPENINGS; opening++) {
    const connection = await open();
    const info = await readServerInfo('source', connection);
    if (server === null || info.identity === server) return {connection, info};
    connection.destroy();
  }
  throw new SyncError(
    'source-unreachable',
    `the source's address leads to another server than the one that the stream or the run reads from (${MAX_OPENINGS} connections were opened)`,
  );
}
