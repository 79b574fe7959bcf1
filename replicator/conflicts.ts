/** Retries rows that wait for a unique value when a stream begins: a fault may have come before their turn. */
import type {Applier} from '../src/apply/applier.ts';
import {ChangeSet, REREAD} from '../src/apply/change-set.ts';
import type {WriterContext} from '../src/apply/writer-context.ts';
import type {ApplyLock} from '../src/apply/apply-lock.ts';
import type {StreamTap} from '../src/apply/stream-tap.ts';
import {entityOf} from '../src/mapping/plan.ts';
import type {RequiredPosition} from '../src/source/watermark.ts';

/** A small number of rows, so that the stream gets its turns in between. */
const PAGE = 500;

export interface ConflictsDeps {
  readonly applier: Applier;
  readonly writer: WriterContext;
  readonly lock: ApplyLock;
  readonly tap: StreamTap;
  /** The position that reads of the source must cover. */
  readonly need: RequiredPosition;
}

/**
 * Retries all of them, if that is due, while the stream runs.
 *
 * @throws SyncError if a server fails; the retry then stays due
 */
export async function retryConflicts(
  {applier, writer, lock, tap, need}: ConflictsDeps,
  signal: AbortSignal,
): Promise<void> {
  if (!applier.mustRetryConflicts) return;
  const {plan} = applier;
  for (const table of plan.tables) {
    let after: string | null = '';
    while (after !== null && !signal.aborted) {
      const from: string = after;
      after = await lock.exclusive(async () => {
        if (applier.deadLetters.count === 0) return null;
        const keys = await applier.deadLetters.conflicts(table, from, PAGE, writer.session.query);
        const last = keys.at(-1);
        if (last === undefined) return null;
        const changes = new ChangeSet(plan);
        for (const key of keys) changes.of(entityOf(plan, table)).set(key, null, REREAD);
        tap.applying(plan, changes);
        await applier.apply(writer, changes, {progress: null, follow: true, need: tap.need ?? need});
        return last;
      });
    }
  }
  if (!signal.aborted) applier.mustRetryConflicts = false;
}
