/** Builds the status from the state of the daemon. Pure. */
import {ERROR_CODES, type SyncError} from '../errors.ts';
import type {LogOffset, Position} from '../position/position.ts';
import type {BookkeepingFacts} from './bookkeeping.ts';
import {healthOf, unseenWarnings, type Unseen} from './health.ts';
import type {LagTracker} from './lag.ts';
import type {ReplicationState, Run, RunProgress, Status} from './operations.ts';
import type {Counted} from './poller.ts';

/** The warning begins with a word that programs, and the dashboard, can search for. */
const MAPPING_CHANGED =
  'mapping-changed: the last run used another mapping; a reconcile brings the target up to this one';

/** The state of a stream. */
export interface Place {
  readonly position: Position;
  readonly offset: LogOffset | null;
}

export interface StatusFacts {
  readonly name: string;
  readonly replicationEnabled: boolean;
  readonly maxLagSeconds: number;
  readonly state: ReplicationState;
  readonly stateSinceMs: number;
  readonly fault: SyncError | null;
  /** Null if another instance leads, or none. */
  readonly leading: {
    /** A pending or running reconcile covers the changes without row images. */
    readonly isLoading: boolean;
    readonly place: Place | null;
    readonly currentRun: Run | null;
    readonly nextRun: Date | null;
  } | null;
  readonly lag: Pick<LagTracker, 'lagSeconds' | 'knownEnd' | 'lastEventMs' | 'lastContactMs'>;
  readonly lagBytes: number | null;
  readonly applied: {readonly transactions: number; readonly rows: number; readonly atMs: number | null};
  readonly reconnects: number;
  readonly unseen: Unseen | null;
  readonly counted: Counted | null;
  readonly foreign: Status['foreignRows'];
  readonly progress: RunProgress | null;
  readonly bookkeeping: BookkeepingFacts;
  /** The last run used another mapping, and no reconcile has ended with this one. */
  readonly mappingChanged?: boolean;
}

export function statusOf(facts: StatusFacts, nowMs: number): Status {
  const {leading, counted, progress, bookkeeping} = facts;
  const {lastRun, lastSync, deadLetters} = bookkeeping;
  const state = facts.state === 'streaming' && leading?.isLoading === true ? 'snapshotting' : facts.state;
  const lagSeconds = leading !== null && facts.replicationEnabled ? facts.lag.lagSeconds(nowMs) : null;
  const {reasons, warnings} = healthOf({
    replicationEnabled: facts.replicationEnabled,
    state,
    fault: facts.fault,
    stateForMs: nowMs - facts.stateSinceMs,
    lagSeconds,
    maxLagSeconds: facts.maxLagSeconds,
    lastRun,
    deadLetters,
    bookkeepingFault: bookkeeping.fault,
    warnings: [
      ...unseenWarnings(facts.unseen, nowMs),
      ...(facts.mappingChanged === true ? [MAPPING_CHANGED] : []),
    ],
  });
  return {
    name: facts.name,
    lastSync,
    organizationService: counted?.target ?? null,
    sourceDatabase: counted?.source ?? null,
    countedAt: iso(counted?.atMs ?? null),
    isHealthy: reasons.length === 0,
    timestamp: new Date(nowMs).toISOString(),
    replication: replicationOf(facts, state, lagSeconds),
    lastRun,
    currentRun: leading?.currentRun ?? null,
    progress,
    nextRun: leading?.nextRun?.toISOString() ?? null,
    deadLetters,
    foreignRows: facts.foreign,
    reasons,
    warnings,
  };
}

function replicationOf(
  {replicationEnabled, leading, lag, lagBytes, applied, reconnects, fault}: StatusFacts,
  state: ReplicationState,
  lagSeconds: number | null,
): Status['replication'] {
  return {
    state,
    lagSeconds: lagSeconds === null ? null : Math.round(lagSeconds * 1000) / 1000,
    lagBytes: leading === null ? null : lagBytes,
    // For a halted or paused stream, the position is what an operator needs.
    position: replicationEnabled ? positionOf(leading?.place ?? null) : null,
    sourcePosition: lag.knownEnd === null ? null : {...lag.knownEnd},
    lastEventAt: iso(lag.lastEventMs),
    lastContactAt: iso(lag.lastContactMs),
    lastAppliedAt: iso(applied.atMs),
    transactionsApplied: applied.transactions,
    rowsApplied: applied.rows,
    reconnects,
    fault: fault === null ? null : {code: fault.code, action: ERROR_CODES[fault.code].action},
  };
}

function positionOf(place: Place | null): Record<string, unknown> | null {
  if (place === null) return null;
  const {position, offset} = place;
  return {...position, ...(offset === null ? {} : {file: offset.file, offset: offset.offset})};
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
