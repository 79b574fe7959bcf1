/**
 * Retries rows that wait for a unique value: after each batch those whose value it may have freed, and when a
 * stream begins all of them, because a fault may have come before their turn.
 */
import type {Applier} from '../src/apply/applier.ts';
import {ChangeSet, REREAD} from '../src/apply/change-set.ts';
import type {WriterContext} from '../src/apply/writer-context.ts';
import type {Outcome} from '../src/apply/write-batch.ts';
import type {ApplyLock} from '../src/apply/apply-lock.ts';
import type {StreamTap} from '../src/apply/stream-tap.ts';
import {entityOf} from '../src/mapping/plan.ts';
import type {RequiredPosition} from '../src/source/watermark.ts';

/** A small number of rows, so that the stream gets its turns in between. */
const PAGE = 500;
/** Longer chains of rows that displace others are left to the next reconcile. */
const MAX_ROUNDS = 100;

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

/**
 * Retries the rows that wait for a value that these keys may have freed, or a row that was displaced for one of
 * them. The caller holds the lock.
 */
export async function retryFreed(
  {applier, writer, tap, need}: Omit<ConflictsDeps, 'lock'>,
  changes: ChangeSet,
  {evicted}: Outcome,
): Promise<void> {
  let retry = await applier.waitingFor(writer.session, changes, evicted);
  for (let rounds = 0; retry.size > 0 && rounds < MAX_ROUNDS; rounds++) {
    tap.applying(applier.plan, retry);
    const outcome = await applier.apply(writer, retry, {progress: null, follow: true, need});
    // A row that takes a value may have displaced others, for whose values more rows wait.
    retry = await applier.waitingFor(writer.session, null, outcome.evicted);
  }
}
