/** The only writer of the target: writes each change set, of the stream or of the reconciler, in one transaction. */
import {setTimeout as delay} from 'node:timers/promises';
import type {Config} from '../config.ts';
import type {Query} from '../db/counted.ts';
import {entityOf, perTable, type PerTable, type Plan} from '../mapping/plan.ts';
import type {RowKey} from '../mapping/key.ts';
import {formatPosition} from '../position/position.ts';
import type {RequiredPosition} from '../source/watermark.ts';
import {PreparedBatch} from './prepared-batch.ts';
import {writeStepwise} from './stepwise.ts';
import {ChangeSet, REREAD, wantAll} from './change-set.ts';
import {fenceStatement, type Fence, type Progress} from './checkpoint.ts';
import {StatementPipeline} from './statement-pipeline.ts';
import {DeadLetters} from './dead-letters.ts';
import type {Allowance, DeleteBudget} from './delete-budget.ts';
import {decide, perEntity} from './decide.ts';
import {applyHalves, isByCluster, mayBeTooLarge, PartSize} from './halves.ts';
import type {WriterContext} from './writer-context.ts';
import {readMissing} from './missing.ts';
import {Ownership, type OwnershipView, type Want} from './ownership.ts';
import {asIncompatible, isDeadlock, isRefusal} from './refusal.ts';
import {rollBack, runFenced, type Session} from './session.ts';
import {isSimple, writePipelined, type TargetBatch, type Outcome} from './write-batch.ts';

const DEADLOCK_RETRIES = 8;
const FIRST_RETRY_MS = 10;

export interface ApplyOptions {
  /** The stream's progress after this change set; null leaves the checkpoint where it is. */
  readonly progress: Progress | null;
  /** Read the children of rows that enter; false if the change set holds them. */
  readonly follow: boolean;
  /** The position that reads of the source must cover; null if the stream does not run. */
  readonly need: RequiredPosition | null;
  /**
   * What a run may delete. Past that, nothing is written and TooManyDeletesError is thrown; with `none`, nothing
   * is deleted. Without it, SYNC_DELETES alone limits deletes.
   */
  readonly deletes?: DeleteBudget | 'none';
  /** The next change set: it is prepared as soon as it is known, while this one is being written. */
  readonly next?: Promise<Next | null>;
}

export interface Next {
  readonly changes: ChangeSet;
  readonly options: ApplyOptions;
  /** Whether no other writer will come before it: called once, when the previous batch has been sent. */
  readonly mayFollow?: () => boolean;
}

export interface ApplierDeps {
  readonly config: Pick<Config, 'deletes' | 'conflicts' | 'reconcile'>;
  readonly fence: Fence;
  readonly plan: Plan;
}

export class Applier {
  readonly #deps: ApplierDeps;
  readonly #ownership: Ownership;
  readonly #partSize = new PartSize();
  /** Grows with each write, and with each failure that may have written something: earlier decisions are outdated. */
  #version = 0;
  #ahead: PreparedBatch | null = null;
  /** Replaced when a schema changes. */
  plan: Plan;
  readonly deadLetters: DeadLetters;
  /** How often a reconcile was requested: a run that began before the last request does not cover it. */
  timesRequested = 0;
  /** A unique value may have become free, and a fault, here or before, kept the rows that wait for it from a retry. */
  mustRetryConflicts = true;

  constructor(deps: ApplierDeps) {
    this.#deps = deps;
    this.plan = deps.plan;
    this.#ownership = new Ownership(deps.fence.stream);
    this.deadLetters = new DeadLetters(deps.fence.stream);
  }

  get fence(): Fence {
    return this.#deps.fence;
  }

  /**
   * Writes a change set, all or nothing; in parts only if a cluster refuses it as too large.
   *
   * Deadlocks are retried here, and rows that the server refuses become dead letters. Any other error is thrown,
   * with nothing written, or (if the connection broke) with an outcome that only the saved checkpoint shows.
   */
  async apply(writer: WriterContext, changes: ChangeSet, options: ApplyOptions): Promise<Outcome> {
    const {session} = writer;
    if (options.progress?.needsReconcile === true) this.timesRequested++;
    const whole = await readMissing(writer, this.plan, changes, options.need);
    const inHalves = () =>
      applyHalves(this.plan, whole, options, (part, how) => this.apply(writer, part, how));
    if (this.#partSize.exceeds(whole)) return inHalves();
    for (let attempt = 0; ; attempt++) {
      const {deletes} = options;
      const allowance = deletes === undefined || deletes === 'none' ? null : deletes.open();
      try {
        const outcome = await this.#attempt(writer, whole, options, {isStepwise: attempt > 0, allowance});
        this.#partSize.accepted(whole);
        return outcome;
      } catch (error) {
        allowance?.giveBack();
        // The cached state may belong to a connection that was lost during a transaction.
        this.forget();
        if ((await rollBack(session)) && (await mayBeTooLarge(session, error, whole))) {
          this.#partSize.refused(whole);
          return inHalves();
        }
        if (!isDeadlock(error) || attempt >= DEADLOCK_RETRIES) throw asIncompatible(error);
        await delay(FIRST_RETRY_MS * 2 ** attempt * (0.5 + Math.random()));
      }
    }
  }

  /**
   * Finds rows that wait for a unique value which one of these changes may have freed.
   *
   * @param evicted rows that were deleted from the target with them
   */
  async waitingFor(
    session: Session,
    changes: ChangeSet | null,
    evicted: Outcome['evicted'],
  ): Promise<ChangeSet> {
    const {plan} = this;
    const retry = new ChangeSet(plan);
    if (this.deadLetters.count === 0) return retry;
    const freed = perTable(plan, table => {
      const {primary, ...entity} = entityOf(plan, table);
      // A companion is deleted with its primary.
      const deleted = new Set([...(evicted[table.index] ?? []), ...(evicted[primary.index] ?? [])]);
      return [...(changes?.of(entity).keys() ?? []), ...deleted];
    });
    const waiting = await this.deadLetters.waitingFor(plan, freed, session.query);
    for (const table of plan.tables)
      for (const key of waiting[table.index] ?? []) retry.of(entityOf(plan, table)).set(key, null, REREAD);
    return retry;
  }

  /** Forgets cached ownership and prepared decisions: the next batch reads ownership as it is stored. */
  forget(): void {
    this.#dropAhead();
    this.#ownership.clear();
  }

  /** Returns which of these rows are owned. */
  ownershipOf(session: Session, each: (want: Want) => void): Promise<OwnershipView> {
    return this.#ownership.view(each, session.query);
  }

  /**
   * Runs a statement of the checkpoint in a transaction of its own.
   *
   * @throws SyncError `lease-lost`
   */
  async runFenced(session: Session, statement: string): Promise<void> {
    await runFenced(session, statement);
    this.fence.writes.committed();
  }

  /** Saves the position alone. */
  async saveProgress(session: Session, progress: Progress): Promise<void> {
    if (progress.needsReconcile) this.timesRequested++;
    await this.runFenced(session, fenceStatement(this.#deps.fence, progress));
  }

  async #attempt(
    writer: WriterContext,
    changes: ChangeSet,
    options: ApplyOptions,
    {isStepwise, allowance}: {isStepwise: boolean; allowance: Allowance | null},
  ): Promise<Outcome> {
    const {session} = writer;
    const ahead = await this.#takeAhead(session, changes);
    const batch = ahead?.batch ?? (await this.#prepare(session, changes, options, null));
    // A delete budget counts rows when they are locked.
    const isCounted = allowance !== null && batch.work.deletes.some(({length}) => length > 0);
    if (isSimple(batch) && !isStepwise && !isCounted) {
      try {
        const pipeline = ahead?.pipeline ?? new StatementPipeline(session);
        const writing = ahead?.write() ?? writePipelined(pipeline, batch);
        this.#prepareNext(session, batch, pipeline, options.next);
        const outcome = await writing;
        await this.#committed(session, batch, outcome);
        return outcome;
      } catch (error) {
        // Roll back before anything else is sent: statements may be running behind the one that failed.
        this.#dropAhead();
        if (!isRefusal(error) || isDeadlock(error) || isByCluster(error, changes)) throw error;
        // The cause is found statement by statement.
        if (!(await rollBack(session))) throw error;
        batch.owned.rollback();
      }
    }
    const {follow, need} = options;
    const outcome = await writeStepwise(writer, batch, {
      follow,
      need,
      allowance,
      ownershipOf: (by, each) => this.ownershipOf(by, each),
    });
    await this.#committed(session, batch, outcome);
    return outcome;
  }

  /** Returns the prepared batch for these changes, unless it was decided on an outdated state. */
  async #takeAhead(session: Session, changes: ChangeSet): Promise<PreparedBatch | null> {
    const ahead = this.#ahead;
    this.#ahead = null;
    if (ahead === null) return null;
    const isMeant = ahead.session === session && ahead.changes === changes;
    if (isMeant && ahead.version === this.#version && ahead.batch.plan === this.plan) return ahead;
    ahead.discard();
    await ahead.takeBack();
    return null;
  }

  /** Discards the prepared batch: a decision made before a failure must be made again. */
  #dropAhead(): void {
    this.#version++;
    this.#ahead?.discard();
    this.#ahead = null;
  }

  /** Best effort. If preparing fails, the batch is prepared again when its turn comes, and the error surfaces there. */
  #prepareNext(
    session: Session,
    batch: TargetBatch,
    {allLeft}: StatementPipeline,
    next: ApplyOptions['next'],
  ): void {
    // Only the batch's own commit may come in between.
    const version = this.#version + 1;
    // Too late: the batch is already being applied.
    const isLate = () => this.#version >= version;
    const prepare = async () => {
      const {changes, options, mayFollow = () => false} = (await next) ?? {};
      // Which rows wait with dead letters is known only when the previous batch has ended.
      const dead = this.deadLetters.count + batch.work.deadLetters.length > 0;
      if (changes === undefined || options === undefined || dead || changes.rereads > 0 || isLate()) return;
      const ready = await this.#prepare(session, changes, options, batch.owned);
      if (!isSimple(ready) || isLate()) return;
      this.#ahead = new PreparedBatch(session, changes, ready, version, {allLeft, mayFollow});
    };
    prepare().catch(() => undefined);
  }

  async #committed(session: Session, batch: TargetBatch, outcome: Outcome): Promise<void> {
    batch.owned.commit();
    this.fence.writes.committed();
    this.#version++;
    const touched = outcome.deadLetters.some(count => count > 0) || this.deadLetters.count > 0;
    if (touched) await this.deadLetters.recount(session.query);
  }

  /** @param before the transaction that is being written, if this one is prepared to follow it */
  async #prepare(
    session: Session,
    changes: ChangeSet,
    options: ApplyOptions,
    before: OwnershipView | null,
  ): Promise<TargetBatch> {
    const {config, fence} = this.#deps;
    const {progress, follow} = options;
    const {plan} = this;
    const dead = await this.#deadAmong(changes, session.query);
    const owned = await this.#ownership.view(want => wantAll(plan, changes, want), session.query, before);
    const mayDelete = this.#mayDelete(options);
    const work = decide(plan, changes, {owned, dead, follow, mayDelete});
    return {
      plan,
      work,
      owned,
      dead,
      deadLetters: this.deadLetters,
      fence: fenceStatement(fence, progress),
      at: progress === null ? '' : formatPosition(progress.position),
      mayDelete,
      options: {newestWins: config.conflicts === 'newest', batchRows: config.reconcile.batchRows},
    };
  }

  #mayDelete({deletes}: ApplyOptions): boolean {
    return this.#deps.config.deletes === 'mirror' && deletes !== 'none';
  }

  async #deadAmong(changes: ChangeSet, query: Query): Promise<PerTable<Set<RowKey>>> {
    const {plan} = this;
    if (this.deadLetters.count === 0) return perTable(plan, () => new Set());
    const keys = perEntity(plan, () => new Set<RowKey>());
    wantAll(plan, changes, ({index}, key) => keys[index]?.add(key));
    return this.deadLetters.known(
      plan,
      perTable(plan, table => keys[entityOf(plan, table).index] ?? []),
      query,
    );
  }
}
