/**
 * One batch of a reconcile: read it from the source at a known place of the log, wait until the stream has
 * come there, compare it with the target, and repair the difference through the applier, leaving out what
 * the stream touched meanwhile.
 */
import type {Applier, Hands} from '../src/apply/applier.ts';
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
import type {Connection} from '../src/db/connection.ts';
import type {ServerInfo} from '../src/db/server.ts';
import {throwIfStopped} from '../src/errors.ts';
import {judge, splitPair, type Plan} from '../src/mapping/plan.ts';
import {quoteName, targetSelectList} from '../src/mapping/sql.ts';
import type {TargetTable} from '../src/mapping/tables.ts';
import {toRow, type Row} from '../src/mapping/values.ts';
import {rangeCondition, type SourceReader} from '../src/source/reader.ts';
import {endSnapshot, openSnapshot, sees, type Mark} from '../src/source/watermark.ts';
import {pause} from '../src/lifecycle/backoff.ts';
import {byTargetKey, diffTable, type TableDiff} from './diff.ts';
import {SCOPE_TABLES, type Range, type Scope} from './segments.ts';

/** What a worker has to itself. */
export interface Worker {
  readonly hands: Hands;
  /** The connection under the reader; snapshots are taken on it. */
  readonly source: Connection;
  readonly info: ServerInfo;
}

export interface BatchOptions {
  readonly applier: Applier;
  readonly tap: StreamTap;
  readonly lock: ApplyLock;
  readonly newestWins: boolean;
  /** Write rows that are equal, too. */
  readonly everyRow: boolean;
  readonly mayDelete: boolean;
  /** The target's tables were empty: nothing to compare with. */
  readonly targetIsEmpty: boolean;
}

/** What became of a batch, by table. */
export interface BatchOutcome {
  readonly compared: PerTable<number>;
  readonly repaired: PerTable<number>;
  readonly deleted: PerTable<number>;
  readonly deadLetters: PerTable<number>;
  readonly foreign: PerTable<number>;
  /** Ours, without an eligible source row, and not deleted since that was not allowed. */
  readonly toDelete: PerTable<number>;
}

export async function reconcileBatch(
  worker: Worker,
  scope: Scope,
  range: Range,
  options: BatchOptions,
  signal: AbortSignal,
): Promise<BatchOutcome> {
  const {tap, lock, applier} = options;
  const window = tap.open();
  try {
    const {rows, high} = await readSource(worker, scope, range, tap, signal);
    if (high !== null) await tap.reached(high, signal);
    throwIfStopped(signal);
    return await lock.chunk(() => repair(worker, applier.plan, scope, range, rows, window, options));
  } finally {
    window.close();
  }
}

interface SourceRows {
  readonly parents: readonly Row[];
  readonly memberships: readonly Row[];
}

async function readSource(
  {source, info, hands: {reader}}: Worker,
  scope: Scope,
  range: Range,
  tap: StreamTap,
  signal: AbortSignal,
): Promise<{rows: SourceRows; high: Mark['high']}> {
  for (;;) {
    throwIfStopped(signal);
    const stream = tap.position;
    const mark = await openSnapshot(source, info, signal);
    try {
      // A transaction can reach the stream before a snapshot shows it: then the snapshot is too old.
      if (stream === null || sees(mark, stream))
        return {rows: await readRows(reader, scope, range), high: mark.high};
    } finally {
      await endSnapshot(source);
    }
    await pause(5, signal);
  }
}

async function readRows(reader: SourceReader, scope: Scope, {after, to}: Range): Promise<SourceRows> {
  const parents = await reader.idRange(scope, after, to);
  return {parents, memberships: scope === 'users' ? await reader.membershipRange(after, to) : []};
}

/** Runs under the lock: the stream stands still. */
async function repair(
  worker: Worker,
  plan: Plan,
  scope: Scope,
  range: Range,
  rows: SourceRows,
  window: Window,
  options: BatchOptions,
): Promise<BatchOutcome> {
  const outcome: BatchOutcome = {
    compared: perTable(() => 0),
    repaired: perTable(() => 0),
    deleted: perTable(() => 0),
    deadLetters: perTable(() => 0),
    foreign: perTable(() => 0),
    toDelete: perTable(() => 0),
  };
  const changes = new Repairs();
  const drifted = options.targetIsEmpty
    ? takeAll(plan, scope, rows, window, changes, outcome)
    : await compare(worker, plan, scope, range, rows, window, changes, outcome, options);
  const set = changes.toChangeSet(window, rows.memberships, plan);
  if (isEmpty(set)) return outcome;
  const written = await options.applier.apply(worker.hands, set, {
    progress: null,
    follow: false,
    need: options.tap.need,
  });
  for (const table of SCOPE_TABLES[scope]) {
    const repaired = Math.min(written.upserted[table], drifted[table]);
    outcome.repaired[table] += repaired;
    outcome.compared[table] += repaired;
    outcome.deleted[table] += written.deleted[table];
    outcome.deadLetters[table] += written.deadLetters[table];
  }
  return outcome;
}

/** The way of a first load: nothing is there to compare with, and whatever is eligible is written. */
function takeAll(
  plan: Plan,
  scope: Scope,
  rows: SourceRows,
  window: Window,
  changes: Repairs,
  outcome: BatchOutcome,
): PerTable<number> {
  const drifted = perTable(() => 0);
  // A user's auth row comes and goes with it.
  for (const table of SCOPE_TABLES[scope].filter(name => name !== 'user_auth')) {
    for (const [key, row] of sourceRows(plan, table, rows)) {
      if (!touches(window, table, key)) {
        drifted[table]++;
        changes.set(table, key, row);
        continue;
      }
      for (const written of table === 'user' ? (['user', 'user_auth'] as const) : [table])
        if (judge(plan.tables[written], row).tag === 'row') outcome.compared[written]++;
    }
  }
  drifted.user_auth = drifted.user;
  return drifted;
}

function sourceRows(plan: Plan, table: TargetTable, rows: SourceRows): Map<string, Row> {
  return byTargetKey(plan, table, table === 'institute_users' ? rows.memberships : rows.parents);
}

/** @returns how many rows are not as they should be, by table */
async function compare(
  {hands}: Worker,
  plan: Plan,
  scope: Scope,
  range: Range,
  rows: SourceRows,
  window: Window,
  changes: Repairs,
  outcome: BatchOutcome,
  options: BatchOptions,
): Promise<PerTable<number>> {
  const sources = new Map<TargetTable, Map<string, Row>>();
  const diffs = new Map<TargetTable, TableDiff>();
  for (const table of SCOPE_TABLES[scope]) {
    const found = sourceRows(plan, table, rows);
    sources.set(table, found);
    const there = await readTarget(hands, plan, table, range);
    diffs.set(table, diffTable(plan.tables[table], found, there, options));
  }
  const keysOf = (table: TargetTable) => {
    const diff = diffs.get(table);
    return diff === undefined ? [] : [...diff.equal, ...diff.extra];
  };
  const owned = await options.applier.ownershipOf(
    hands.session,
    SCOPE_TABLES[scope].flatMap(table => keysOf(table).map(key => ownedKey(table, key))),
  );
  for (const [table, diff] of diffs) {
    const source = sources.get(table) ?? new Map<string, Row>();
    const isTouched = (key: string) => touches(window, table, key);
    const wanted = (
      options.everyRow
        ? [...diff.equal, ...diff.missing, ...diff.different, ...diff.invalid]
        : [...diff.missing, ...diff.different, ...diff.invalid]
    )
      // Equal and not ours yet: adopted.
      .concat(options.everyRow ? [] : diff.equal.filter(key => !owned.has(ownedKey(table, key))));
    for (const key of wanted) if (!isTouched(key)) changes.set(table, key, source.get(key) ?? null);
    outcome.compared[table] +=
      diff.equal.length + [...diff.missing, ...diff.different].filter(isTouched).length;
    for (const key of diff.extra) {
      if (isTouched(key)) continue;
      if (!owned.has(ownedKey(table, key))) outcome.foreign[table]++;
      else if (options.mayDelete) changes.remove(table, key);
      else outcome.toDelete[table]++;
    }
  }
  return perTable(table => {
    const diff = diffs.get(table);
    return diff === undefined ? 0 : diff.missing.length + diff.different.length;
  });
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

  remove(table: TargetTable, key: string): void {
    // A user_auth goes with its user; alone it is replaced.
    if (table !== 'user_auth') this.set(table, key, null);
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

async function readTarget(
  {session}: Hands,
  plan: Plan,
  table: TargetTable,
  {after, to}: Range,
): Promise<Row[]> {
  const column = table === 'institute' ? 'instituteId' : 'userId';
  const where = rangeCondition(`t.${quoteName(column)}`, after, to);
  const raw = await session.query(
    `SELECT ${targetSelectList(plan.tables[table])} FROM ${quoteName(table)} t WHERE ${where}`,
  );
  return raw.map(toRow);
}
