/** Whether an instance leads a stream now, for commands that do not hold the lease. */
import {isRefusal} from '../apply/refusal.ts';
import {lockName} from './named-lock.ts';

/** Returns a row while the lease's row has a holder and has not expired. Its parameter is the stream. */
export const LEASE_IS_HELD = 'SELECT 1 FROM sync_lease WHERE stream = ? AND expires_at >= UTC_TIMESTAMP(3)';
/** Returns the connection that holds a named lock, or null. Its parameter is the lock's name. */
export const LOCK_HOLDER = 'SELECT IS_USED_LOCK(?)';

type Ask = (sql: string, values: readonly unknown[]) => Promise<readonly (readonly unknown[])[]>;

/**
 * A leader holds the lease's row, and on a single server the named lock as well. A version before 0005-lease
 * holds the lock alone.
 *
 * @param database the target's database, as the server spells it
 */
export async function isLed(ask: Ask, database: string, stream: string): Promise<boolean> {
  const answer = async (sql: string, value: string): Promise<unknown> => {
    try {
      const [row] = await ask(sql, [value]);
      return row?.[0] ?? null;
    } catch (error) {
      // The table came with 0005-lease, and some clusters refuse named locks.
      if (isRefusal(error)) return null;
      throw error;
    }
  };
  if ((await answer(LEASE_IS_HELD, stream)) !== null) return true;
  return (await answer(LOCK_HOLDER, lockName(database, stream))) !== null;
}
