/**
 * Repairs one batch: waits until the stream has reached the position at which the batch was read, compares the
 * batch with the target, and writes the difference through the applier, except for the rows that the stream
 * touched meanwhile.
 */
import type {Applier, ApplyOptions} from '../src/apply/applier.ts';
import {ChangeSet} from '../src/apply/change-set.ts';
import type {WriterContext} from '../src/apply/writer-context.ts';
import type {ApplyLock} from '../src/apply/apply-lock.ts';
import type {StreamTap} from '../src/apply/stream-tap.ts';
import {throwIfStopped} from '../src/errors.ts';
import type {TablePlan} from '../src/mapping/columns.ts';
import {parentKeyOf, type EntityPlan} from '../src/mapping/entities.ts';
import type {RowKey} from '../src/mapping/key.ts';
import {perTable, type PerTable, type Plan} from '../src/mapping/plan.ts';
import {judge} from '../src/mapping/row.ts';
import type {Row} from '../src/mapping/values.ts';
import type {SourceBatch} from './batch.ts';
import {countDependants} from './count-dependants.ts';
import {bySourceKey, diffTable, type TableDiff} from './diff.ts';
import {withOrphans, type OrphanDeps} from './orphans.ts';
import {parentKeyOfTarget, targetRows, targetRowsByKey} from './target-rows.ts';
import {readDeadKeys} from './waiting.ts';

export interface RepairOptions {
  readonly applier: Applier;
  readonly tap: StreamTap;
  readonly lock: ApplyLock;
  readonly newestWins: boolean;
  /** Write equal rows, too. */
  readonly everyRow: boolean;
  /** Delete owned rows that have no source row; otherwise they are counted. */
  readonly mayDelete: boolean;
  /** SYNC_DELETES=keep: owned rows without a source row stay, and count as equal. */
  readonly keeps: boolean;
  /** What the run may delete: see {@link ApplyOptions.deletes}. */
  readonly deletes: ApplyOptions['deletes'];
  /** The target's tables were empty, so there is nothing to compare with. */
  readonly targetIsEmpty: boolean;
}

/** The result of a batch, by table. */
export interface RepairOutcome {
  readonly compared: PerTable<number>;
  readonly repaired: PerTable<number>;
  readonly deleted: PerTable<number>;
  readonly deadLetters: PerTable<number>;
  readonly foreign: PerTable<number>;
  /** Owned rows without an eligible source row that were not deleted, because deletes were not allowed. */
  readonly toDelete: PerTable<number>;
  /** Rows of other tables that depend on those, whether they are counted there or not. */
  readonly underParents: PerTable<number>;
  /** Owned rows without an eligible source row that are kept. */
  readonly kept: PerTable<number>;
}

/**
 * Repairs a whole batch, and closes its window.
 *
 * @returns null if the batch must be read again, because ancestors above its parents were deleted meanwhile
 * @throws SyncError if a server fails; StoppedError when the signal is set; TooManyDeletesError, with
 *   nothing of the batch written
 */
export async function repairBatch(
  writer: WriterContext,
  batch: SourceBatch,
  options: RepairOptions,
  signal: AbortSignal,
): Promise<RepairOutcome | null> {
  const {tap, lock} = options;
  try {
    tap.assertReads(batch.server);
    if (batch.high !== null) await tap.reached(batch.high, signal);
    throwIfStopped(signal);
    return await lock.shared(() =>
      hasLostAncestor(batch) ? Promise.resolve(null) : new Repair(writer, batch, options).run(),
    );
  } finally {
    batch.window.close();
  }
}

/** The rows of the batch do not show on which ancestors above their parents they depend. */
function hasLostAncestor({entity, window}: SourceBatch): boolean {
  const above = (one: EntityPlan): boolean =>
    one.parents.some(({parent}) => window.left(parent).size > 0 || above(parent));
  return entity.parents.some(({parent}) => above(parent));
}

/** One batch under repair. It runs under the lock, so the stream waits. */
class Repair {
  readonly #writer: WriterContext;
  readonly #batch: SourceBatch;
  readonly #options: RepairOptions;
  readonly #plan: Plan;
  readonly #entity: EntityPlan;
  readonly #changes: ChangeSet;
  /** The rows that differ: only their number for a first load, and which ones for a target with rows. */
  readonly #absent: number[];
  readonly #drifted: PerTable<RowKey[]>;
  readonly #outcome: {[Name in keyof RepairOutcome]: number[]};

  constructor(writer: WriterContext, batch: SourceBatch, options: RepairOptions) {
    this.#writer = writer;
    this.#batch = batch;
    this.#options = options;
    this.#plan = options.applier.plan;
    this.#entity = batch.entity;
    this.#changes = new ChangeSet(this.#plan);
    const none = () => perTable(this.#plan, () => 0);
    this.#absent = none();
    this.#drifted = perTable(this.#plan, () => []);
    this.#outcome = {
      compared: none(),
      repaired: none(),
      deleted: none(),
      deadLetters: none(),
      foreign: none(),
      toDelete: none(),
      underParents: none(),
      kept: none(),
    };
  }

  async run(): Promise<RepairOutcome> {
    if (this.#options.targetIsEmpty) this.#takeAll();
    else await this.#compare();
    const outcome = this.#outcome;
    if (this.#changes.size === 0) return outcome;
    const {applier, tap, deletes, targetIsEmpty} = this.#options;
    const written = await applier.apply(this.#writer, this.#changes, {
      progress: null,
      // A first load reaches the children later. In other runs few rows enter, and the run may end before their
      // children's turn.
      follow: !targetIsEmpty,
      need: tap.need,
      ...(deletes === undefined ? {} : {deletes}),
    });
    for (const table of this.#plan.tables) {
      const {index} = table;
      // Rows that wait with a dead letter, their own or a parent's, are left out.
      const repaired = targetIsEmpty
        ? Math.min(written.upserted[index] ?? 0, this.#absent[index] ?? 0)
        : (this.#drifted[index]?.filter(key => written.wrote(table, key)).length ?? 0);
      add(outcome.repaired, table, repaired);
      add(outcome.compared, table, repaired);
      add(outcome.deleted, table, written.deleted[index] ?? 0);
      add(outcome.deadLetters, table, written.deadLetters[index] ?? 0);
    }
    return outcome;
  }

  /** Handles a first load: there is nothing to compare with, and every eligible row is written. */
  #takeAll(): void {
    const {tables} = this.#entity;
    for (const [key, row] of bySourceKey(this.#entity, this.#batch.rows)) {
      if (this.#isTouched(key, row)) {
        for (const table of tables)
          if (judge(this.#entity, table, row) === 'row') add(this.#outcome.compared, table, 1);
        continue;
      }
      for (const table of tables) add(this.#absent, table, 1);
      this.#changes.of(this.#entity).set(key, row);
    }
  }

  async #compare(): Promise<void> {
    const {primary, tables} = this.#entity;
    const sources = bySourceKey(this.#entity, this.#batch.rows);
    const diffs: {table: TablePlan; there: Map<RowKey, Row>; diff: TableDiff}[] = [];
    for (const table of tables) {
      const there = await this.#targetRows(table, sources);
      const found = diffTable(this.#entity, table, sources, there, this.#options);
      const diff = await withOrphans(this.#orphanDeps(), this.#entity, table, found, sources);
      diffs.push({table, there, diff});
    }
    const owned = await this.#options.applier.ownershipOf(this.#writer.session, want => {
      for (const {diff} of diffs)
        for (const keys of [diff.equal, diff.extra]) for (const key of keys) want(this.#entity, key);
    });
    const changes = this.#changes.of(this.#entity);
    const toDelete: RowKey[] = [];
    for (const {table, there, diff} of diffs) {
      const isOwned = (key: RowKey) => owned.has(this.#entity, key);
      const isTouched = (key: RowKey) => this.#isTouched(key, sources.get(key) ?? null, there.get(key));
      const drifted = [...diff.missing, ...diff.different];
      // Equal rows that are not owned yet are adopted.
      const rewritten = this.#options.everyRow ? diff.equal : diff.equal.filter(key => !isOwned(key));
      for (const key of [...drifted, ...diff.invalid, ...rewritten])
        if (!isTouched(key)) changes.set(key, sources.get(key) ?? null);
      for (const key of drifted) if (!isTouched(key)) this.#drifted[table.index]?.push(key);
      add(this.#outcome.compared, table, diff.equal.length + drifted.filter(isTouched).length);
      // If a range does not hold the same rows on both sides, these rows are looked up by the target's keys.
      const isWhole = this.#batch.keys !== null || this.#entity.walk.isOrderedAlike;
      for (const key of isWhole ? diff.extra : []) {
        if (isTouched(key)) continue;
        if (!isOwned(key)) add(this.#outcome.foreign, table, 1);
        else if (this.#options.keeps) add(this.#outcome.kept, table, 1);
        // Companions belong to the same source row, which does not exist any more.
        else if (this.#options.mayDelete) changes.set(key, null);
        else {
          add(this.#outcome.toDelete, table, 1);
          if (table === primary) toDelete.push(key);
        }
      }
    }
    if (toDelete.length > 0)
      await countDependants(this.#writer.session.query, this.#entity, toDelete, (table, rows) =>
        add(this.#outcome.underParents, table, rows),
      );
  }

  #orphanDeps(): OrphanDeps {
    const {session, reader} = this.#writer;
    const {applier} = this.#options;
    const target = session.query;
    return {
      reader,
      target,
      readDead: () => readDeadKeys(target, applier.fence.stream, this.#plan),
      owned: async (entity, keys) => {
        const view = await applier.ownershipOf(session, want => keys.forEach(key => want(entity, key)));
        return new Set(keys.filter(key => view.has(entity, key)));
      },
    };
  }

  /** Reads the target's rows in the range of the batch, or by key if the two servers order keys differently. */
  #targetRows(table: TablePlan, sources: ReadonlyMap<RowKey, Row>): Promise<Map<RowKey, Row>> {
    const {query} = this.#writer.session;
    const {keys, range} = this.#batch;
    return keys === null && this.#entity.walk.isOrderedAlike
      ? targetRows(query, this.#entity, table, range)
      : targetRowsByKey(query, this.#entity, table, keys ?? [...sources.keys()]);
  }

  /**
   * Whether the stream has newer knowledge of this row than the batch, because the row or a parent of it changed
   * meanwhile.
   */
  #isTouched(key: RowKey, row: Row | null, target?: Row): boolean {
    const {window} = this.#batch;
    if (window.touched(this.#entity).has(key)) return true;
    return this.#entity.parents.some(edge => {
      const left = window.left(edge.parent);
      if (left.size === 0) return false;
      const parent =
        row === null && target !== undefined ? parentKeyOfTarget(edge, target) : parentKeyOf(edge, key, row);
      return parent !== null && parent !== undefined && left.has(parent);
    });
  }
}

function add(counts: number[], {index}: TablePlan, count: number): void {
  counts[index] = (counts[index] ?? 0) + count;
}
