/**
 * Writes a batch step by step, in one transaction: where the server refused a row of it, and where rows go or
 * enter whose dependants the log does not tell.
 */
import {splitPair} from '../mapping/row.ts';
import {TARGET_TABLES, type TargetTable} from '../mapping/tables.ts';
import type {Need} from '../source/watermark.ts';
import {CarefulTransaction} from './careful-transaction.ts';
import {
  dropMembershipsOfInstitutes,
  dropMembershipsOfUsers,
  followInstitutes,
  followUsers,
  type DependantsContext,
} from './dependants.ts';
import type {Allowance} from './delete-budget.ts';
import {evict, staleAmong} from './giving-way.ts';
import type {Hands} from './hands.ts';
import {ownedMembership, type OwnedKey, type OwnedKeys, type OwnershipView} from './ownership.ts';
import type {Session} from './session.ts';
import type {Batch, Outcome} from './transaction.ts';

export interface CarefulOptions {
  /** Read memberships of users and institutes that enter; false where the change set holds them. */
  readonly follow: boolean;
  /** What reads of the source must see; null where the stream does not run. */
  readonly need: Need | null;
  /** What the transaction may delete; null where that is not limited. */
  readonly allowance: Allowance | null;
  readonly ownershipOf: (session: Session, keys: Iterable<OwnedKey> | OwnedKeys) => Promise<OwnershipView>;
}

/** @throws SyncError where a server fails, TooManyDeletesError; the transaction is then to be rolled back */
export async function writeCarefully(
  {session, reader, untilSeen}: Hands,
  batch: Batch,
  {follow, need, allowance, ownershipOf}: CarefulOptions,
): Promise<Outcome> {
  const {work, owned, plan} = batch;
  const transaction = new CarefulTransaction(
    session,
    batch,
    {
      stale: (table, keys) => staleAmong(context, table, keys),
      evict: (table, keys) => evict(context, table, keys),
    },
    allowance,
  );
  const loadOwnership = async (keys: Iterable<OwnedKey> | OwnedKeys) =>
    owned.merge(await ownershipOf(session, keys));
  const context: DependantsContext = {
    plan,
    reader,
    transaction,
    owned,
    loadOwnership,
    loadKnowledge: async (table, keys) => {
      const pairs = table === 'institute_users' ? keys.map(splitPair) : [];
      const userIds = table === 'user' || table === 'user_auth' ? keys : pairs.map(({userId}) => userId);
      const instituteIds = table === 'institute' ? keys : pairs.map(({instituteId}) => instituteId);
      await loadOwnership({userIds: new Set(userIds), instituteIds: new Set(instituteIds), pairs});
      const known = await batch.deadLetters.known(
        {
          institute: new Set(instituteIds),
          user: new Set(userIds),
          institute_users: table === 'institute_users' ? keys : [],
          user_auth: table === 'user_auth' ? keys : [],
        },
        sql => session.query(sql),
      );
      for (const one of TARGET_TABLES) for (const key of known[one]) batch.dead[one].add(key);
    },
    dead: () => transaction.deadNow(),
    mayDelete: batch.mayDelete,
  };
  if (need !== null && work.followUsers.length + work.followInstitutes.length > 0) await untilSeen(need);
  await transaction.begin();
  const keptInstitutes = await dropMembershipsOfInstitutes(context, work.deletes.institute);
  const keptUsers = await dropMembershipsOfUsers(context, work.deletes.user);
  await transaction.delete(
    'institute_users',
    work.deletes.institute_users.filter(key => owned.has(ownedPair(key))),
  );
  await transaction.delete('user_auth', work.deletes.user);
  const held = work.deletes.user.filter(key => transaction.hasFailed('user_auth', key));
  await deleteUnless(transaction, 'user', work.deletes.user, [
    ['institute_users', keptUsers],
    ['user_auth', new Set(held)],
  ]);
  await deleteUnless(transaction, 'institute', work.deletes.institute, [['institute_users', keptInstitutes]]);
  await transaction.upsert('institute', work.upserts.institute);
  await transaction.upsert('user', work.upserts.user);
  const isThere = (table: 'user' | 'institute', id: string) => !transaction.hasFailed(table, id);
  if (follow) {
    await followInstitutes(
      context,
      work.followInstitutes.filter(id => isThere('institute', id)),
    );
    await followUsers(
      context,
      work.followUsers.filter(id => isThere('user', id)),
    );
  }
  await transaction.upsert(
    'institute_users',
    work.upserts.institute_users.filter(
      ({key}) => isThere('user', splitPair(key).userId) && isThere('institute', splitPair(key).instituteId),
    ),
  );
  await transaction.upsert(
    'user_auth',
    work.upserts.user_auth.filter(({key}) => isThere('user', key)),
  );
  return transaction.commit();
}

/** A row whose dependants stay must stay too: a foreign key that cascades would take them along. */
async function deleteUnless(
  transaction: CarefulTransaction,
  table: 'user' | 'institute',
  keys: readonly string[],
  kept: readonly (readonly [TargetTable, ReadonlySet<string>])[],
): Promise<void> {
  for (const [detail, held] of kept)
    for (const key of held)
      if (!transaction.hasFailed(table, key))
        transaction.refuse({table, key, code: 'delete-blocked', detail});
  await transaction.delete(
    table,
    keys.filter(key => !transaction.hasFailed(table, key)),
  );
}

function ownedPair(key: string): OwnedKey {
  const {instituteId, userId} = splitPair(key);
  return ownedMembership(instituteId, userId);
}
