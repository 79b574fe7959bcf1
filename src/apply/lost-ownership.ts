/** Notices that the stored ownership is lost, because somebody emptied or dropped its tables. */
import type {Plan} from '../mapping/plan.ts';
import {quoteName} from '../mapping/quote.ts';
import {onlyRow} from '../db/counted.ts';
import {literal} from './sql-text.ts';

/**
 * Whether a stream that has written rows owns none, and the target has rows. A reconcile must then adopt them: an
 * update adopts its row, but a row that is not owned is never deleted.
 *
 * @throws what `query` throws
 */
export async function isOwnershipLost(
  query: (sql: string) => Promise<unknown[][]>,
  stream: string,
  {tables}: Pick<Plan, 'tables'>,
): Promise<boolean> {
  const owned = ['sync_owned', 'sync_owned_key'].map(
    table => `EXISTS (SELECT 1 FROM ${table} WHERE stream = ${literal(stream)})`,
  );
  const rows = tables.map(({target}) => `EXISTS (SELECT 1 FROM ${quoteName(target)})`);
  const [isLost] = onlyRow(await query(`SELECT NOT (${owned.join(' OR ')}) AND (${rows.join(' OR ')})`));
  return Number(isLost) === 1;
}
