/**
 * The reconciler: proves that nothing drifted, and repairs what did, beside the running stream.
 *
 * Ranges whose checksums agree are done; of the others each row is compared. Parents come before
 * children. What should be deleted is counted first and deleted in a second pass, so that the brake on mass
 * deletes knows the whole number before the first row goes. The source may have changed by then: rows are
 * counted again as they are deleted, and past the limit no more of them are.
 */
import {perTable, type PerTable} from '../src/apply/change-set.ts';
import {TooManyDeletesError} from '../src/apply/delete-budget.ts';
import {TARGET_TABLES} from '../src/mapping/tables.ts';
import {quoteName} from '../src/mapping/sql.ts';
import {connectionQuery} from '../src/source/reader.ts';
import type {TableOutcomes} from '../src/status/operations.ts';
import {oneAhead} from './ahead.ts';
import {readBatch, type SourceBatch, type Worker} from './batch.ts';
import {compareRange} from './checksum.ts';
import {PlannedDeletes} from './planned-deletes.ts';
import {retryDeadLetters} from './retry.ts';
import {repairBatch, type RepairOptions, type RepairOutcome} from './repair.ts';
import {batches, SCOPE_TABLES, segments, type Range, type Scope} from './segments.ts';
import {shareOut} from './share-out.ts';
import type {ReconcileDeps, ReconcileOptions, ReconcileResult} from './run-options.ts';
import {ownedRows} from './stored-ownership.ts';
import {segmentsForEach, Stretches} from './stretches.ts';

const LOAD_FACTOR = 2;

/**
 * Runs once over everything.
 *
 * @throws SyncError where a server fails; StoppedError when the signal is set. What was repaired stays.
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
  readonly #tables: TableOutcomes;
  readonly #foreign = perTable(() => 0);
  readonly #deletes: PlannedDeletes;
  /** Ranges with rows to delete, for the second pass. */
  readonly #condemned: {readonly scope: Scope; readonly range: Range}[] = [];
  #targetIsEmpty = false;
  #totalRows = 0;
  #rows = 0;

  constructor(deps: ReconcileDeps, options: ReconcileOptions, signal: AbortSignal) {
    this.#deps = deps;
    this.#options = options;
    this.#signal = signal;
    this.#deletes = new PlannedDeletes(options.maxDeleteRatio, options.allowDeletes);
    this.#tables = perTable(() => ({
      compared: 0,
      repaired: 0,
      deleted: 0,
      deadLetters: 0,
      ...(options.mirror ? {} : {kept: 0}),
    }));
  }

  async run(): Promise<ReconcileResult> {
    await this.#count();
    for (const scope of ['institutes', 'users'] as const) await this.#pass(scope);
    if (this.#options.mode === 'diff') await this.#adopt();
    await this.#delete();
    await this.#retryDeadLetters();
    const unconfirmed = this.#deletes.unconfirmed(perTable(table => this.#tables[table].deleted));
    return {tables: this.#tables, foreign: this.#foreign, unconfirmed};
  }

  /** How much there is to do, about: exact counts would cost a scan of their own. */
  async #count(): Promise<void> {
    const {applier, workers} = this.#deps;
    const [worker] = workers;
    if (worker === undefined) return;
    const source = connectionQuery(worker.source);
    const [row] = await source(
      "SELECT SUM(TABLE_ROWS) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ('users', 'institutes')",
    );
    this.#totalRows = Number(row?.[0] ?? 0);
    const found = await Promise.all(
      TARGET_TABLES.map(table => worker.hands.session.query(`SELECT 1 FROM ${quoteName(table)} LIMIT 1`)),
    );
    this.#targetIsEmpty = found.every(rows => rows.length === 0);
    this.#deletes.measure(await this.#countOwned(worker));
    await applier.deadLetters.recount(sql => worker.hands.session.query(sql));
  }

  /** Every segment of one scope, shared out among the workers. */
  async #pass(scope: Scope): Promise<void> {
    const started = Date.now();
    const {workers, applier} = this.#deps;
    const [first] = workers;
    if (first === undefined) return;
    const isDiff = this.#options.mode === 'diff';
    const stretches = new Stretches(isDiff ? segmentsForEach(workers.length, this.#totalRows) : 1);
    const mayDelete = this.#options.allowDeletes && this.#options.mirror;
    await shareOut(
      stretches.of(await segments(applier.plan, scope, connectionQuery(first.source))),
      workers,
      async (worker, stretch) => {
        const isEqual = async (range: Range) => isDiff && (await this.#isEqual(worker, scope, range));
        for await (const segment of stretches.differing(stretch, isEqual))
          await this.#rowsOf(worker, scope, segment, this.#repairOptions(mayDelete), isDiff);
      },
      this.#signal,
    );
    for (const table of SCOPE_TABLES[scope]) {
      this.#deps.logger.info(
        {event: 'reconcile.table', table, ...this.#tables[table], ms: Date.now() - started},
        `${table} compared`,
      );
    }
  }

  /** Compares checksums; a range that is equal is done. */
  async #isEqual(worker: Worker, scope: Scope, range: Range): Promise<boolean> {
    const query = {
      source: connectionQuery(worker.source),
      target: (sql: string) => worker.hands.session.query(sql),
    };
    const compared = await compareRange(this.#deps.applier.plan, scope, range, query);
    if (!compared.every(({equal}) => equal)) return false;
    for (const {table, source} of compared) this.#tables[table].compared += source.rows;
    this.#progress(scope, compared[0]?.source.rows ?? 0);
    return true;
  }

  async #rowsOf(
    worker: Worker,
    scope: Scope,
    range: Range,
    options: RepairOptions,
    mayBeEqual: boolean,
    isCounted = true,
  ): Promise<void> {
    const read = this.#read(worker, scope, range, options, mayBeEqual);
    // What compares checksums first asks both sides, and so does one thing after the other.
    const reads = mayBeEqual ? read : oneAhead(read, ({window}) => window.close());
    for await (const batch of reads) {
      const outcome = await this.#repair(worker, batch, options);
      if (!isCounted) continue;
      this.#add(outcome);
      if (TARGET_TABLES.some(table => outcome.toDelete[table] > 0))
        this.#condemned.push({scope, range: batch.range});
      this.#progress(scope, outcome.compared[scope === 'users' ? 'user' : 'institute']);
    }
  }

  /** One batch; where the brake stops it, once more without its deletes. */
  async #repair(worker: Worker, batch: SourceBatch, options: RepairOptions): Promise<RepairOutcome> {
    try {
      return await repairBatch(worker.hands, batch, options, this.#signal);
    } catch (error) {
      if (!(error instanceof TooManyDeletesError)) throw error;
      this.#deletes.stop(error);
      const again = await readBatch(worker, batch.scope, batch.range, this.#deps.tap, this.#signal);
      const without = {...options, mayDelete: false, deletes: 'none'} as const;
      return repairBatch(worker.hands, again, without, this.#signal);
    }
  }

  /** The batches of a range, but for those whose checksums agree. */
  async *#read(
    worker: Worker,
    scope: Scope,
    range: Range,
    {targetIsEmpty, tap}: RepairOptions,
    mayBeEqual: boolean,
  ): AsyncGenerator<SourceBatch> {
    // A first load keeps nobody waiting: fewer, larger transactions.
    const batchRows = this.#options.batchRows * (targetIsEmpty ? LOAD_FACTOR : 1);
    const query = connectionQuery(worker.source);
    for await (const batch of batches(this.#deps.applier.plan, scope, range, batchRows, query)) {
      if (mayBeEqual && (await this.#isEqual(worker, scope, batch))) continue;
      yield await readBatch(worker, scope, batch, tap, this.#signal);
    }
  }

  #repairOptions(mayDelete: boolean): RepairOptions {
    const {applier, tap, lock} = this.#deps;
    const everyRow = this.#options.mode === 'full';
    return {
      applier,
      tap,
      lock,
      newestWins: this.#options.newestWins,
      everyRow,
      mayDelete: mayDelete && !this.#deletes.isStopped,
      keeps: !this.#options.mirror,
      deletes: this.#deletes.limit,
      targetIsEmpty: this.#targetIsEmpty,
    };
  }

  #add(outcome: RepairOutcome): void {
    for (const table of TARGET_TABLES) {
      this.#tables[table].compared += outcome.compared[table];
      this.#tables[table].repaired += outcome.repaired[table];
      this.#tables[table].deleted += outcome.deleted[table];
      this.#tables[table].deadLetters += outcome.deadLetters[table];
      this.#foreign[table] += outcome.foreign[table];
      const {kept} = this.#tables[table];
      if (kept !== undefined) this.#tables[table].kept = kept + outcome.kept[table];
    }
    this.#deletes.add(outcome);
  }

  #progress(scope: Scope, rows: number): void {
    this.#rows += rows;
    this.#deps.onProgress({
      table: scope === 'users' ? 'user' : 'institute',
      rows: this.#rows,
      totalRows: Math.max(this.#totalRows, this.#rows),
      fraction: this.#totalRows === 0 ? 1 : Math.min(1, this.#rows / this.#totalRows),
    });
  }

  /**
   * Checksums say nothing of ownership: where fewer rows are ours than are in order, some were put there
   * by others, and are found and adopted.
   */
  async #adopt(): Promise<void> {
    const [worker] = this.#deps.workers;
    if (worker === undefined) return;
    const owned = await this.#countOwned(worker);
    for (const scope of ['institutes', 'users'] as const) {
      const lacking = SCOPE_TABLES[scope].some(table => this.#tables[table].compared > owned[table]);
      if (!lacking) continue;
      for (const range of await segments(this.#deps.applier.plan, scope, connectionQuery(worker.source))) {
        // Its rows were counted before.
        await this.#rowsOf(worker, scope, range, this.#repairOptions(false), false, false);
      }
    }
  }

  #countOwned(worker: Worker): Promise<PerTable<number>> {
    return ownedRows(sql => worker.hands.session.query(sql), this.#deps.applier.fence.stream);
  }

  /** The second pass: deletes, unless they are too many, or until they are. */
  async #delete(): Promise<void> {
    const [worker] = this.#deps.workers;
    if (!this.#options.mirror || this.#condemned.length === 0 || worker === undefined) return;
    this.#deletes.measure(await this.#countOwned(worker));
    this.#deletes.begin();
    if (this.#deletes.isStopped) return;
    for (const {scope, range} of this.#condemned.toReversed()) {
      const batch = await readBatch(worker, scope, range, this.#deps.tap, this.#signal);
      const options = {...this.#repairOptions(true), everyRow: false};
      const outcome = await this.#repair(worker, batch, options);
      for (const table of TARGET_TABLES) {
        this.#tables[table].deleted += outcome.deleted[table];
        this.#tables[table].deadLetters += outcome.deadLetters[table];
      }
      // What is left to do, where the brake has stopped the deletes meanwhile.
      this.#deletes.add(outcome);
    }
  }

  /** What could not be written before may go in now. */
  async #retryDeadLetters(): Promise<void> {
    const [worker] = this.#deps.workers;
    if (worker === undefined) return;
    try {
      await retryDeadLetters(this.#deps, worker, this.#deletes.limit);
    } catch (error) {
      if (!(error instanceof TooManyDeletesError)) throw error;
      this.#deletes.stop(error);
      await retryDeadLetters(this.#deps, worker, 'none');
    }
  }
}
