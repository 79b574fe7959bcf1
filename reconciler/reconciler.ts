/**
 * The reconciler proves that nothing drifted, and repairs what did, while the stream runs.
 *
 * A range with equal checksums is finished; in the others, each row is compared. Parents come before children.
 * Rows to be deleted are counted first and deleted in a second pass, so that the brake on mass deletes knows the
 * total before the first delete. The source may have changed by then, so each delete is counted again, and past
 * the limit the deletes stop.
 */
import {TooManyDeletesError} from '../src/apply/delete-budget.ts';
import {onlyRow} from '../src/db/counted.ts';
import {settled} from '../src/lifecycle/settled.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import type {PerTable, Plan} from '../src/mapping/plan.ts';
import {quoteName} from '../src/mapping/quote.ts';
import {EVERYTHING, type Range} from '../src/mapping/sql/ranges.ts';
import {connectionQuery} from '../src/source/reader.ts';
import {releaseAbsentRows} from './absent-rows.ts';
import {prefetch} from './prefetch.ts';
import {readBatch, type BatchRows, type SourceBatch, type Worker} from './batch.ts';
import {compareRange} from './checksum.ts';
import {PlannedDeletes} from './planned-deletes.ts';
import {retryDeadLetters} from './retry.ts';
import {repairBatch, type RepairOptions, type RepairOutcome} from './repair.ts';
import {batches, segments} from './segments.ts';
import {shareOut} from './share-out.ts';
import {RunCounts} from './run-counts.ts';
import type {ReconcileDeps, ReconcileOptions, ReconcileResult} from './run-options.ts';
import {ownedRows} from './stored-ownership.ts';
import {segmentsForEach, Stretches} from './stretches.ts';
import {targetKeyPages} from './target-rows.ts';

const LOAD_FACTOR = 2;

/**
 * Runs once over all rows.
 *
 * @throws SyncError if a server fails; StoppedError when the signal is set. Repairs made so far stay.
 */
export async function reconcile(
  deps: ReconcileDeps,
  options: ReconcileOptions,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const run = new ReconcileRun(deps, options, signal);
  return run.run();
}

class ReconcileRun {
  readonly #deps: ReconcileDeps;
  readonly #options: ReconcileOptions;
  readonly #signal: AbortSignal;
  readonly #plan: Plan;
  readonly #counts: RunCounts;
  readonly #deletes: PlannedDeletes;
  /** The batches with rows to delete, for the second pass. */
  readonly #withDeletes: BatchRows[] = [];
  #targetIsEmpty = false;
  #totalRows = 0;
  #rows = 0;

  constructor(deps: ReconcileDeps, options: ReconcileOptions, signal: AbortSignal) {
    this.#deps = deps;
    this.#options = options;
    this.#signal = signal;
    this.#plan = deps.applier.plan;
    this.#deletes = new PlannedDeletes(this.#plan, options.maxDeleteRatio, options.allowDeletes);
    this.#counts = new RunCounts(this.#plan, !options.mirror);
  }

  async run(): Promise<ReconcileResult> {
    const [worker] = this.#deps.workers;
    if (worker === undefined) throw new RangeError('a reconcile needs at least one worker');
    await this.#count(worker);
    for (const entity of this.#plan.entities) {
      await this.#pass(entity);
      await this.#release(worker, entity);
    }
    if (this.#options.mode === 'diff') await this.#adopt(worker);
    await this.#delete(worker);
    await this.#retryDeadLetters(worker);
    return this.#counts.result(this.#deletes.unconfirmed(this.#counts.deleted));
  }

  /** Estimates the amount of work: exact counts would cost a scan of their own. */
  async #count(worker: Worker): Promise<void> {
    const {query} = worker.writer.session;
    this.#totalRows = this.#plan.entities.reduce((sum, {source}) => sum + source.schema.rows, 0);
    const any = this.#plan.tables.map(({target}) => `EXISTS (SELECT 1 FROM ${quoteName(target)})`);
    const [found, owned] = await settled([
      query(`SELECT ${any.join(' OR ')}`),
      this.#countOwned(worker),
      this.#deps.applier.deadLetters.recount(query),
    ]);
    this.#targetIsEmpty = Number(onlyRow(found)[0]) === 0;
    this.#deletes.measure(owned);
  }

  /** Distributes the segments of one entity among the workers. */
  async #pass(entity: EntityPlan): Promise<void> {
    const started = Date.now();
    const {workers, tap} = this.#deps;
    const [first] = workers;
    if (first === undefined) return;
    // If the two servers order keys differently, a range does not hold the same rows on both.
    const mayBeEqual = this.#options.mode === 'diff' && entity.walk.isOrderedAlike;
    const stretches = new Stretches(mayBeEqual ? segmentsForEach(workers.length, this.#totalRows) : 1);
    const mayDelete = this.#options.allowDeletes && this.#options.mirror;
    await shareOut(
      stretches.of(await segments(entity, connectionQuery(first.source))),
      workers,
      async (worker, stretch) => {
        const isEqual = async (range: Range) => mayBeEqual && (await this.#isEqual(worker, entity, range));
        for await (const segment of stretches.differing(stretch, isEqual))
          await this.#repairRange(worker, {
            entity,
            range: segment,
            options: this.#repairOptions(mayDelete),
            mayBeEqual,
            isCounted: true,
          });
      },
      this.#signal,
    );
    if (!entity.walk.isOrderedAlike && !this.#targetIsEmpty) {
      for await (const keys of targetKeyPages(first.writer.session.query, entity, this.#options.batchRows)) {
        const batch = await readBatch(first, {entity, range: EVERYTHING, keys}, tap, this.#signal);
        const outcome = await this.#repair(first, batch, this.#repairOptions(mayDelete));
        this.#counts.addExtras(outcome);
        this.#countDeletes(outcome, batch);
      }
    }
    for (const {target, index} of entity.tables) {
      this.#deps.logger.info(
        {event: 'reconcile.table', table: target, ...this.#counts.of(index), ms: Date.now() - started},
        `${target} compared`,
      );
    }
  }

  /** Compares checksums; an equal range is finished. */
  async #isEqual(worker: Worker, entity: EntityPlan, range: Range): Promise<boolean> {
    const query = {
      source: connectionQuery(worker.source),
      target: worker.writer.session.query,
    };
    const compared = await compareRange(entity, range, query);
    if (!compared.every(({equal}) => equal)) return false;
    for (const {table, source} of compared) this.#counts.of(table.index).compared += source.rows;
    this.#progress(entity, compared[0]?.source.rows ?? 0);
    return true;
  }

  /** Reads and repairs a range batch by batch. */
  async #repairRange(worker: Worker, work: RangeWork): Promise<void> {
    const {entity, options, mayBeEqual, isCounted} = work;
    const read = this.#read(worker, work);
    // Comparing checksums first keeps both servers busy; comparing rows uses one after the other.
    const reads = mayBeEqual ? read : prefetch(read, ({window}) => window.close());
    for await (const batch of reads) {
      const outcome = await this.#repair(worker, batch, options);
      if (!isCounted) continue;
      this.#counts.add(outcome);
      this.#countDeletes(outcome, batch);
      this.#progress(entity, outcome.compared[entity.primary.index] ?? 0);
    }
  }

  /** Repairs one batch; if the brake stops it, repeats it without its deletes. */
  async #repair(worker: Worker, batch: SourceBatch, options: RepairOptions): Promise<RepairOutcome> {
    const {tap} = this.#deps;
    let next = batch;
    let how = options;
    for (;;) {
      try {
        const outcome = await repairBatch(worker.writer, next, how, this.#signal);
        if (outcome !== null) return outcome;
      } catch (error) {
        if (!(error instanceof TooManyDeletesError)) throw error;
        this.#deletes.stop(error);
        how = {...options, mayDelete: false, deletes: 'none'};
      }
      next = await readBatch(worker, batch, tap, this.#signal);
    }
  }

  /** Yields the batches of a range, except those with equal checksums. */
  async *#read(worker: Worker, {entity, range, options, mayBeEqual}: RangeWork): AsyncGenerator<SourceBatch> {
    const {targetIsEmpty, tap} = options;
    // A first load delays nobody, so it uses fewer and larger transactions.
    const batchRows = this.#options.batchRows * (targetIsEmpty ? LOAD_FACTOR : 1);
    for await (const batch of batches(entity, range, batchRows, connectionQuery(worker.source))) {
      if (mayBeEqual && (await this.#isEqual(worker, entity, batch))) continue;
      yield await readBatch(worker, {entity, range: batch, keys: null}, tap, this.#signal);
    }
  }

  #repairOptions(mayDelete: boolean): RepairOptions {
    const {applier, tap, lock} = this.#deps;
    return {
      applier,
      tap,
      lock,
      newestWins: this.#options.newestWins,
      everyRow: this.#options.mode === 'full',
      mayDelete: mayDelete && !this.#deletes.isStopped,
      keeps: !this.#options.mirror,
      deletes: this.#deletes.limit,
      targetIsEmpty: this.#targetIsEmpty,
    };
  }

  /** Records a batch's rows that have no source row. */
  #countDeletes(outcome: RepairOutcome, {entity, range, keys}: SourceBatch): void {
    this.#deletes.add(outcome);
    // The second pass reads these rows again, so they are not kept in memory.
    if (outcome.toDelete.some(count => count > 0)) this.#withDeletes.push({entity, range, keys});
  }

  #progress({primary}: EntityPlan, rows: number): void {
    this.#rows += rows;
    this.#deps.onProgress({
      table: primary.target,
      rows: this.#rows,
      totalRows: Math.max(this.#totalRows, this.#rows),
      fraction: this.#totalRows === 0 ? 1 : Math.min(1, this.#rows / this.#totalRows),
    });
  }

  /**
   * Checksums do not show ownership. If fewer rows are owned than are equal, others wrote some of them; these
   * rows are found and adopted.
   */
  async #adopt(worker: Worker): Promise<void> {
    const owned = await this.#countOwned(worker);
    for (const entity of this.#plan.entities) {
      const lacking = entity.tables.some(({index}) => this.#counts.of(index).compared > (owned[index] ?? 0));
      if (!lacking || !entity.walk.isOrderedAlike) continue;
      for (const range of await segments(entity, connectionQuery(worker.source))) {
        // Its rows were counted before.
        const options = this.#repairOptions(false);
        await this.#repairRange(worker, {entity, range, options, mayBeEqual: false, isCounted: false});
      }
    }
  }

  /** Before the children are compared, which are written only if their parents are owned. */
  #release({writer: {session}}: Worker, entity: EntityPlan): Promise<void> {
    const {index} = entity.primary;
    return releaseAbsentRows({...this.#deps, session}, entity, {
      equal: this.#counts.of(index).compared,
      foreign: this.#counts.foreign(index),
    });
  }

  #countOwned(worker: Worker): Promise<PerTable<number>> {
    return ownedRows(worker.writer.session.query, this.#deps.applier.fence.stream, this.#plan);
  }

  /** The second pass: deletes, unless or until they are too many. Children are deleted before their parents. */
  async #delete(worker: Worker): Promise<void> {
    if (!this.#options.mirror || this.#withDeletes.length === 0) return;
    this.#deletes.measure(await this.#countOwned(worker));
    this.#deletes.begin();
    if (this.#deletes.isStopped) return;
    for (const rows of this.#withDeletes.toReversed()) {
      const batch = await readBatch(worker, rows, this.#deps.tap, this.#signal);
      const outcome = await this.#repair(worker, batch, {...this.#repairOptions(true), everyRow: false});
      this.#counts.addDeleted(outcome);
      // What remains to be done if the brake has stopped the deletes meanwhile.
      this.#deletes.add(outcome);
    }
  }

  /** Rows that could not be written before may be written now. */
  async #retryDeadLetters(worker: Worker): Promise<void> {
    try {
      await retryDeadLetters(this.#deps, worker, this.#deletes.limit);
    } catch (error) {
      if (!(error instanceof TooManyDeletesError)) throw error;
      this.#deletes.stop(error);
      await retryDeadLetters(this.#deps, worker, 'none');
    }
  }
}

interface RangeWork {
  readonly entity: EntityPlan;
  readonly range: Range;
  readonly options: RepairOptions;
  /** Compare checksums before rows. */
  readonly mayBeEqual: boolean;
  /** Its rows were not counted before. */
  readonly isCounted: boolean;
}
