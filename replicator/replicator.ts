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
export async function runReplicator(deps: ReplicatorDeps, signal: AbortSignal): Promise<void> {
  const backoff = new Backoff({firstMs: 100, maxMs: 15_000});
  const trouble: Trouble = {fault: null, logged: null};
  let displaced = 0;
  const {events} = deps;
  events.emit('state', 'starting', null);
  while (!signal.aborted) {
    const streaming = () => {
      trouble.fault = null;
      trouble.logged = null;
      events.emit('state', 'streaming', null);
    };
    try {
      await streamOnce(
        {
          ...deps,
          onStreaming: () => {
            if (trouble.fault === null || !needsProgress(trouble.fault)) streaming();
          },
          onAdvance: () => {
            backoff.reset();
            if (trouble.fault !== null) streaming();
            events.emit('advance');
          },
        },
        signal,
      );
    } catch (error) {
      if (error instanceof StoppedError || signal.aborted) return;
      const fault = toSyncError(error);
      displaced = fault.code === 'stream-displaced' && fault.errno === POSITION_UNKNOWN ? displaced + 1 : 0;
      // A position that exists but repeatedly cannot be read from counts as lost.
      const lost =
        displaced > MAX_DISPLACED ? new SyncError('position-lost', fault.message, {cause: fault}) : fault;
      if (lost !== fault) displaced = 0;
      await react(deps, lost, backoff, trouble, signal);
    }
  }
}

/** The fault that is not over yet. */
interface Trouble {
  fault: SyncError | null;
  /** The message of the halt that was logged. */
  logged: string | null;
}

/** Faults that the same batch causes again, even if both servers can be reached. */
function needsProgress({code, reaction}: SyncError): boolean {
  return reaction === 'halt' || (reaction === 'retry' && !/^(source|stream)-/.test(code));
}

async function react(
  deps: ReplicatorDeps,
  fault: SyncError,
  backoff: Backoff,
  trouble: Trouble,
  signal: AbortSignal,
): Promise<void> {
  const before = trouble.fault;
  trouble.fault = fault;
  if (fault.reaction !== 'halt') trouble.logged = null;
  const {logger, events} = deps;
  switch (fault.reaction) {
    case 'retry': {
      // The new leader has to find that out first.
      if (fault.code === 'lease-lost') throw fault;
      const ms = retryWaitMs(fault, backoff);
      events.emit('state', 'starting', fault);
      events.emit('reconnect', fault.code);
      // A fault that passes by itself needs no warning; one that persists does.
      logger[backoff.failures > 3 ? 'warn' : 'info'](
        {event: 'replication.retry', err: describeError(fault), ms: Math.round(ms)},
        'replication interrupted; retrying',
      );
      return pause(ms, signal);
    }
    case 'halt':
      if (fault.code === 'schema-incompatible' && before?.code !== fault.code) {
        events.emit('state', 'starting', fault);
        return pause(SCHEMA_RECHECK_MS, signal);
      }
      events.emit('state', 'halted', fault);
      // Log this once, and not at each attempt.
      if (trouble.logged !== fault.message)
        logger.error({event: 'replication.halted', err: describeError(fault)}, 'replication halted');
      trouble.logged = fault.message;
      return pause(HALT_RECHECK_MS, signal);
    case 'reanchor':
      events.emit('state', 'starting', fault);
      events.emit('reconnect', fault.code);
      logger.warn(
        {event: 'replication.reanchor', err: describeError(fault)},
        'saved position is no longer available; restarting from the current position with a full reconcile',
      );
      try {
        await deps.anchor(signal);
      } catch (error) {
        if (signal.aborted) return;
        const next = toSyncError(error);
        // A failure to set an anchor is a fault of its own.
        return react(
          deps,
          next.reaction === 'reanchor' ? new SyncError('internal', next.message, {cause: next}) : next,
          backoff,
          trouble,
          signal,
        );
      }
      return pause(backoff.nextMs(), signal);
    case 'dead-letter':
    case 'stop':
      throw fault;
  }
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
