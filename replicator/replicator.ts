/**
 * The replicator as a service: attempts to stream, one after the other, each with fresh connections, and
 * what is done between them, by the reaction of the fault.
 */
import {describeError, type Logger} from '../src/logger.ts';
import {StoppedError, SyncError} from '../src/errors.ts';
import {isRefusedOrReset} from '../src/db/faults.ts';
import {Backoff, pause} from '../src/lifecycle/backoff.ts';
import type {ReplicationState} from '../src/status/operations.ts';
import {streamOnce} from './attempt.ts';
import type {AttemptDeps} from './attempt-deps.ts';

export interface ReplicatorDeps extends AttemptDeps {
  readonly logger: Logger;
  readonly onState: (state: ReplicationState, reason: SyncError | null) => void;
  /** Sets a new anchor: a position to stream from, with a full reconcile owed. */
  readonly anchor: (signal: AbortSignal) => Promise<void>;
  readonly onReconnect: (code: string) => void;
}

const HALT_RECHECK_MS = 3000;
/** The longest wait after a connection to the source that was refused or reset. */
const TURNED_AWAY_MS = 2000;
const POSITION_UNKNOWN = 1236;
const MAX_DISPLACED = 10;

/**
 * Streams until told to stop.
 *
 * The backoff begins again only with progress: a connection that was made proves nothing, since what is sent
 * over it may be refused as before. After a fault of the target, or a halt, the stream is not called running
 * until there is progress, so that the status says what is wrong meanwhile.
 *
 * @returns when the signal is set; the transaction in hand is finished before
 * @throws SyncError that no further attempt can mend
 */
export async function runReplicator(deps: ReplicatorDeps, signal: AbortSignal): Promise<void> {
  const backoff = new Backoff({firstMs: 100, maxMs: 15_000});
  const trouble: Trouble = {fault: null};
  let displaced = 0;
  deps.onState('starting', null);
  while (!signal.aborted) {
    const streaming = () => {
      trouble.fault = null;
      deps.onStreaming();
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
            deps.onAdvance();
          },
        },
        signal,
      );
    } catch (error) {
      if (error instanceof StoppedError || signal.aborted) return;
      const fault = toSyncError(error);
      displaced = fault.code === 'stream-displaced' && fault.errno === POSITION_UNKNOWN ? displaced + 1 : 0;
      // A position that is there but cannot be read on from, time after time, is as good as lost.
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
}

/** Faults that come again as soon as the same batch does, however well the servers can be reached. */
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
  const {logger} = deps;
  switch (fault.reaction) {
    case 'retry': {
      // Whoever leads has to find that out first.
      if (fault.code === 'lease-lost') throw fault;
      const ms = retryWaitMs(fault, backoff);
      deps.onState('starting', fault);
      deps.onReconnect(fault.code);
      // A fault that passes by itself is worth no warning; one that stays is.
      logger[backoff.failures > 3 ? 'warn' : 'info'](
        {event: 'replication.retry', err: describeError(fault), ms: Math.round(ms)},
        'replication interrupted, trying again',
      );
      return pause(ms, signal);
    }
    case 'halt':
      deps.onState('halted', fault);
      // Said once, and not at each look.
      if (before?.message !== fault.message)
        logger.error({event: 'replication.halted', err: describeError(fault)}, 'replication halted');
      return pause(HALT_RECHECK_MS, signal);
    case 'reanchor':
      deps.onState('starting', fault);
      deps.onReconnect(fault.code);
      logger.warn(
        {event: 'replication.reanchor', err: describeError(fault)},
        'the position is lost: a full reconcile follows, from a new position',
      );
      try {
        await deps.anchor(signal);
      } catch (error) {
        if (signal.aborted) return;
        const next = toSyncError(error);
        // An anchor that cannot be had is a fault of its own.
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
 * How long to wait before the next attempt, in milliseconds. A source that refuses or resets connections
 * answers at once, so that asking it often costs nobody anything, and one that is back is found soon.
 */
export function retryWaitMs({code, cause}: SyncError, backoff: Backoff): number {
  const isTurnedAway = code === 'source-unreachable' && isRefusedOrReset(cause);
  return Math.min(backoff.nextMs(), isTurnedAway ? TURNED_AWAY_MS : Infinity);
}

function toSyncError(error: unknown): SyncError {
  return error instanceof SyncError
    ? error
    : new SyncError('internal', 'an unexpected fault', {cause: error});
}
