/**
 * Checks that the log comes from the server on which the position was checked. A proxy may lead each new connection
 * to another server in a failover, and an offset of one server means nothing on another.
 */
import {identityOf, type ServerInfo} from '../../src/db/server.ts';
import {SyncError} from '../../src/errors.ts';

/**
 * @param server the server on which the position was checked
 * @param rows the answer to IDENTITY_STATEMENT over the connection of the log
 * @returns the fault, or null. Pure.
 */
export function otherServer(
  {flavour, identity}: Pick<ServerInfo, 'flavour' | 'identity'>,
  rows: readonly object[],
): SyncError | null {
  const found = rows.map(row => Object.values(row).map(String));
  const variables = new Map(found.map(([name = '', value = '']) => [name, value]));
  if (identityOf(flavour, variables) === identity) return null;
  return new SyncError(
    'source-unreachable',
    "the source's address led to two servers within one attempt: connecting again",
    {answersAtOnce: true},
  );
}
