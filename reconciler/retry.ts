/** Retries dead letters: rows that could not be written before may be written now. */
import {ChangeSet, REREAD} from '../src/apply/change-set.ts';
import type {Worker} from './batch.ts';
import type {RepairOptions} from './repair.ts';

/** Rows that wait for each other's values are written together, or not at all. */
const RETRY_PAGE = 20_000;

/**
 * Retries every dead letter, from the current rows of the source.
 *
 * @param deletes what a run may delete; without it, deletes have no limit
 * @returns how many dead letters there were, and how many remain
 */
export async function retryDeadLetters(
  {applier, lock, tap}: Pick<RepairOptions, 'applier' | 'lock' | 'tap'>,
  {writer}: Pick<Worker, 'writer'>,
  deletes?: RepairOptions['deletes'],
): Promise<{retried: number; remaining: number}> {
  const {query} = writer.session;
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
      // The rows are current, and may be ahead of the stream. What the stream replays later ends in the same
      // state.
      await lock.exclusive(async () => {
        tap.applying(plan, changes);
        await applier.apply(writer, changes, {
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
