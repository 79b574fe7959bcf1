/** Reads from the source what the log did not tell: rows whose images are not whole, pairs that may repeat. */
import type {Plan} from '../mapping/plan.ts';
import {keyOf} from '../mapping/row.ts';
import type {SourceRow} from '../mapping/packed.ts';
import type {Need} from '../source/watermark.ts';
import {asFound, type ChangeSet, type ParentChange} from './change-set.ts';
import type {Hands} from './hands.ts';

/** Whether anything of a change set is to be read from the source. */
export function isWhole({users, institutes, pairsToRead}: ChangeSet): boolean {
  if (pairsToRead.size > 0) return false;
  for (const parents of [users, institutes])
    for (const {reread} of parents.values()) if (reread) return false;
  return true;
}

/** @throws SyncError where the source fails */
export async function readMissing(
  {reader, untilSeen}: Hands,
  plan: Plan,
  changes: ChangeSet,
  need: Need | null,
): Promise<ChangeSet> {
  if (isWhole(changes)) return changes;
  if (need !== null) await untilSeen(need);
  const fill = async (table: 'users' | 'institutes', parents: ReadonlyMap<string, ParentChange>) => {
    const ids = [...parents].filter(([, {reread}]) => reread).map(([id]) => id);
    if (ids.length === 0) return parents;
    const found = new Map((await reader.byIds(table, ids)).map(row => [keyOf(row, [0]) ?? '', row]));
    const filled = new Map(parents);
    for (const id of ids)
      filled.set(id, {...asFound(found.get(id) ?? null), left: parents.get(id)?.left ?? false});
    return filled;
  };
  const institutes = await fill('institutes', changes.institutes);
  const users = await fill('users', changes.users);
  if (changes.pairsToRead.size === 0) return {...changes, institutes, users};
  const memberships = new Map<string, SourceRow | null>(changes.memberships);
  for (const key of changes.pairsToRead) memberships.set(key, null);
  for (const row of (await reader.pairs([...changes.pairsToRead])).toReversed()) {
    memberships.set(keyOf(row, plan.tables.institute_users.sourceKeyIndexes) ?? '', row);
  }
  return {institutes, users, memberships, pairsToRead: new Set()};
}
