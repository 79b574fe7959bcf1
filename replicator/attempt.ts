/** One attempt to stream: connects, checks, then reads, compacts and applies until something ends it. */
import {setImmediate as yieldToEventLoop} from 'node:timers/promises';
import type {ApplyOptions, Next} from '../src/apply/applier.ts';
import type {Outcome} from '../src/apply/write-batch.ts';
import type {Progress} from '../src/apply/checkpoint.ts';
import type {Turn} from '../src/apply/apply-lock.ts';
import {StoppedError, SyncError, throwIfStopped} from '../src/errors.ts';
import type {LogOffset} from '../src/position/position.ts';
import {BinlogSource} from './source/binlog-source.ts';
import type {SourceEvent} from './events.ts';
import type {AttemptDeps, Connections} from './attempt-deps.ts';
import {retryConflicts, retryFreed} from './conflicts.ts';
import {TransactionQueue} from './queue.ts';
import {watchMembership} from './membership-watch.ts';
import {QuietSaves} from './quiet-saves.ts';
import {StallWatch} from './stall-watch.ts';
import type {CompactedBatch} from './transaction/batch.ts';
import {Batches, type Batch} from './transaction/batches.ts';
import {PositionTracker, TransactionBuilder} from './transaction/transaction.ts';

/** The maximum number of bytes of row events in the queue. */
const QUEUE_BYTES = 4 * 1024 * 1024;
/** Transactions with more bytes than this are applied in parts. */
const PART_BYTES = 2 * 1024 * 1024;
/** The interval at which the stream's progress is checked. */
const STALL_CHECK_MS = 1000;
/** A heartbeat that comes this long after the previous event says that the end of the log is reached. */
const PAUSE_MS = 500;

/**
 * @returns never; it ends by an exception
 * @throws StoppedError when the signal is set, SyncError on a fault; what was applied is saved
 */
export async function streamOnce(deps: AttemptDeps, signal: AbortSignal): Promise<void> {
  const connections = await deps.connect(signal);
  const attempt = new Attempt(deps, connections);
  try {
    throwIfStopped(signal);
    await attempt.run(signal);
  } finally {
    deps.tap.stopped();
    deps.lag.disconnected();
    await attempt.close();
    connections.close();
  }
}

class Attempt {
  readonly #deps: AttemptDeps;
  readonly #connections: Connections;
  readonly #queue: TransactionQueue;
  readonly #builder: TransactionBuilder;
  readonly #batches: Batches;
  readonly #source: BinlogSource;
  readonly #stall = new StallWatch();
  readonly #stallTimer: NodeJS.Timeout;
  readonly #ended = new AbortController();
  #received: LogOffset | null = null;
  /** The latest event of the log is a heartbeat after a pause, so everything before it has been read. */
  #isAtEnd = false;
  /** The time of the latest event, in milliseconds. */
  #readAtMs: number;
  readonly #saves: QuietSaves;
  #unsaved: Progress | null = null;
  /** The lock's turn for the next batch, if that batch was sent behind the current one. */
  #turn: Turn | null = null;

  constructor(deps: AttemptDeps, connections: Connections) {
    const {checkpoint, applier} = connections;
    if (checkpoint.position === null) throw new SyncError('internal', 'there is no position to stream from');
    this.#deps = deps;
    this.#connections = connections;
    this.#readAtMs = deps.now();
    const {position, offset, parentsProven} = checkpoint;
    this.#saves = new QuietSaves({position, offset, parentsProven}, deps.now());
    this.#builder = new TransactionBuilder({
      database: connections.database,
      mapping: applier.plan.mapping,
      maxBytes: PART_BYTES,
    });
    this.#queue = new TransactionQueue({
      pauseBytes: QUEUE_BYTES,
      resumeBytes: QUEUE_BYTES / 2,
      pause: () => this.#source.pause(),
      resume: () => this.#source.resume(),
    });
    this.#batches = new Batches({
      queue: this.#queue,
      tracker: new PositionTracker(checkpoint.position, checkpoint.offset),
      plan: applier.plan,
      isProven: checkpoint.parentsProven,
      provenAt: connections.provenAt,
      reloadPlan: defined => deps.lock.exclusive(() => connections.reloadPlan(defined)),
    });
    this.#source = new BinlogSource({
      connection: connections.binlog,
      database: connections.database,
      serverId: deps.nextServerId(),
      position: checkpoint.position,
      plan: () => this.#batches.plan,
      collations: connections.collations,
      charsets: connections.charsets,
      server: connections.server,
      onEvent: event => this.#read(event),
      onFault: error => this.#queue.fail(error),
      now: deps.now,
    });
    deps.tap.reads(connections.server.identity);
    deps.lag.connected(deps.now(), connections.server.identity);
    this.#stallTimer = setInterval(() => this.#watchProgress(), STALL_CHECK_MS);
  }

  async run(signal: AbortSignal): Promise<void> {
    const retrying = this.#retryConflicts(signal);
    const fail = (error: Error) => this.#queue.fail(error);
    const until = AbortSignal.any([signal, this.#ended.signal]);
    // Nothing waits for it: its query ends with the connection, which is closed next.
    void watchMembership({whyNot: this.#connections.whyNotMember, fail, signal: until});
    try {
      await this.#stream(signal);
    } finally {
      // At most the current page is read to its end, over the connection that is closed next.
      this.#ended.abort();
      await retrying;
    }
  }

  async #retryConflicts(signal: AbortSignal): Promise<void> {
    const {applier, writer, checkpoint} = this.#connections;
    const {lock, tap} = this.#deps;
    const {position, offset} = checkpoint;
    if (position === null) return;
    const need = {position, offset, openGtid: null};
    const until = AbortSignal.any([signal, this.#ended.signal]);
    await retryConflicts({applier, writer, lock, tap, need}, until).catch((error: unknown) =>
      this.#queue.fail(error instanceof Error ? error : new SyncError('internal', 'an unexpected fault')),
    );
  }

  async #stream(signal: AbortSignal): Promise<void> {
    let streaming = false;
    let ahead: Batch | null = null;
    for (;;) {
      if (ahead === null) await this.#queue.ready(signal);
      if (signal.aborted) {
        if (this.#unsaved !== null) await this.#save(this.#unsaved);
        throw new StoppedError();
      }
      if (!streaming) {
        streaming = true;
        this.#deps.onStreaming();
      }
      const batch: Batch = ahead ?? (await this.#batches.take());
      ahead = await this.#applyBeside(batch);
      const {compacted} = batch;
      const {position, offset, progress} = compacted;
      this.#deps.tap.applied(position, offset, progress?.parentsProven ?? false);
      this.#reportLag(compacted.offset, ahead);
      this.#batches.done(batch);
      if (this.#isAtEnd && ahead === null && this.#queue.isEmpty) this.#deps.onAdvance();
    }
  }

  /** Applies a batch, and prepares the next one meanwhile if it is full, so that the target is never idle. */
  async #applyBeside(batch: Batch): Promise<Batch | null> {
    // Begin once the write is under way.
    const taking = this.#batches.isNextFull
      ? yieldToEventLoop().then(() => this.#batches.take())
      : Promise.resolve(null);
    const reserved = this.#turn ?? undefined;
    this.#turn = null;
    const applying = this.#deps.lock.exclusive(() => this.#apply(batch, taking), reserved);
    // Wait for both, so that no work continues unnoticed after a fault.
    const [applied, taken] = await Promise.allSettled([applying, taking]);
    for (const result of [applied, taken]) if (result.status === 'rejected') throw result.reason;
    return taken.status === 'fulfilled' ? taken.value : null;
  }

  #reportLag(offset: LogOffset | null, ahead: Batch | null): void {
    const {lag, now} = this.#deps;
    lag.contact(this.#source.lastContactMs);
    lag.applied(offset, now(), ahead === null && this.#queue.isEmpty);
    const waiting = ahead?.compacted.oldestCommitMs ?? this.#queue.oldestCommitMs;
    if (waiting !== null) lag.pending(waiting, now());
  }

  close(): Promise<void> {
    clearInterval(this.#stallTimer);
    this.#turn?.leave();
    return this.#source.stop();
  }

  #watchProgress(): void {
    if (this.#source.isPaused) return this.#stall.reset();
    const nowMs = this.#deps.now();
    const sighting = {
      nowMs,
      searching: this.#source.isSearching,
      events: this.#source.events,
      received: this.#received,
      end: this.#deps.lag.freshEnd(nowMs),
    };
    if (this.#stall.isStalled(sighting)) {
      this.#queue.fail(
        new SyncError(
          'stream-silent',
          "the end of the source's log is not where the stream is, and no event arrives",
        ),
      );
    }
  }

  #read(event: SourceEvent): void {
    if ('offset' in event && event.offset !== null) this.#received = event.offset;
    const nowMs = this.#deps.now();
    // MySQL also sends heartbeats at the beginning, while it skips transactions. What comes next may halt the
    // stream again.
    this.#isAtEnd = event.tag === 'advance' && event.isEnd === true && nowMs - this.#readAtMs >= PAUSE_MS;
    this.#readAtMs = nowMs;
    const transaction = this.#builder.add(event);
    if (transaction === null) return;
    if (transaction.committedAtMs !== null) {
      this.#deps.lag.event(transaction.committedAtMs);
      this.#deps.lag.pending(transaction.committedAtMs, this.#deps.now());
    }
    this.#queue.push(transaction);
  }

  async #apply({compacted, reason}: Batch, next: Promise<Batch | null>): Promise<void> {
    const startedMs = this.#deps.now();
    const {tap} = this.#deps;
    const {applier, writer} = this.#connections;
    const {changes, progress, need} = compacted;
    if (changes.size === 0) {
      await this.#quietly(progress, reason !== null);
      if (reason !== null) this.#deps.requestReconcile(reason);
      return;
    }
    tap.applying(applier.plan, changes);
    let outcome: Outcome;
    try {
      outcome = await applier.apply(writer, changes, {
        ...optionsOf(compacted),
        next: next.then(
          following => this.#asNext(following),
          () => null,
        ),
      });
      this.#saved(progress);
      await retryFreed({applier, writer, tap, need}, changes, outcome);
    } catch (error) {
      // The transaction may be committed, and the rows that wait for its values were not retried.
      applier.mustRetryConflicts = true;
      throw error;
    }
    const durationMs = this.#deps.now() - startedMs;
    this.#deps.events.emit('applied', {...compacted, durationMs, outcome});
    if (reason !== null) this.#deps.requestReconcile(reason);
  }

  #asNext(batch: Batch | null): Next | null {
    if (batch === null || batch.compacted.changes.size === 0) return null;
    const mayFollow = () => {
      this.#turn ??= this.#deps.lock.reserve();
      return this.#turn !== null;
    };
    return {changes: batch.compacted.changes, options: optionsOf(batch.compacted), mayFollow};
  }

  /** Transactions of other schemas, rotations and heartbeats move the checkpoint too, but not one by one. */
  async #quietly(progress: Progress | null, atOnce: boolean): Promise<void> {
    this.#unsaved = progress ?? this.#unsaved;
    if (this.#unsaved !== null && (atOnce || this.#saves.isDue(this.#unsaved, this.#deps.now())))
      await this.#save(this.#unsaved);
  }

  async #save(progress: Progress): Promise<void> {
    await this.#connections.applier.saveProgress(this.#connections.writer.session, progress);
    this.#saved(progress);
  }

  #saved(progress: Progress | null): void {
    if (progress === null) return;
    this.#unsaved = null;
    this.#saves.saved(progress, this.#deps.now());
    this.#deps.onAdvance();
  }
}

function optionsOf({progress, need}: CompactedBatch): ApplyOptions {
  return {progress, follow: true, need};
}
