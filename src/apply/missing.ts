/** Reads from the source what the log did not hold: rows with incomplete images, and keys that may repeat. */
import type {Plan} from '../mapping/plan.ts';
import {sourceKey} from '../mapping/row.ts';
import type {RequiredPosition} from '../source/watermark.ts';
import {ChangeSet, INSERTED, LEFT, REREAD} from './change-set.ts';
import type {WriterContext} from './writer-context.ts';

/**
 * Returns a change set with nothing left to read.
 *
 * @throws SyncError if the source fails
 */
export async function readMissing(
  {reader, waitUntilVisible}: WriterContext,
  plan: Plan,
  changes: ChangeSet,
  need: RequiredPosition | null,
): Promise<ChangeSet> {
  if (changes.rereads === 0) return changes;
  if (need !== null) await waitUntilVisible(need);
  const whole = new ChangeSet(plan);
  for (const entity of plan.entities) {
    const own = whole.of(entity);
    const wanted: string[] = [];
    changes.of(entity).forEach((row, key, flags) => {
      if ((flags & REREAD) === 0) return own.set(key, row, flags);
      wanted.push(key);
      own.set(key, null, flags & (LEFT | INSERTED));
    });
    if (wanted.length === 0) continue;
    const seen = new Set<string>();
    for (const row of await reader.byKeys(entity, wanted)) {
      const key = sourceKey(entity, row);
      // Of several rows with one key, the first counts.
      if (key === null || seen.has(key) || !own.has(key)) continue;
      seen.add(key);
      own.set(key, row, own.flagsOf(key));
    }
  }
  return whole;
}
