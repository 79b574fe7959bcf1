/**
 * Gives the reconciler its view of the stream: the keys that the stream touches while a batch is being read, and
 * the stream's position (the watermarks of DBLog: docs/invariants.md, 4).
 *
 * A window is opened before a batch is read and closed when it is written. For rows that the stream applied
 * meanwhile, the stream has newer knowledge than the batch. Leaving out too many keys is always safe, because the
 * stream carries their whole rows.
 */
import type {LogOffset, Position} from '../position/position.ts';
import {compareOffsets} from '../position/position.ts';
import {SyncError} from '../errors.ts';
import type {RequiredPosition} from '../source/watermark.ts';
import type {EntityPlan} from '../mapping/entities.ts';
import type {RowKey} from '../mapping/key.ts';
import type {Plan} from '../mapping/plan.ts';
import {LEFT, type ChangeSet} from './change-set.ts';

export class Window {
  readonly #touched = new Map<string, Set<RowKey>>();
  readonly #left = new Map<string, Set<RowKey>>();
  readonly close: () => void;

  constructor(close: (window: Window) => void) {
    this.close = () => close(this);
  }

  /** The keys that the stream has touched since the window was opened. */
  touched(entity: EntityPlan): ReadonlySet<RowKey> {
    return this.#touched.get(entity.name) ?? NONE;
  }

  /** The keys whose rows were deleted for a while: their children may have been deleted without events. */
  left(entity: EntityPlan): ReadonlySet<RowKey> {
    return this.#left.get(entity.name) ?? NONE;
  }

  note({entities}: Pick<Plan, 'entities'>, changes: ChangeSet): void {
    for (const entity of entities) {
      const own = changes.of(entity);
      if (own.size === 0) continue;
      const touched = setOf(this.#touched, entity);
      const left = setOf(this.#left, entity);
      own.forEach((row, key, flags) => {
        touched.add(key);
        if (row === null || (flags & LEFT) !== 0) left.add(key);
      });
    }
  }
}

const NONE: ReadonlySet<RowKey> = new Set();

function setOf(sets: Map<string, Set<RowKey>>, {name}: EntityPlan): Set<RowKey> {
  let set = sets.get(name);
  if (set === undefined) sets.set(name, (set = new Set()));
  return set;
}

interface Waiter {
  readonly offset: LogOffset;
  readonly resolve: () => void;
}

export class StreamTap {
  readonly #windows = new Set<Window>();
  #waiters: Waiter[] = [];
  #live = false;
  #server: string | null = null;
  #position: Position | null = null;
  #offset: LogOffset | null = null;
  #parentsProven = false;

  /** Whether every row of the source had its parents at the stream's position; false while it does not run. */
  get parentsProven(): boolean {
    return this.#live && this.#parentsProven;
  }

  /** The identity of the server that the stream reads from; null while it does not run. */
  get server(): string | null {
    return this.#server;
  }

  /**
   * Positions of two servers cannot be compared, and one of the servers may be behind the other.
   *
   * @throws SyncError `source-unreachable` if the stream reads from another server
   */
  assertReads(server: string): void {
    if (this.#server !== null && this.#server !== server)
      throw new SyncError('source-unreachable', 'the stream reads from another server than the run');
  }

  /** The stream's position; null while it does not run. */
  get position(): {position: Position; offset: LogOffset | null} | null {
    return this.#live && this.#position !== null ? {position: this.#position, offset: this.#offset} : null;
  }

  /** The stream's position, or its last one if it has stopped. */
  get lastPosition(): {position: Position; offset: LogOffset | null} | null {
    return this.#position === null ? null : {position: this.#position, offset: this.#offset};
  }

  /** The position that a read of the source must cover, so as not to miss what the stream has passed. */
  get need(): RequiredPosition | null {
    const stream = this.position;
    return stream === null ? null : {...stream, openGtid: null};
  }

  open(): Window {
    const window = new Window(closed => this.#windows.delete(closed));
    this.#windows.add(window);
    return window;
  }

  /**
   * Resolves when the stream has applied everything up to `offset`, or does not run: then nothing newer can be
   * overwritten, and what it replays later ends in the same rows.
   */
  reached(offset: LogOffset, signal: AbortSignal): Promise<void> {
    if (!this.#live || this.#isPast(offset) || signal.aborted) return Promise.resolve();
    return new Promise(resolve => {
      const done = () => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiters.push({offset, resolve: done});
      signal.addEventListener('abort', done, {once: true});
    });
  }

  /** Called by the stream when it has connected to a server. */
  reads(server: string): void {
    this.#server = server;
  }

  /** Called by the stream before `changes` are applied, so that no window misses them. */
  applying(plan: Pick<Plan, 'entities'>, changes: ChangeSet): void {
    for (const window of this.#windows) window.note(plan, changes);
  }

  /** Called by the stream when everything up to here is applied. */
  applied(position: Position, offset: LogOffset | null, parentsProven = false): void {
    this.#live = true;
    this.#position = position;
    this.#offset = offset;
    this.#parentsProven = parentsProven;
    if (this.#waiters.length > 0) this.#wake(({offset: wanted}) => this.#isPast(wanted));
  }

  /** Called by the stream when it has stopped, for whatever reason. */
  stopped(): void {
    this.#live = false;
    this.#server = null;
    this.#wake(() => true);
  }

  #isPast(offset: LogOffset): boolean {
    return this.#offset !== null && compareOffsets(this.#offset, offset) >= 0;
  }

  #wake(isDone: (waiter: Waiter) => boolean): void {
    const done = this.#waiters.filter(isDone);
    this.#waiters = this.#waiters.filter(waiter => !done.includes(waiter));
    for (const {resolve} of done) resolve();
  }
}
