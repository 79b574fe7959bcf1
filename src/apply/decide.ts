/**
 * Decides what a change set means for the target: which rows are written, which go, which wait. Pure.
 */
import type {Plan} from '../mapping/plan.ts';
import {judgeValues, pairOf} from '../mapping/row.ts';
import type {SourceRow} from '../mapping/packed.ts';
import {perTable, type ChangeSet, type PerTable} from './change-set.ts';
import type {NewDeadLetter} from './dead-letters.ts';
import {ownedInstitute, ownedMembership, ownedUser, type OwnershipView} from './ownership.ts';

/** A row that is to be written, as the source has it. */
export interface KeyedRow {
  readonly key: string;
  readonly source: SourceRow;
}

/** What one transaction does, before the server has had its say. */
export interface Work {
  readonly upserts: PerTable<KeyedRow[]>;
  readonly deletes: PerTable<string[]>;
  readonly deadLetters: NewDeadLetter[];
  /** Keys that are in order or gone, so that their dead letters go. */
  readonly settled: PerTable<string[]>;
  /** Users and institutes whose memberships are to be read from the source anew. */
  readonly followUsers: string[];
  readonly followInstitutes: string[];
}

export interface Knowledge {
  readonly owned: OwnershipView;
  /** Dead letters as they were before. */
  readonly dead: PerTable<ReadonlySet<string>>;
  /** Read the memberships of those who enter; false where the change set holds them. */
  readonly follow: boolean;
  /** `keep`: nothing is deleted. */
  readonly mayDelete: boolean;
}

export function decide(plan: Plan, changes: ChangeSet, knowledge: Knowledge): Work {
  const work: Work = {
    upserts: perTable(() => []),
    deletes: perTable(() => []),
    deadLetters: [],
    settled: perTable(() => []),
    followUsers: [],
    followInstitutes: [],
  };
  decideParents('institute', plan, changes, knowledge, work);
  decideParents('user', plan, changes, knowledge, work);
  decideMemberships(
    plan,
    changes.memberships,
    knowledge,
    work,
    new Set(work.followUsers),
    new Set(work.followInstitutes),
  );
  return work;
}

function decideParents(
  table: 'institute' | 'user',
  plan: Plan,
  changes: ChangeSet,
  {owned, dead, follow, mayDelete}: Knowledge,
  work: Work,
): void {
  const toFollow = table === 'user' ? work.followUsers : work.followInstitutes;
  const enforced = table === 'user' ? plan.parentsEnforced.users : plan.parentsEnforced.institutes;
  // Not by entries: they would be an object for each.
  (table === 'user' ? changes.users : changes.institutes).forEach((change, key) => {
    const {row} = change;
    const verdict = row === null ? 'ineligible' : judgeValues(plan.tables[table], row);
    const isOwned = owned.has(table === 'user' ? ownedUser(key) : ownedInstitute(key));
    if (row !== null && verdict === 'row') {
      const written = {key, source: row};
      work.upserts[table].push(written);
      const enters = !isOwned || dead[table].has(key);
      if (follow && (change.left || (enters && !(change.fresh && enforced)))) toFollow.push(key);
      if (table === 'user') take(work, 'user_auth', judgeValues(plan.tables.user_auth, row), written, dead);
    } else if (verdict !== 'row' && verdict !== 'ineligible') {
      work.deadLetters.push({table, key, code: verdict, detail: null});
    } else if (isOwned && mayDelete) {
      work.deletes[table].push(key);
    } else {
      // It is not ours, or it is kept as it is: nothing waits to be written any more.
      settle(work, table, key, dead);
      if (table === 'user') settle(work, 'user_auth', key, dead);
    }
  });
}

/** Memberships whose parents are followed are left out: they are read anew. */
export function decideMemberships(
  plan: Plan,
  memberships: ReadonlyMap<string, SourceRow | null>,
  {owned, dead, mayDelete}: Knowledge,
  work: Work,
  followedUsers: ReadonlySet<string>,
  followedInstitutes: ReadonlySet<string>,
): void {
  if (memberships.size === 0) return;
  const written = {user: keySet(work, 'user'), institute: keySet(work, 'institute')};
  const gone = {user: new Set(work.deletes.user), institute: new Set(work.deletes.institute)};
  const failing = {user: failedKeys(work, 'user'), institute: failedKeys(work, 'institute')};
  const parentState = (table: 'user' | 'institute', id: string): 'there' | 'waiting' | 'absent' => {
    if (failing[table].has(id)) return 'waiting';
    if (written[table].has(id)) return 'there';
    if (gone[table].has(id)) return 'absent';
    if (dead[table].has(id)) return 'waiting';
    return owned.has(table === 'user' ? ownedUser(id) : ownedInstitute(id)) ? 'there' : 'absent';
  };
  for (const [key, row] of memberships) {
    const {instituteId, userId} = pairOf(plan.tables.institute_users, key, row);
    if (followedUsers.has(userId) || followedInstitutes.has(instituteId)) continue;
    const verdict = row === null ? 'ineligible' : judgeValues(plan.tables.institute_users, row);
    const [user, institute] = [parentState('user', userId), parentState('institute', instituteId)];
    const isEligible = verdict !== 'ineligible';
    if (row !== null && isEligible && user === 'there' && institute === 'there') {
      take(work, 'institute_users', verdict, {key, source: row}, dead);
    } else if (isEligible && user !== 'absent' && institute !== 'absent') {
      // It waits with its parent, as it is; it is no dead letter itself.
      settle(work, 'institute_users', key, dead);
    } else if (owned.has(ownedMembership(instituteId, userId)) && mayDelete) {
      work.deletes.institute_users.push(key);
    } else {
      settle(work, 'institute_users', key, dead);
    }
  }
}

function take(
  work: Work,
  table: keyof PerTable<unknown>,
  verdict: ReturnType<typeof judgeValues>,
  row: KeyedRow,
  dead: Knowledge['dead'],
): void {
  if (verdict === 'row') work.upserts[table].push(row);
  else if (verdict === 'ineligible') settle(work, table, row.key, dead);
  else work.deadLetters.push({table, key: row.key, code: verdict, detail: null});
}

function settle(work: Work, table: keyof PerTable<unknown>, key: string, dead: Knowledge['dead']): void {
  if (dead[table].has(key)) work.settled[table].push(key);
}

function keySet(work: Work, table: 'user' | 'institute'): Set<string> {
  return new Set(work.upserts[table].map(({key}) => key));
}

/** Parents that became dead letters in this very batch. */
function failedKeys(work: Work, table: 'user' | 'institute'): Set<string> {
  return new Set(work.deadLetters.filter(letter => letter.table === table).map(({key}) => key));
}
