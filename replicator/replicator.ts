/**
 * The replicator as a service: attempts to stream, one after the other, each with fresh connections, and
 * what is done between them, by the reaction of the fault.
 */
import {describeError, type Logger} from '../src/logger.ts';
import {StoppedError, SyncError} from '../src/errors.ts';
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
/** After a halt, an attempt must last this long before it counts: what halted it may come again at once. */
const HALT_OVER_MS = 1500;
const POSITION_UNKNOWN = 1236;
const MAX_DISPLACED = 10;

/**
 * Streams until told to stop.
 *
 * @returns when the signal is set; the transaction in hand is finished before
 * @throws SyncError that no further attempt can mend
 */
export async function runReplicator(deps: ReplicatorDeps, signal: AbortSignal): Promise<void> {
  const backoff = new Backoff({firstMs: 100, maxMs: 15_000});
  const halt: Halt = {message: null};
  let displaced = 0;
  while (!signal.aborted) {
    let settling: NodeJS.Timeout | undefined;
    try {
      const streaming = () => {
        backoff.reset();
        halt.message = null;
        deps.onStreaming();
      };
      // Looking again whether a halt is over does not end it.
      if (halt.message === null) deps.onState('starting', null);
      await streamOnce(
        {
          ...deps,
          onStreaming: () => {
            if (halt.message === null) streaming();
            else settling = setTimeout(streaming, HALT_OVER_MS);
          },
        },
        signal,
      );
    } catch (error) {
      clearTimeout(settling);
      if (error instanceof StoppedError || signal.aborted) return;
      const fault = toSyncError(error);
      displaced = fault.code === 'stream-displaced' && fault.errno === POSITION_UNKNOWN ? displaced + 1 : 0;
      // A position that is there but cannot be read on from, time after time, is as good as lost.
      const lost =
        displaced > MAX_DISPLACED ? new SyncError('position-lost', fault.message, {cause: fault}) : fault;
      if (lost !== fault) displaced = 0;
      await react(deps, lost, backoff, halt, signal);
    }
  }
}

/** Why replication is halted, so that it is said once and not at each look. */
interface Halt {
  message: string | null;
}

async function react(
  deps: ReplicatorDeps,
  fault: SyncError,
  backoff: Backoff,
  halt: Halt,
  signal: AbortSignal,
): Promise<void> {
  if (fault.reaction !== 'halt') halt.message = null;
  const {logger} = deps;
  switch (fault.reaction) {
    case 'retry': {
      // Whoever leads has to find that out first.
      if (fault.code === 'lease-lost') throw fault;
      const ms = backoff.nextMs();
      deps.onState('starting', fault);
      deps.onReconnect(fault.code);
      // A passing fault is nobody's business; one that stays is.
      logger[backoff.failures > 3 ? 'warn' : 'info'](
        {event: 'replication.retry', err: describeError(fault), ms: Math.round(ms)},
        'replication interrupted, trying again',
      );
      return pause(ms, signal);
    }
    case 'halt':
      deps.onState('halted', fault);
      if (halt.message !== fault.message)
        logger.error({event: 'replication.halted', err: describeError(fault)}, 'replication halted');
      halt.message = fault.message;
      return pause(HALT_RECHECK_MS, signal);
    case 'reanchor':
      deps.onState('starting', fault);
      deps.onReconnect(fault.code);
      logger.warn(
        {event: 'replication.reanchor', err: describeError(fault)},
        'the position is lost: starting anew, with a full reconcile',
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
          halt,
          signal,
        );
      }
      return pause(backoff.nextMs(), signal);
    case 'dead-letter':
    case 'stop':
      throw fault;
  }
}

function toSyncError(error: unknown): SyncError {
  return error instanceof SyncError
    ? error
    : new SyncError('internal', 'an unexpected fault', {cause: error});
}
