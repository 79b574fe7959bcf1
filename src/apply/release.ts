/** Ends the ownership of rows that are not in the target any more. */
import type {EntityPlan} from '../mapping/entities.ts';
import type {RowKey} from '../mapping/key.ts';
import type {Applier} from './applier.ts';
import {fenceStatement} from './checkpoint.ts';
import {rollBack, runFenced, type Session} from './session.ts';

/**
 * To be called while nothing else writes.
 *
 * @param keys rows that no table of the entity holds
 * @throws SyncError if the target fails; nothing is changed then
 */
export async function release(
  applier: Applier,
  session: Session,
  entity: EntityPlan,
  keys: readonly RowKey[],
): Promise<void> {
  const owned = await applier.ownershipOf(session, want => keys.forEach(key => want(entity, key)));
  for (const key of keys) owned.delete(entity, key);
  const statements = owned.statements();
  if (statements.length === 0) return;
  try {
    await session.query('START TRANSACTION');
    for (const sql of statements) await session.query(sql);
    await runFenced(session, fenceStatement(applier.fence, null));
    await session.query('COMMIT');
    applier.fence.writes.committed();
  } catch (error) {
    await rollBack(session);
    throw error;
  } finally {
    applier.forget();
  }
}
