/** Whether the stream is healthy, and why not. Pure. */
import type {SyncError} from '../errors.ts';
import type {ReplicationState, Run} from './operations.ts';

export interface HealthFacts {
  readonly replicationEnabled: boolean;
  readonly state: ReplicationState;
  readonly fault: SyncError | null;
  /** Since when the state is what it is, in milliseconds. */
  readonly stateForMs: number;
  readonly lagSeconds: number | null;
  readonly maxLagSeconds: number;
  readonly lastRun: Run | null;
  readonly deadLetters: number;
  readonly warnings: readonly string[];
}

/** A connection that is made anew within this time is no ill health. */
const RECONNECT_GRACE_MS = 10_000;

/** Rows changed in a way that the log does not show; a reconcile follows. */
export interface Unseen {
  readonly reason: string;
  /** When it last happened. */
  readonly atMs: number;
  /** When it first happened without an hour of quiet since, and how often. */
  readonly sinceMs: number;
  readonly times: number;
}

/** A reconcile repairs it without help, but an operator should know for this long. */
const UNSEEN_SHOWN_MS = 3_600_000;
/** From here on it is no exception but the way in which the source works. */
const OFTEN = 5;

export function oneMoreUnseen(before: Unseen | null, reason: string, nowMs: number): Unseen {
  const goesOn = before !== null && nowMs - before.atMs <= UNSEEN_SHOWN_MS;
  return {
    reason,
    atMs: nowMs,
    sinceMs: goesOn ? before.sinceMs : nowMs,
    times: goesOn ? before.times + 1 : 1,
  };
}

export function unseenWarnings(unseen: Unseen | null, nowMs: number): string[] {
  if (unseen === null || nowMs - unseen.atMs > UNSEEN_SHOWN_MS) return [];
  const at = new Date(unseen.atMs).toISOString();
  if (unseen.times < OFTEN)
    return [`the log does not show what changed at ${at} (${unseen.reason}): a reconcile repairs it`];
  const since = new Date(unseen.sinceMs).toISOString();
  return [
    `the log did not show what changed ${unseen.times} times since ${since}, the last time at ${at} (${unseen.reason}): such changes reach the target only with a reconcile, which runs once a minute at most where they come often; laas-sync doctor names the setting, as a rule binlog_format = ROW for every session`,
  ];
}

export function healthOf(facts: HealthFacts): {reasons: string[]; warnings: string[]} {
  const reasons: string[] = [];
  const warnings = [...facts.warnings];
  const why = facts.fault === null ? '' : `: ${facts.fault.code}, ${facts.fault.message}`;
  if (facts.replicationEnabled) {
    if (facts.state === 'halted') reasons.push(`replication is halted${why}`);
    else if (facts.state === 'stopped') reasons.push(`replication is stopped${why}`);
    else if (facts.fault?.reaction === 'reanchor') {
      // Over in a moment, and yet somebody should be told: the log's retention is too short, or worse.
      reasons.push(`replication starts anew, with a full reconcile${why}`);
    } else if (facts.state === 'paused') warnings.push('replication is paused by an operator');
    else if (facts.state === 'starting' && (facts.fault !== null || facts.stateForMs > RECONNECT_GRACE_MS)) {
      // A connection may come back in a moment; what a server refuses, it will most likely refuse again.
      const isRefused = facts.fault?.code === 'target-rejected-batch';
      if (isRefused || facts.stateForMs > RECONNECT_GRACE_MS)
        reasons.push(`replication is not running${why}`);
      else warnings.push(`replication is reconnecting${why}`);
    }
    if (facts.lagSeconds !== null && facts.lagSeconds > facts.maxLagSeconds) {
      reasons.push(
        `the target is ${Math.round(facts.lagSeconds)} s behind, more than ${facts.maxLagSeconds} s`,
      );
    }
  }
  if (facts.lastRun?.state === 'failed')
    reasons.push(`the last reconcile failed: ${facts.lastRun.error ?? 'unknown'}`);
  if (facts.lastRun?.state === 'needs-confirmation') {
    reasons.push(
      `the last reconcile would delete too many rows and awaits confirmation (allowDeletes): ${facts.lastRun.error ?? ''}`,
    );
  }
  if (facts.deadLetters > 0)
    warnings.push(
      facts.deadLetters === 1
        ? '1 dead letter waits to be corrected'
        : `${facts.deadLetters} dead letters wait to be corrected`,
    );
  return {reasons, warnings};
}
