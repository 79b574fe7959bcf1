/**
 * The reconciler: proves that nothing drifted, and repairs what did, beside the running stream.
 *
 * Ranges whose checksums agree are done; of the others each row is compared. Parents come before
 * children. What should be deleted is counted first and deleted in a second pass, so that the brake of
 * design.md §2.7 knows the whole number before the first row goes.
 */
import type {Applier} from '../src/apply/applier.ts';
import {perTable, type PerTable} from '../src/apply/change-set.ts';
import type {Logger} from '../src/logger.ts';
import {TARGET_TABLES} from '../src/mapping/tables.ts';
import {quoteName} from '../src/mapping/sql.ts';
import {connectionQuery} from '../src/source/reader.ts';
import type {ReconcileMode, RunProgress, TableOutcomes} from '../src/status/operations.ts';
import {oneAhead} from './ahead.ts';
import {readBatch, type SourceBatch, type Worker} from './batch.ts';
import {needsConfirmation} from './brake.ts';
import {compareRange} from './checksum.ts';
import {retryDeadLetters} from './retry.ts';
import {repairBatch, type RepairOptions, type RepairOutcome} from './repair.ts';
import {batches, SCOPE_TABLES, segments, type Range, type Scope} from './segments.ts';
import {shareOut} from './share-out.ts';
import {ownedRows} from './stored-ownership.ts';
import {segmentsForEach, Stretches} from './stretches.ts';

const LOAD_FACTOR = 2;

export interface ReconcileOptions {
  readonly mode: ReconcileMode;
  readonly allowDeletes: boolean;
  /** SYNC_DELETES=mirror. */
  readonly mirror: boolean;
  readonly newestWins: boolean;
  readonly batchRows: number;
  readonly maxDeleteRatio: number;
}

export interface ReconcileDeps extends Pick<RepairOptions, 'tap' | 'lock'> {
  readonly applier: Applier;
  /** At least one; segments are shared out among them. */
  readonly workers: readonly Worker[];
  readonly logger: Logger;
  readonly onProgress: (progress: Omit<RunProgress, 'runId'>) => void;
}

export interface ReconcileResult {
  readonly tables: TableOutcomes;
  readonly foreign: PerTable<number>;
  /** Rows that should go by table, where the brake stopped the run. */
  readonly unconfirmed: PerTable<number> | null;
}

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
  readonly #tables: TableOutcomes = perTable(() => ({compared: 0, repaired: 0, deleted: 0, deadLetters: 0}));
  readonly #foreign = perTable(() => 0);
  readonly #toDelete = perTable(() => 0);
  /** Ranges with rows to delete, for the second pass. */
  readonly #condemned: {readonly scope: Scope; readonly range: Range}[] = [];
  #targetIsEmpty = false;
  #totalRows = 0;
  #rows = 0;

  constructor(deps: ReconcileDeps, options: ReconcileOptions, signal: AbortSignal) {
    this.#deps = deps;
    this.#options = options;
    this.#signal = signal;
  }

  async run(): Promise<ReconcileResult> {
    await this.#count();
    for (const scope of ['institutes', 'users'] as const) await this.#pass(scope);
    if (this.#options.mode === 'diff') await this.#adopt();
    const unconfirmed = await this.#delete();
    await this.#retryDeadLetters();
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
  ): Promise<void> {
    const read = this.#read(worker, scope, range, options, mayBeEqual);
    // What compares checksums first asks both sides, and so does one thing after the other.
    const reads = mayBeEqual ? read : oneAhead(read, ({window}) => window.close());
    for await (const batch of reads) {
      const outcome = await repairBatch(worker.hands, batch, options, this.#signal);
      this.#add(outcome);
      if (TARGET_TABLES.some(table => outcome.toDelete[table] > 0))
        this.#condemned.push({scope, range: batch.range});
      this.#progress(scope, outcome.compared[scope === 'users' ? 'user' : 'institute']);
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
      mayDelete,
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
      this.#toDelete[table] += outcome.toDelete[table];
    }
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
    const owned = await this.#owned(worker);
    for (const scope of ['institutes', 'users'] as const) {
      const lacking = SCOPE_TABLES[scope].some(table => this.#tables[table].compared > owned[table]);
      if (!lacking) continue;
      const outcome = {...this.#tables, ...structuredClone(perTable(table => this.#tables[table]))};
      for (const range of await segments(this.#deps.applier.plan, scope, connectionQuery(worker.source))) {
        await this.#rowsOf(worker, scope, range, this.#repairOptions(false), false);
      }
      // The rows were counted before.
      for (const table of SCOPE_TABLES[scope]) Object.assign(this.#tables[table], outcome[table]);
    }
  }

  #owned(worker: Worker): Promise<PerTable<number>> {
    return ownedRows(sql => worker.hands.session.query(sql), this.#deps.applier.fence.stream);
  }

  /** The second pass: deletes, unless they are too many. */
  async #delete(): Promise<PerTable<number> | null> {
    const [worker] = this.#deps.workers;
    if (!this.#options.mirror || this.#condemned.length === 0 || worker === undefined) return null;
    const {allowDeletes, maxDeleteRatio} = this.#options;
    const tooMany = needsConfirmation(this.#toDelete, await this.#owned(worker), maxDeleteRatio);
    if (tooMany && !allowDeletes) return this.#toDelete;
    for (const {scope, range} of this.#condemned.toReversed()) {
      const batch = await readBatch(worker, scope, range, this.#deps.tap, this.#signal);
      const options = {...this.#repairOptions(true), everyRow: false};
      const outcome = await repairBatch(worker.hands, batch, options, this.#signal);
      for (const table of TARGET_TABLES) {
        this.#tables[table].deleted += outcome.deleted[table];
        this.#tables[table].deadLetters += outcome.deadLetters[table];
      }
    }
    return null;
  }

  /** What could not be written before may go in now. */
  async #retryDeadLetters(): Promise<void> {
    const [worker] = this.#deps.workers;
    if (worker === undefined) return;
    await retryDeadLetters(this.#deps, worker);
  }
}
