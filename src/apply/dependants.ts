/**
 * What hangs on users and institutes: memberships of those that go, and of those that enter, whose own
 * events are long past or were never written (docs/rules.md, Rows that enter or leave).
 */
import {readCounted} from '../db/counted.ts';
import type {Plan} from '../mapping/plan.ts';
import {keyOf, splitPair} from '../mapping/row.ts';
import {quoteName} from '../mapping/sql.ts';
import type {TargetTable} from '../mapping/tables.ts';
import type {Row} from '../mapping/values.ts';
import {rangeCondition, type SourceReader} from '../source/reader.ts';
import type {CarefulTransaction} from './careful-transaction.ts';
import {perTable, type PerTable} from './change-set.ts';
import {decideMemberships, type Knowledge, type Work} from './decide.ts';
import type {OwnershipView} from './ownership.ts';
import {inBatches} from './statements.ts';
import {ownedKey} from './transaction.ts';

const USERS_PER_READ = 500;
const MEMBERSHIPS_PER_PAGE = 5000;

export interface DependantsContext {
  readonly plan: Plan;
  readonly reader: SourceReader;
  readonly transaction: CarefulTransaction;
  readonly owned: OwnershipView;
  /** Brings what decides about rows of a table into {@link owned} and {@link dead}: theirs, and those that they hang on. */
  readonly loadKnowledge: (table: TargetTable, keys: readonly string[]) => Promise<void>;
  /** Brings ownership of more keys into {@link owned}. */
  readonly loadOwnership: (keys: Iterable<ReturnType<typeof ownedKey>>) => Promise<void>;
  /** Dead letters as they stand in this transaction. */
  readonly dead: () => PerTable<ReadonlySet<string>>;
  readonly mayDelete: boolean;
}

/** Removes our memberships of these users; tells whom memberships keep here: foreign ones, and ours that others refer to. */
export async function dropMembershipsOfUsers(
  context: DependantsContext,
  userIds: readonly string[],
): Promise<Set<string>> {
  const kept = new Set<string>();
  for (const slice of inBatches(userIds, USERS_PER_READ)) {
    const keys = await targetMemberships(context, `${name('userId')} IN (${slice.join(', ')})`);
    for (const key of await dropOwned(context, keys)) kept.add(splitPair(key).userId);
  }
  return kept;
}

/** The same for institutes, page by page, since an institute may have very many. */
export async function dropMembershipsOfInstitutes(
  context: DependantsContext,
  instituteIds: readonly string[],
): Promise<Set<string>> {
  const kept = new Set<string>();
  for (const instituteId of instituteIds) {
    let after: string | null = null;
    for (;;) {
      const where: string = `${name('instituteId')} = ${instituteId} AND ${rangeCondition(name('userId'), after, null)}`;
      const keys = await targetMemberships(context, where, MEMBERSHIPS_PER_PAGE);
      if ((await dropOwned(context, keys)).length > 0) kept.add(instituteId);
      const last = keys.at(-1);
      if (last === undefined || keys.length < MEMBERSHIPS_PER_PAGE) break;
      after = splitPair(last).userId;
    }
  }
  return kept;
}

/** Makes the memberships of these users what the source says now. */
export async function followUsers(context: DependantsContext, userIds: readonly string[]): Promise<void> {
  for (const slice of inBatches(userIds, USERS_PER_READ)) {
    const rows = await context.reader.membershipsOfUsers(slice);
    const keys = await targetMemberships(context, `${name('userId')} IN (${slice.join(', ')})`);
    await makeEqual(context, rows, keys);
  }
}

/** Makes the memberships of these institutes what the source says now. */
export async function followInstitutes(
  context: DependantsContext,
  instituteIds: readonly string[],
): Promise<void> {
  for (const instituteId of instituteIds) {
    let after: string | null = null;
    do {
      const {rows, last}: {rows: Row[]; last: string | null} = await context.reader.membershipsOfInstitute(
        instituteId,
        after,
        MEMBERSHIPS_PER_PAGE,
      );
      const where: string = `${name('instituteId')} = ${instituteId} AND ${rangeCondition(name('userId'), after, last)}`;
      await makeEqual(context, rows, await targetMemberships(context, where));
      after = last;
    } while (after !== null);
  }
}

async function makeEqual(
  context: DependantsContext,
  rows: readonly Row[],
  targetKeys: readonly string[],
): Promise<void> {
  const {plan, transaction, owned, mayDelete} = context;
  const wanted = new Map<string, Row | null>(targetKeys.map(key => [key, null]));
  for (const row of rows.toReversed()) {
    // Of several rows for one pair the first counts, so that it must be set last.
    const key = keyOf(row, plan.tables.institute_users.sourceKeyIndexes);
    if (key !== null) wanted.set(key, row);
  }
  const keys = [...wanted.keys()];
  await context.loadKnowledge('institute_users', keys);
  const work: Work = {
    upserts: perTable(() => []),
    deletes: perTable(() => []),
    deadLetters: [],
    settled: perTable(() => []),
    followUsers: [],
    followInstitutes: [],
  };
  const knowledge: Knowledge = {owned, dead: context.dead(), follow: false, mayDelete};
  decideMemberships(plan, wanted, knowledge, work, new Set(), new Set());
  await transaction.delete('institute_users', work.deletes.institute_users);
  await transaction.upsert('institute_users', work.upserts.institute_users);
  for (const letter of work.deadLetters) transaction.refuse(letter);
}

/** @returns the keys that stay: of foreign ones, and of those that cannot go */
async function dropOwned(context: DependantsContext, keys: readonly string[]): Promise<string[]> {
  await context.loadOwnership(keys.map(key => ownedKey('institute_users', key)));
  const isOwned = (key: string) => context.owned.has(ownedKey('institute_users', key));
  await context.transaction.delete('institute_users', keys.filter(isOwned));
  return keys.filter(key => !context.transaction.hasDeleted('institute_users', key));
}

async function targetMemberships(
  {transaction}: DependantsContext,
  where: string,
  limit?: number,
): Promise<string[]> {
  const [columns, from] = [`${name('instituteId')}, ${name('userId')}`, name('institute_users')];
  const query = (sql: string) => transaction.query(sql);
  const rows =
    limit === undefined
      ? await readCounted(query, {columns, from, where})
      : await query(
          `SELECT ${columns} FROM ${from} WHERE ${where} ORDER BY ${name('userId')} LIMIT ${limit}`,
        );
  return rows.map(([instituteId, userId]) => `${String(instituteId)}:${String(userId)}`);
}

const name = quoteName;
