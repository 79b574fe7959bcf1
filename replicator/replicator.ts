/**
 * The replicator as a service: makes one attempt to stream after another, each with fresh connections, and reacts
 * to the fault of each attempt by its code.
 */
import {describeError} from '../src/logger.ts';
import {StoppedError, SyncError} from '../src/errors.ts';
import {isRefusedOrReset} from '../src/db/faults.ts';
import {Backoff, pause} from '../src/lifecycle/backoff.ts';
import {streamOnce} from './attempt.ts';
import type {AttemptDeps} from './attempt-deps.ts';
import {POSITION_UNKNOWN} from './source/fault.ts';

export interface ReplicatorDeps extends Omit<AttemptDeps, 'onStreaming' | 'onAdvance'> {
  /** Sets a new anchor: a new position to stream from, with a full reconcile due. */
  readonly anchor: (signal: AbortSignal) => Promise<void>;
}

const HALT_RECHECK_MS = 3000;
/**
 * The wait before a schema that does not fit is checked once more. While a table is replaced by RENAME TABLE,
 * MariaDB shows for a moment that there is none.
 */
const SCHEMA_RECHECK_MS = 300;
/** The longest wait after the source refused or reset a connection. */
const TURNED_AWAY_MS = 2000;
/**
 * The shortest wait after another client with our server id has ended the stream. Two such streams end each other
 * at each attempt. With shorter waits, the one that makes progress returns before the other has read anything.
 */
const TURN_MS = 3000;
const MAX_DISPLACED = 10;

/**
 * Streams until it is stopped.
 *
 * Only progress resets the backoff: a successful connection proves nothing, because the source may refuse what is
 * sent over it as before. After a fault of the target, or a halt, the state does not return to running before
 * there is progress, so that the status shows the fault meanwhile.
 *
 * @returns when the signal is set; the current transaction is finished before
 * @throws SyncError that no further attempt can fix
 */
export function runReplicator(deps: ReplicatorDeps, signal: AbortSignal): Promise<void> {
  return new Replicator(deps, signal).run();
}

class Replicator {
  readonly #deps: ReplicatorDeps;
  readonly #signal: AbortSignal;
  readonly #backoff = new Backoff({firstMs: 100, maxMs: 15_000});
  /** The fault that is not over yet. */
  #fault: SyncError | null = null;
  /** The message of the halt that was logged: it is logged once, and not at each attempt. */
  #loggedHalt: string | null = null;
  /** How often in a row the source could not read our position, or ended the stream for another client. */
  #displaced = 0;

  constructor(deps: ReplicatorDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    this.#deps.events.emit('state', 'starting', null);
    while (!this.#signal.aborted) {
      try {
        await this.#attempt();
      } catch (error) {
        if (error instanceof StoppedError || this.#signal.aborted) return;
        await this.#react(this.#faultOf(error));
      }
    }
  }

  #attempt(): Promise<void> {
    return streamOnce(
      {
        ...this.#deps,
        onStreaming: () => {
          if (this.#fault === null || !needsProgress(this.#fault)) this.#recover();
        },
        onAdvance: () => {
          this.#backoff.reset();
          if (this.#fault !== null) this.#recover();
          this.#deps.events.emit('advance');
        },
      },
      this.#signal,
    );
  }

  #recover(): void {
    this.#fault = null;
    this.#loggedHalt = null;
    this.#deps.events.emit('state', 'streaming', null);
  }

  /** A position that exists but repeatedly cannot be read from counts as lost. */
  #faultOf(error: unknown): SyncError {
    const fault = toSyncError(error);
    const isUnknown = fault.code === 'stream-displaced' && fault.errno === POSITION_UNKNOWN;
    this.#displaced = isUnknown ? this.#displaced + 1 : 0;
    if (this.#displaced <= MAX_DISPLACED) return fault;
    this.#displaced = 0;
    return new SyncError('position-lost', fault.message, {cause: fault});
  }

  async #react(fault: SyncError): Promise<void> {
    const before = this.#fault;
    this.#fault = fault;
    if (fault.reaction !== 'halt') this.#loggedHalt = null;
    switch (fault.reaction) {
      case 'retry':
        return this.#retry(fault);
      case 'halt':
        return this.#halt(fault, before);
      case 'reanchor':
        return this.#reanchor(fault);
      case 'dead-letter':
      case 'stop':
        throw fault;
    }
  }

  #retry(fault: SyncError): Promise<void> {
    // The new leader has to find that out first.
    if (fault.code === 'lease-lost') throw fault;
    const {logger, events} = this.#deps;
    const ms = retryWaitMs(fault, this.#backoff);
    events.emit('state', 'starting', fault);
    events.emit('reconnect', fault.code);
    // A temporary fault needs no warning; one that persists does.
    logger[this.#backoff.failures > 3 ? 'warn' : 'info'](
      {event: 'replication.retry', err: describeError(fault), ms: Math.round(ms)},
      'replication interrupted; retrying',
    );
    return pause(ms, this.#signal);
  }

  #halt(fault: SyncError, before: SyncError | null): Promise<void> {
    const {logger, events} = this.#deps;
    if (fault.code === 'schema-incompatible' && before?.code !== fault.code) {
      events.emit('state', 'starting', fault);
      return pause(SCHEMA_RECHECK_MS, this.#signal);
    }
    events.emit('state', 'halted', fault);
    if (this.#loggedHalt !== fault.message)
      logger.error({event: 'replication.halted', err: describeError(fault)}, 'replication halted');
    this.#loggedHalt = fault.message;
    return pause(HALT_RECHECK_MS, this.#signal);
  }

  async #reanchor(fault: SyncError): Promise<void> {
    const {logger, events, anchor} = this.#deps;
    events.emit('state', 'starting', fault);
    events.emit('reconnect', fault.code);
    logger.warn(
      {event: 'replication.reanchor', err: describeError(fault)},
      'saved position is no longer available; restarting from the current position with a full reconcile',
    );
    try {
      await anchor(this.#signal);
    } catch (error) {
      if (this.#signal.aborted) return;
      const next = toSyncError(error);
      // A failure to set an anchor is a fault of its own.
      const isLostAgain = next.reaction === 'reanchor';
      return this.#react(isLostAgain ? new SyncError('internal', next.message, {cause: next}) : next);
    }
    return pause(this.#backoff.nextMs(), this.#signal);
  }
}

/** Faults that the same batch causes again, even if both servers can be reached. */
function needsProgress({code, reaction}: SyncError): boolean {
  return reaction === 'halt' || (reaction === 'retry' && !/^(source|stream)-/.test(code));
}

/**
 * Returns how long to wait before the next attempt, in milliseconds. A source that refuses or resets connections
 * answers at once, as does one that is outside of its cluster. So frequent attempts cost little, and its return is
 * noticed soon. A stream that another one has displaced lets it have a turn.
 */
export function retryWaitMs({code, cause, answersAtOnce}: SyncError, backoff: Backoff): number {
  if (code === 'stream-displaced') return Math.max(backoff.nextMs(), TURN_MS * (1 + Math.random()));
  const isTurnedAway = answersAtOnce || (code === 'source-unreachable' && isRefusedOrReset(cause));
  return Math.min(backoff.nextMs(), isTurnedAway ? TURNED_AWAY_MS : Infinity);
}

function toSyncError(error: unknown): SyncError {
  return error instanceof SyncError
    ? error
    : new SyncError('internal', 'an unexpected fault', {cause: error});
}
