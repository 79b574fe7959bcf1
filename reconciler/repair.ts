/**
 * Repairs one batch: waits until the stream has come to where the batch was read, compares it with the
 * target, and writes the difference through the applier, leaving out what the stream touched meanwhile.
 */
import type {Applier, ApplyOptions} from '../src/apply/applier.ts';
import type {Hands} from '../src/apply/hands.ts';
import {
  asFound,
  isEmpty,
  perTable,
  type ChangeSet,
  type ParentChange,
  type PerTable,
} from '../src/apply/change-set.ts';
import type {ApplyLock} from '../src/apply/mutex.ts';
import {ownedKey} from '../src/apply/transaction.ts';
import type {StreamTap, Window} from '../src/apply/stream-tap.ts';
import {readCounted} from '../src/db/counted.ts';
import {throwIfStopped} from '../src/errors.ts';
import type {Plan} from '../src/mapping/plan.ts';
import {judge, splitPair} from '../src/mapping/row.ts';
import {quoteName, targetSelectList} from '../src/mapping/sql.ts';
import type {TargetTable} from '../src/mapping/tables.ts';
import {toRow, type Row} from '../src/mapping/values.ts';
import {rangeCondition} from '../src/source/reader.ts';
import type {SourceBatch} from './batch.ts';
import {byTargetKey, diffTable, type TableDiff} from './diff.ts';
import {ownedMembershipsOf} from './stored-ownership.ts';
import {SCOPE_TABLES} from './segments.ts';

export interface RepairOptions {
  readonly applier: Applier;
  readonly tap: StreamTap;
  readonly lock: ApplyLock;
  readonly newestWins: boolean;
  /** Write rows that are equal, too. */
  readonly everyRow: boolean;
  /** Rows that are ours and should go are deleted; otherwise they are counted. */
  readonly mayDelete: boolean;
  /** SYNC_DELETES=keep: rows that are ours and have no source row stay, and are in order so. */
  readonly keeps: boolean;
  /** What the run may delete: see {@link ApplyOptions.deletes}. */
  readonly deletes: ApplyOptions['deletes'];
  /** The target's tables were empty: nothing to compare with. */
  readonly targetIsEmpty: boolean;
}

/** What became of a batch, by table. */
export interface RepairOutcome {
  readonly compared: PerTable<number>;
  readonly repaired: PerTable<number>;
  readonly deleted: PerTable<number>;
  readonly deadLetters: PerTable<number>;
  readonly foreign: PerTable<number>;
  /** Ours, without an eligible source row, and not deleted since that was not allowed. */
  readonly toDelete: PerTable<number>;
  /** Memberships that hang on institutes among those, whether they are counted there or not. */
  readonly underInstitutes: number;
  /** Ours, without an eligible source row, and kept. */
  readonly kept: PerTable<number>;
}

/**
 * Does the whole of a batch, and closes its window.
 *
 * @throws SyncError where a server fails; StoppedError when the signal is set; TooManyDeletesError, with
 *   nothing of the batch written
 */
export async function repairBatch(
  hands: Hands,
  batch: SourceBatch,
  options: RepairOptions,
  signal: AbortSignal,
): Promise<RepairOutcome> {
  const {tap, lock} = options;
  try {
    if (batch.high !== null) await tap.reached(batch.high, signal);
    throwIfStopped(signal);
    return await lock.chunk(() => new Repair(hands, batch, options).run());
  } finally {
    batch.window.close();
  }
}

/** One batch under repair. It runs under the lock: the stream stands still. */
class Repair {
  readonly #hands: Hands;
  readonly #batch: SourceBatch;
  readonly #options: RepairOptions;
  readonly #plan: Plan;
  readonly #tables: readonly TargetTable[];
  readonly #changes = new Repairs();
  /** Rows that are not as they should be: how many of a first load, and which of a target that holds some. */
  readonly #absent = perTable(() => 0);
  readonly #drifted = perTable((): string[] => []);
  readonly #outcome = {
    compared: perTable(() => 0),
    repaired: perTable(() => 0),
    deleted: perTable(() => 0),
    deadLetters: perTable(() => 0),
    foreign: perTable(() => 0),
    toDelete: perTable(() => 0),
    underInstitutes: 0,
    kept: perTable(() => 0),
  };

  constructor(hands: Hands, batch: SourceBatch, options: RepairOptions) {
    this.#hands = hands;
    this.#batch = batch;
    this.#options = options;
    this.#plan = options.applier.plan;
    this.#tables = SCOPE_TABLES[batch.scope];
  }

  async run(): Promise<RepairOutcome> {
    if (this.#options.targetIsEmpty) this.#takeAll();
    else await this.#compare();
    const {window, memberships} = this.#batch;
    const changes = this.#changes.toChangeSet(window, memberships, this.#plan);
    const outcome = this.#outcome;
    if (isEmpty(changes)) return outcome;
    const {applier, tap, deletes} = this.#options;
    const written = await applier.apply(this.#hands, changes, {
      progress: null,
      follow: false,
      need: tap.need,
      ...(deletes === undefined ? {} : {deletes}),
    });
    for (const table of this.#tables) {
      // Not those that wait with a dead letter, their own or a parent's.
      const repaired = this.#options.targetIsEmpty
        ? Math.min(written.upserted[table], this.#absent[table])
        : this.#drifted[table].filter(key => written.wrote(table, key)).length;
      outcome.repaired[table] += repaired;
      outcome.compared[table] += repaired;
      outcome.deleted[table] += written.deleted[table];
      outcome.deadLetters[table] += written.deadLetters[table];
    }
    return outcome;
  }

  /** The way of a first load: nothing is there to compare with, and whatever is eligible is written. */
  #takeAll(): void {
    const {window} = this.#batch;
    // A user's auth row comes and goes with it.
    for (const table of this.#tables.filter(name => name !== 'user_auth')) {
      for (const [key, row] of this.#sourceRows(table)) {
        if (!touches(window, table, key)) {
          this.#absent[table]++;
          this.#changes.set(table, key, row);
          continue;
        }
        for (const written of table === 'user' ? (['user', 'user_auth'] as const) : [table])
          if (judge(this.#plan.tables[written], row).tag === 'row') this.#outcome.compared[written]++;
      }
    }
    this.#absent.user_auth = this.#absent.user;
  }

  async #compare(): Promise<void> {
    const diffs: {table: TargetTable; source: Map<string, Row>; diff: TableDiff}[] = [];
    for (const table of this.#tables) {
      const source = this.#sourceRows(table);
      const there = await this.#targetRows(table);
      diffs.push({table, source, diff: diffTable(this.#plan.tables[table], source, there, this.#options)});
    }
    const owned = await this.#options.applier.ownershipOf(
      this.#hands.session,
      diffs.flatMap(({table, diff}) => [...diff.equal, ...diff.extra].map(key => ownedKey(table, key))),
    );
    /** Users and institutes that are counted as rows to delete. */
    const going = {user: new Set<string>(), institute: new Set<string>()};
    for (const {table, source, diff} of diffs) {
      const isOwned = (key: string) => owned.has(ownedKey(table, key));
      const isTouched = (key: string) => touches(this.#batch.window, table, key);
      const drifted = [...diff.missing, ...diff.different];
      // Equal and not ours yet: adopted.
      const rewritten = this.#options.everyRow ? diff.equal : diff.equal.filter(key => !isOwned(key));
      for (const key of [...drifted, ...diff.invalid, ...rewritten])
        if (!isTouched(key)) this.#changes.set(table, key, source.get(key) ?? null);
      for (const key of drifted) if (!isTouched(key)) this.#drifted[table].push(key);
      this.#outcome.compared[table] += diff.equal.length + drifted.filter(isTouched).length;
      for (const key of diff.extra) {
        if (isTouched(key)) continue;
        if (!isOwned(key)) this.#outcome.foreign[table]++;
        else this.#extra(table, key, table === 'user' || table === 'institute' ? going[table] : null);
      }
      if (table === 'institute_users' && !this.#options.mayDelete && !this.#options.keeps)
        this.#outcome.toDelete.institute_users += [...diff.equal, ...diff.different].filter(
          key => going.user.has(splitPair(key).userId) && isOwned(key) && !isTouched(key),
        ).length;
    }
    if (going.institute.size > 0)
      this.#outcome.underInstitutes = await this.#membershipsUnder(going.institute);
  }

  /** A row of ours that has no eligible source row. */
  #extra(table: TargetTable, key: string, going: Set<string> | null): void {
    if (this.#options.keeps) this.#outcome.kept[table]++;
    else if (this.#options.mayDelete) this.#changes.remove(table, key);
    else {
      this.#outcome.toDelete[table]++;
      going?.add(key);
    }
  }

  #membershipsUnder(instituteIds: ReadonlySet<string>): Promise<number> {
    const {stream} = this.#options.applier.fence;
    return ownedMembershipsOf(sql => this.#hands.session.query(sql), stream, instituteIds);
  }

  #sourceRows(table: TargetTable): Map<string, Row> {
    const {parents, memberships} = this.#batch;
    return byTargetKey(this.#plan, table, table === 'institute_users' ? memberships : parents);
  }

  async #targetRows(table: TargetTable): Promise<Row[]> {
    const {after, to} = this.#batch.range;
    const id = `t.${quoteName(table === 'institute' ? 'instituteId' : 'userId')}`;
    const raw = await readCounted(sql => this.#hands.session.query(sql), {
      columns: targetSelectList(this.#plan.tables[table]),
      from: `${quoteName(table)} t`,
      where: rangeCondition(id, after, to),
    });
    return raw.map(toRow);
  }
}

/** Whether the stream knows this row better than the batch does. */
function touches(window: Window, table: TargetTable, key: string): boolean {
  if (table === 'institute') return window.institutes.has(key);
  if (table !== 'institute_users') return window.users.has(key);
  const {instituteId, userId} = splitPair(key);
  return (
    window.memberships.has(key) || window.leftUsers.has(userId) || window.leftInstitutes.has(instituteId)
  );
}

/** A change set in the making. */
class Repairs {
  readonly #institutes = new Map<string, ParentChange>();
  readonly #users = new Map<string, ParentChange>();
  readonly #memberships = new Map<string, Row | null>();

  set(table: TargetTable, key: string, row: Row | null): void {
    if (table === 'institute') this.#institutes.set(key, asFound(row));
    else if (table === 'institute_users') this.#memberships.set(key, row);
    // A user and its user_auth are one row of the source.
    else this.#users.set(key, asFound(row));
  }

  /**
   * A user_auth row goes with its user, whether the user's own row is still there or not: both belong to one
   * row of the source, which does not have it any more.
   */
  remove(table: TargetTable, key: string): void {
    this.set(table, key, null);
  }

  /**
   * A membership that the stream saw before its user was here was passed over by it. So those of users
   * written now are looked up anew.
   */
  toChangeSet(window: Window, memberships: readonly Row[], plan: Plan): ChangeSet {
    const pairsToRead = new Set<string>();
    for (const key of window.memberships) if (this.#users.has(splitPair(key).userId)) pairsToRead.add(key);
    for (const row of memberships) {
      // Its institute was replaced meanwhile: what the batch read of it may be gone.
      const [instituteId, userId] = [
        row[plan.sources.institute_user.columns.indexOf('institute_id')],
        row[plan.sources.institute_user.columns.indexOf('user_id')],
      ];
      if (
        typeof instituteId === 'string' &&
        typeof userId === 'string' &&
        window.leftInstitutes.has(instituteId) &&
        this.#users.has(userId)
      ) {
        pairsToRead.add(`${instituteId}:${userId}`);
      }
    }
    return {institutes: this.#institutes, users: this.#users, memberships: this.#memberships, pairsToRead};
  }
}
