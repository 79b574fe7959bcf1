/** Dead letters, tried again: what could not be written before may go in now. */
import {ChangeSet, REREAD} from '../src/apply/change-set.ts';
import type {Worker} from './batch.ts';
import type {RepairOptions} from './repair.ts';

/** Rows that wait for each other's values go in together, or not at all. */
const RETRY_PAGE = 20_000;

/**
 * Tries every dead letter again, from the source's rows as they are now.
 *
 * @param deletes what a run may delete; left out, all that is to go may
 * @returns how many there were, and how many remain
 */
export async function retryDeadLetters(
  {applier, lock, tap}: Pick<RepairOptions, 'applier' | 'lock' | 'tap'>,
  {hands}: Pick<Worker, 'hands'>,
  deletes?: RepairOptions['deletes'],
): Promise<{retried: number; remaining: number}> {
  const query = (sql: string) => hands.session.query(sql);
  const {plan} = applier;
  await applier.deadLetters.recount(query);
  const retried = applier.deadLetters.count;
  for (const table of retried === 0 ? [] : plan.tables) {
    const entity = plan.entityOf[table.index];
    if (entity === undefined) continue;
    let after = '';
    for (;;) {
      const keys = await applier.deadLetters.page(table, after, RETRY_PAGE, query);
      if (keys.length === 0) break;
      after = keys.at(-1) ?? '';
      const changes = new ChangeSet(plan);
      for (const key of keys) changes.of(entity).set(key, null, REREAD);
      // As the source is now, which may be ahead of the stream: what it replays later ends in the same.
      await lock.stream(async () => {
        tap.applying(plan, changes);
        await applier.apply(hands, changes, {
          progress: null,
          follow: true,
          need: tap.need,
          ...(deletes === undefined ? {} : {deletes}),
        });
      });
    }
  }
  await applier.deadLetters.recount(query);
  return {retried, remaining: applier.deadLetters.count};
}
