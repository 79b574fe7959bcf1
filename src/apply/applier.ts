/**
 * The way into the target: takes change sets, from the stream or from the reconciler, and writes each in
 * one transaction.
 */
import {setTimeout as delay} from 'node:timers/promises';
import type {Config} from '../config.ts';
import {entityOf, perTable, type PerTable, type Plan} from '../mapping/plan.ts';
import type {RowKey} from '../mapping/key.ts';
import {formatPosition} from '../position/position.ts';
import type {Need} from '../source/watermark.ts';
import {Ahead} from './ahead.ts';
import {writeCarefully} from './careful.ts';
import {ChangeSet, REREAD, wantAll} from './change-set.ts';
import {fenceStatement, type Fence, type Progress} from './checkpoint.ts';
import {Flights} from './flights.ts';
import {DeadLetters} from './dead-letters.ts';
import type {Allowance, DeleteBudget} from './delete-budget.ts';
import {decide, perEntity} from './decide.ts';
import type {Hands} from './hands.ts';
import {readMissing} from './missing.ts';
import {Ownership, type OwnershipView, type Want} from './ownership.ts';
import {asIncompatible, isDeadlock, isRefusal} from './refusal.ts';
import {rollBack, runFenced, type Session} from './session.ts';
import {isSimple, writeAtOnce, type Batch, type Outcome} from './transaction.ts';

const DEADLOCK_RETRIES = 8;
const FIRST_RETRY_MS = 10;

export interface ApplyOptions {
  /** Where the stream stands after this; null leaves the checkpoint where it is. */
  readonly progress: Progress | null;
  /** Read the children of rows that enter; false where the change set holds them. */
  readonly follow: boolean;
  /** What reads of the source must see; null where the stream does not run. */
  readonly need: Need | null;
  /**
   * Where a run deletes: what it may delete, past which nothing is written and TooManyDeletesError is
   * thrown; `none`, and rows that should go stay. Left out, deletes are limited by SYNC_DELETES alone.
   */
  readonly deletes?: DeleteBudget | 'none';
  /** What will be applied after it: made ready as soon as it is known, while this is being written. */
  readonly next?: Promise<Next | null>;
}

export interface Next {
  readonly changes: ChangeSet;
  readonly options: ApplyOptions;
  /** Whether no other writer will come before it: asked for once, when the one before has been sent. */
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
  /** Counts what was written, or may have been: what was decided before must then be decided again. */
  #version = 0;
  #ahead: Ahead | null = null;
  /** Replaced when a schema changed. */
  plan: Plan;
  readonly deadLetters: DeadLetters;
  /** How often a reconcile was asked for: a run that began before the last time does not count for it. */
  timesOwed = 0;
  /**
   * A unique value may have become free, and who waits for it was not tried again: a fault came in between,
   * here or in a process before this one.
   */
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
   * Writes a change set, all or nothing.
   *
   * Deadlocks are retried here, rows that the server refuses become dead letters; whatever else it
   * refuses is thrown, with nothing written, or (where the connection broke) with an outcome that only
   * the saved checkpoint tells.
   */
  async apply(hands: Hands, changes: ChangeSet, options: ApplyOptions): Promise<Outcome> {
    const {session} = hands;
    if (options.progress?.owesReconcile === true) this.timesOwed++;
    const whole = await readMissing(hands, this.plan, changes, options.need);
    for (let attempt = 0; ; attempt++) {
      const {deletes} = options;
      const allowance = deletes === undefined || deletes === 'none' ? null : deletes.open();
      try {
        return await this.#attempt(hands, whole, options, {careful: attempt > 0, allowance});
      } catch (error) {
        allowance?.giveBack();
        // What is in memory may be of a connection that was lost in the middle of something.
        this.#dropAhead();
        this.#ownership.clear();
        await rollBack(session);
        if (!isDeadlock(error) || attempt >= DEADLOCK_RETRIES) throw asIncompatible(error);
        await delay(FIRST_RETRY_MS * 2 ** attempt * (0.5 + Math.random()));
      }
    }
  }

  /**
   * Rows that wait for a unique value which one of these changes may have freed.
   *
   * @param evicted rows that left the target with them
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
      // A companion goes with its primary.
      const gone = new Set([...(evicted[table.index] ?? []), ...(evicted[primary.index] ?? [])]);
      return [...(changes?.of(entity).keys() ?? []), ...gone];
    });
    const waiting = await this.deadLetters.waitingFor(plan, freed, sql => session.query(sql));
    for (const table of plan.tables)
      for (const key of waiting[table.index] ?? []) retry.of(entityOf(plan, table)).set(key, null, REREAD);
    return retry;
  }

  /** Which of these rows are ours. */
  ownershipOf(session: Session, each: (want: Want) => void): Promise<OwnershipView> {
    return this.#ownership.view(each, sql => session.query(sql));
  }

  /**
   * Runs a statement of the checkpoint by itself.
   *
   * @throws SyncError `lease-lost`
   */
  async runFenced(session: Session, statement: string): Promise<void> {
    await runFenced(session, statement);
    this.fence.writes.committed();
  }

  /** Moves the checkpoint alone. */
  async saveProgress(session: Session, progress: Progress): Promise<void> {
    if (progress.owesReconcile) this.timesOwed++;
    await this.runFenced(session, fenceStatement(this.#deps.fence, progress));
  }

  async #attempt(
    hands: Hands,
    changes: ChangeSet,
    options: ApplyOptions,
    {careful, allowance}: {careful: boolean; allowance: Allowance | null},
  ): Promise<Outcome> {
    const {session} = hands;
    const ahead = await this.#takeAhead(session, changes);
    const batch = ahead?.batch ?? (await this.#prepare(session, changes, options, null));
    // Deletes that are counted are counted where their rows are locked.
    const isCounted = allowance !== null && batch.work.deletes.some(({length}) => length > 0);
    if (isSimple(batch) && !careful && !isCounted) {
      try {
        const flights = ahead?.flights ?? new Flights(session);
        const writing = ahead?.write() ?? writeAtOnce(flights, batch);
        this.#prepareNext(session, batch, flights, options.next);
        const outcome = await writing;
        await this.#committed(session, batch, outcome);
        return outcome;
      } catch (error) {
        // Before anything else is sent: what follows may be under way behind what failed.
        this.#dropAhead();
        if (!isRefusal(error) || isDeadlock(error)) throw error;
        // What it is about is found out statement by statement.
        if (!(await rollBack(session))) throw error;
        batch.owned.rollback();
      }
    }
    const {follow, need} = options;
    const outcome = await writeCarefully(hands, batch, {
      follow,
      need,
      allowance,
      ownershipOf: (asked, each) => this.ownershipOf(asked, each),
    });
    await this.#committed(session, batch, outcome);
    return outcome;
  }

  /** What was made ready for these changes, unless it was decided on what is not so any more. */
  async #takeAhead(session: Session, changes: ChangeSet): Promise<Ahead | null> {
    const ahead = this.#ahead;
    this.#ahead = null;
    if (ahead === null) return null;
    const isMeant = ahead.session === session && ahead.changes === changes;
    if (isMeant && ahead.version === this.#version && ahead.batch.plan === this.plan) return ahead;
    ahead.discard();
    await ahead.takeBack();
    return null;
  }

  /** What was decided before a failure is to be decided anew. */
  #dropAhead(): void {
    this.#version++;
    this.#ahead?.discard();
    this.#ahead = null;
  }

  /** Never fails: what cannot be made ready is made at its time, and fails then. */
  #prepareNext(session: Session, batch: Batch, {allLeft}: Flights, next: ApplyOptions['next']): void {
    // Only its own commit may come in between.
    const version = this.#version + 1;
    // Then it is wanted already, and is made at its time.
    const isLate = () => this.#version >= version;
    const prepare = async () => {
      const {changes, options, mayFollow = () => false} = (await next) ?? {};
      // Which rows wait with dead letters is known when the batch before has ended.
      const dead = this.deadLetters.count + batch.work.deadLetters.length > 0;
      if (changes === undefined || options === undefined || dead || changes.rereads > 0 || isLate()) return;
      const ready = await this.#prepare(session, changes, options, batch.owned);
      if (!isSimple(ready) || isLate()) return;
      this.#ahead = new Ahead(session, changes, ready, version, {allLeft, mayFollow});
    };
    prepare().catch(() => undefined);
  }

  async #committed(session: Session, batch: Batch, outcome: Outcome): Promise<void> {
    batch.owned.commit();
    this.fence.writes.committed();
    this.#version++;
    const touched = outcome.deadLetters.some(count => count > 0) || this.deadLetters.count > 0;
    if (touched) await this.deadLetters.recount(sql => session.query(sql));
  }

  /** @param before the transaction that is being written, where this one is made ready for after it */
  async #prepare(
    session: Session,
    changes: ChangeSet,
    options: ApplyOptions,
    before: OwnershipView | null,
  ): Promise<Batch> {
    const {config, fence} = this.#deps;
    const {progress, follow} = options;
    const {plan} = this;
    const query = (sql: string) => session.query(sql);
    const dead = await this.#deadAmong(changes, query);
    const owned = await this.#ownership.view(want => wantAll(plan, changes, want), query, before);
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

  async #deadAmong(
    changes: ChangeSet,
    query: (sql: string) => Promise<unknown[][]>,
  ): Promise<PerTable<Set<RowKey>>> {
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
