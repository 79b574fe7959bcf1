/**
 * Finds who waits for a lock of InnoDB. information_schema.innodb_trx is not used: the server refreshes it only
 * if nobody has read it for 100 ms, so that two tests that read it in turn may never see their waits.
 */
import type mysql from 'mysql2/promise';
import {query} from '../servers/databases.ts';
import {eventually} from './eventually.ts';

/** The ids of the connections that wait now. */
async function waiting(connection: mysql.Connection): Promise<number[]> {
  const [row] = await query(connection, 'SHOW ENGINE INNODB STATUS');
  return String(row?.['Status'])
    .split('\n---TRANSACTION ')
    .filter(transaction => transaction.includes('\nLOCK WAIT '))
    .map(transaction => Number(/(?:MariaDB|MySQL) thread id (\d+)/.exec(transaction)?.[1]));
}

/** @returns the id of the first waiting connection that `isOne` accepts */
export function untilWaiting(
  connection: mysql.Connection,
  isOne: (id: number) => boolean | Promise<boolean>,
): Promise<number> {
  return eventually(
    async () => {
      for (const id of await waiting(connection)) if (await isOne(id)) return id;
      return undefined;
    },
    {what: 'a wait for a lock'},
  );
}
