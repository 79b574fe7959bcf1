/** Stale rows of ours, and how they leave the target where another row needs their place. */
import {splitPair} from '../mapping/row.ts';
import type {TargetTable} from '../mapping/tables.ts';
import {dropMembershipsOfInstitutes, dropMembershipsOfUsers, type DependantsContext} from './dependants.ts';
import {ownedKey} from './transaction.ts';

/** Rows that are ours and wait with a dead letter, of their own or of the row that they hang on. */
export async function staleAmong(
  context: DependantsContext,
  table: TargetTable,
  keys: readonly string[],
): Promise<Set<string>> {
  if (!context.mayDelete) return new Set();
  await context.loadKnowledge(table, keys);
  const dead = context.dead();
  const waits = (key: string) => {
    if (dead[table].has(key)) return true;
    if (table === 'user_auth') return dead.user.has(key);
    if (table !== 'institute_users') return false;
    const {instituteId, userId} = splitPair(key);
    return dead.user.has(userId) || dead.institute.has(instituteId);
  };
  return new Set(keys.filter(key => context.owned.has(ownedKey(table, key)) && waits(key)));
}

/**
 * Removes rows with what hangs on them. Their dead letters stay.
 *
 * @returns those that cannot go, since something that is not ours refers to them: then all is to be undone
 */
export async function evict(
  context: DependantsContext,
  table: TargetTable,
  keys: readonly string[],
): Promise<string[]> {
  const {transaction} = context;
  const kept = new Set<string>();
  if (table === 'institute')
    for (const key of await dropMembershipsOfInstitutes(context, keys)) kept.add(key);
  if (table === 'user') {
    for (const key of await dropMembershipsOfUsers(context, keys)) kept.add(key);
    const had = new Set(keys.filter(key => transaction.hasFailed('user_auth', key)));
    await transaction.delete('user_auth', keys);
    for (const key of keys) if (!had.has(key) && transaction.hasFailed('user_auth', key)) kept.add(key);
  }
  const going = keys.filter(key => !kept.has(key));
  return [...kept, ...(await transaction.evict(table, going))];
}
