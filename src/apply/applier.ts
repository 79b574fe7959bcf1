/**
 * The way into the target: takes change sets, from the stream or from the reconciler, and writes each in
 * one transaction.
 */
import {setTimeout as delay} from 'node:timers/promises';
import type {Config} from '../config.ts';
import type {Plan} from '../mapping/plan.ts';
import {keyOf, pairOf, splitPair, type Pair} from '../mapping/row.ts';
import type {TargetTable} from '../mapping/tables.ts';
import type {Row} from '../mapping/values.ts';
import type {SourceReader} from '../source/reader.ts';
import type {Need} from '../source/watermark.ts';
import {asFound, EMPTY_CHANGE_SET, REREAD, type ChangeSet, type ParentChange} from './change-set.ts';
import {fenceStatement, type Fence, type Progress} from './checkpoint.ts';
import {DeadLetters} from './dead-letters.ts';
import {decide, type Work} from './decide.ts';
import {
  dropMembershipsOfInstitutes,
  dropMembershipsOfUsers,
  followInstitutes,
  followUsers,
  type DependantsContext,
} from './dependants.ts';
import {
  Ownership,
  ownedInstitute,
  ownedMembership,
  ownedUser,
  type OwnedKey,
  type OwnershipView,
} from './ownership.ts';
import {asIncompatible, isAboutRow, isDeadlock, rollBack, runFenced, type Session} from './session.ts';
import {CarefulTransaction, writeAtOnce, type Batch, type Outcome} from './transaction.ts';
import {formatPosition} from '../position/position.ts';

const DEADLOCK_RETRIES = 8;
const FIRST_RETRY_MS = 10;
/** Longer chains of rows that wait for each other are left to the next reconcile. */
const MAX_LINKS = 100;

export interface ApplyOptions {
  /** Where the stream stands after this; null leaves the checkpoint where it is. */
  readonly progress: Progress | null;
  /** Read memberships of users and institutes that enter; false where the change set holds them. */
  readonly follow: boolean;
  /** What reads of the source must see; null where the stream does not run. */
  readonly need: Need | null;
}

export interface ApplierDeps {
  readonly config: Pick<Config, 'deletes' | 'conflicts' | 'reconcile'>;
  readonly fence: Fence;
  readonly plan: Plan;
}

/** The connections that one writer works with; each writer has its own. */
export interface Hands {
  readonly session: Session;
  /** For what the log does not tell; over a connection to the source. */
  readonly reader: SourceReader;
  /** Waits until the reader sees what the stream was sent. */
  readonly untilSeen: (need: Need) => Promise<void>;
}

export class Applier {
  readonly #deps: ApplierDeps;
  readonly #ownership: Ownership;
  /** Replaced when a schema changed. */
  plan: Plan;
  readonly deadLetters: DeadLetters;
  /** How often a reconcile became owed: a run that began before the last time does not pay it. */
  timesOwed = 0;
  /** Tests stop or break a transaction here; production leaves it alone. */
  failpoint: ((place: 'before-commit' | 'after-commit') => Promise<void>) | undefined;

  constructor(deps: ApplierDeps) {
    this.#deps = deps;
    this.plan = deps.plan;
    this.#ownership = new Ownership(deps.fence.stream);
    this.deadLetters = new DeadLetters(deps.fence.stream);
  }

  get fence(): Fence {
    return this.#deps.fence;
  }

  /** Forgets what is in memory, after a connection was lost in the middle of something. */
  forget(): void {
    this.#ownership.clear();
  }

  /**
   * Writes a change set, all or nothing.
   *
   * Deadlocks are retried here, rows that the server refuses become dead letters; whatever else it
   * refuses is thrown, with nothing written, or (where the connection broke) with an outcome that only
   * the saved checkpoint tells.
   */
  async apply(hands: Hands, changes: ChangeSet, options: ApplyOptions): Promise<Outcome> {
    const {session} = hands;
    if (options.progress?.owesReconcile === true) this.timesOwed++;
    const whole = await this.#readMissing(hands, changes, options);
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#attempt(hands, whole, options, attempt > 0);
      } catch (error) {
        await rollBack(session);
        this.#ownership.clear();
        if (!isDeadlock(error) || attempt >= DEADLOCK_RETRIES) throw asIncompatible(error);
        await delay(FIRST_RETRY_MS * 2 ** attempt * (0.5 + Math.random()));
      }
    }
  }

  /** Rows that wait for a unique value which one of these changes may have freed. */
  async waitingFor(session: Session, changes: ChangeSet): Promise<ChangeSet> {
    if (this.deadLetters.count === 0) return EMPTY_CHANGE_SET;
    const query = (sql: string) => session.query(sql);
    // Who gets a value gives up another, for which the next one waits.
    const chain = async (table: 'institute' | 'user', keys: readonly string[]) => {
      const waiting = new Map<string, ParentChange>();
      for (let links = 0, next = keys; next.length > 0 && links < MAX_LINKS; links++) {
        const found = await this.deadLetters.waitingFor(table, next, query);
        next = found.filter(key => !waiting.has(key));
        for (const key of next) waiting.set(key, REREAD);
      }
      return waiting;
    };
    return {
      ...EMPTY_CHANGE_SET,
      institutes: await chain('institute', [...changes.institutes.keys()]),
      users: await chain('user', [...changes.users.keys()]),
    };
  }

  /** Which of these rows are ours. */
  ownershipOf(session: Session, keys: Iterable<OwnedKey>): Promise<OwnershipView> {
    return this.#ownership.view(keys, sql => session.query(sql));
  }

  /** Moves the checkpoint alone. */
  async saveProgress(session: Session, progress: Progress): Promise<void> {
    if (progress.owesReconcile) this.timesOwed++;
    await runFenced(session, fenceStatement(this.#deps.fence, progress));
  }

  async #attempt(
    hands: Hands,
    changes: ChangeSet,
    options: ApplyOptions,
    careful: boolean,
  ): Promise<Outcome> {
    const {session} = hands;
    const batch = await this.#prepare(session, changes, options);
    const {work} = batch;
    const simple =
      work.deletes.user.length +
        work.deletes.institute.length +
        work.followUsers.length +
        work.followInstitutes.length ===
        0 &&
      (work.deletes.institute_users.length === 0 ||
        !batch.plan.references.some(({referenced}) => referenced === 'institute_users'));
    if (simple && !careful) {
      try {
        const outcome = await writeAtOnce(session, batch);
        await this.#committed(session, batch, outcome);
        return outcome;
      } catch (error) {
        if (!isAboutRow(error)) throw error;
        await rollBack(session);
        batch.owned.rollback();
      }
    }
    const outcome = await this.#writeCarefully(hands, batch, options);
    await this.#committed(session, batch, outcome);
    return outcome;
  }

  async #committed(session: Session, batch: Batch, outcome: Outcome): Promise<void> {
    batch.owned.commit();
    const touched = Object.values(outcome.deadLetters).some(count => count > 0) || this.deadLetters.count > 0;
    if (touched) await this.deadLetters.recount(sql => session.query(sql));
  }

  async #prepare(session: Session, changes: ChangeSet, {progress, follow}: ApplyOptions): Promise<Batch> {
    const {config, fence} = this.#deps;
    const {plan} = this;
    const query = (sql: string) => session.query(sql);
    const pairs = Array.from(changes.memberships, ([key, row]) =>
      pairOf(plan.tables.institute_users, key, row),
    );
    const userIds = new Set(changes.users.keys());
    const instituteIds = new Set(changes.institutes.keys());
    for (const {userId, instituteId} of pairs) {
      userIds.add(userId);
      instituteIds.add(instituteId);
    }
    const dead = await this.deadLetters.known(
      {
        institute: instituteIds,
        user: userIds,
        institute_users: changes.memberships.keys(),
        user_auth: userIds,
      },
      query,
    );
    const owned = await this.#ownership.view(ownedKeys(userIds, instituteIds, pairs), query);
    const work: Work = decide(plan, changes, {owned, dead, follow, mayDelete: config.deletes === 'mirror'});
    return {
      plan,
      work,
      owned,
      dead,
      deadLetters: this.deadLetters,
      fence: fenceStatement(fence, progress),
      at: progress === null ? '' : formatPosition(progress.position),
      options: {newestWins: config.conflicts === 'newest', batchRows: config.reconcile.batchRows},
    };
  }

  async #writeCarefully(
    {session, reader, untilSeen}: Hands,
    batch: Batch,
    {follow, need}: ApplyOptions,
  ): Promise<Outcome> {
    const {work, owned, plan} = batch;
    const transaction = new CarefulTransaction(session, batch);
    const loadOwnership = async (keys: Iterable<OwnedKey>) =>
      owned.merge(await this.ownershipOf(session, keys));
    const context: DependantsContext = {
      plan,
      reader,
      transaction,
      owned,
      loadOwnership,
      loadParents: async memberships => {
        const pairs = memberships.map(splitPair);
        const userIds = new Set(pairs.map(({userId}) => userId));
        const instituteIds = new Set(pairs.map(({instituteId}) => instituteId));
        await loadOwnership(ownedKeys(userIds, instituteIds, pairs));
        const keys = {institute: instituteIds, user: userIds, institute_users: memberships, user_auth: []};
        const known = await this.deadLetters.known(keys, sql => session.query(sql));
        for (const table of ['institute', 'user', 'institute_users'] as const)
          for (const key of known[table]) batch.dead[table].add(key);
      },
      dead: () => transaction.deadNow(),
      mayDelete: this.#deps.config.deletes === 'mirror',
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
    await this.#deleteUnless(transaction, 'user', work.deletes.user, [
      ['institute_users', keptUsers],
      ['user_auth', new Set(held)],
    ]);
    await this.#deleteUnless(transaction, 'institute', work.deletes.institute, [
      ['institute_users', keptInstitutes],
    ]);
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
    await this.failpoint?.('before-commit');
    return transaction.commit();
  }

  /** A row whose dependants stay must stay too: a foreign key that cascades would take them along. */
  async #deleteUnless(
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

  /** Reads from the source what the log did not tell. */
  async #readMissing(
    {reader, untilSeen}: Hands,
    changes: ChangeSet,
    {need}: ApplyOptions,
  ): Promise<ChangeSet> {
    const {plan} = this;
    const isMissing = ({reread}: ParentChange) => reread;
    const mustRead =
      changes.pairsToRead.size > 0 ||
      [...changes.users.values()].some(isMissing) ||
      [...changes.institutes.values()].some(isMissing);
    if (!mustRead) return changes;
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
    const memberships = new Map<string, Row | null>(changes.memberships);
    for (const key of changes.pairsToRead) memberships.set(key, null);
    for (const row of (await reader.pairs([...changes.pairsToRead])).toReversed()) {
      memberships.set(keyOf(row, plan.tables.institute_users.sourceKeyIndexes) ?? '', row);
    }
    return {institutes, users, memberships, pairsToRead: new Set()};
  }
}

/** One by one, since there are thousands that nobody keeps. */
function* ownedKeys(
  userIds: Iterable<string>,
  instituteIds: Iterable<string>,
  pairs: Iterable<Pair>,
): Generator<OwnedKey> {
  for (const id of userIds) yield ownedUser(id);
  for (const id of instituteIds) yield ownedInstitute(id);
  for (const {instituteId, userId} of pairs) yield ownedMembership(instituteId, userId);
}

function ownedPair(key: string): OwnedKey {
  const {instituteId, userId} = splitPair(key);
  return ownedMembership(instituteId, userId);
}
