/** Determines whether the stream is healthy, and if not, why. Pure. */
import type {SyncError} from '../errors.ts';
import type {ReplicationState, Run} from './operations.ts';

export interface HealthFacts {
  readonly replicationEnabled: boolean;
  readonly state: ReplicationState;
  readonly fault: SyncError | null;
  /** When the current state began, in milliseconds. */
  readonly stateForMs: number;
  readonly lagSeconds: number | null;
  readonly maxLagSeconds: number;
  readonly lastRun: Run | null;
  readonly deadLetters: number;
  /** Why runs can be neither recorded nor read. */
  readonly bookkeepingFault: SyncError | null;
  readonly warnings: readonly string[];
}

/** A reconnect shorter than this does not count as unhealthy. */
const RECONNECT_GRACE_MS = 10_000;

/** Rows changed without row images in the log; a reconcile follows. */
export interface Unseen {
  readonly reason: string;
  /** When it last happened. */
  readonly atMs: number;
  /** When it first happened without an hour of quiet since, and how often. */
  readonly sinceMs: number;
  readonly times: number;
}

/** A reconcile repairs it automatically, but an operator should know about it for this long. */
const UNSEEN_SHOWN_MS = 3_600_000;
/** From this number on, it is not an exception but the way in which the source works. */
const OFTEN = 5;

export function oneMoreUnseen(before: Unseen | null, reason: string, nowMs: number): Unseen {
  const isSameSeries = before !== null && nowMs - before.atMs <= UNSEEN_SHOWN_MS;
  return {
    reason,
    atMs: nowMs,
    sinceMs: isSameSeries ? before.sinceMs : nowMs,
    times: isSameSeries ? before.times + 1 : 1,
  };
}

export function unseenWarnings(unseen: Unseen | null, nowMs: number): string[] {
  if (unseen === null || nowMs - unseen.atMs > UNSEEN_SHOWN_MS) return [];
  const at = new Date(unseen.atMs).toISOString();
  if (unseen.times < OFTEN)
    return [
      `changes at ${at} were logged without row images (${unseen.reason}); a reconcile has been scheduled`,
    ];
  const since = new Date(unseen.sinceMs).toISOString();
  return [
    `changes were logged without row images ${unseen.times} times since ${since}, the last time at ${at} (${unseen.reason}): such changes reach the target only with a reconcile, and repeated ones run at most once a minute; laas-sync doctor names the setting, usually binlog_format = ROW for every session`,
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
      // It is over in a moment, but an operator should know about it: the log's retention is too short, or worse.
      reasons.push(`replication restarted from a new position; a full reconcile is running${why}`);
    } else if (facts.state === 'paused') warnings.push('replication is paused by an operator');
    else if (facts.state === 'starting' && (facts.fault !== null || facts.stateForMs > RECONNECT_GRACE_MS)) {
      // A connection may come back in a moment; a server that refuses something will most likely refuse it again.
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
  // A run that cannot be recorded does not start. A server that cannot be reached is the stream's fault, too.
  const record = facts.bookkeepingFault;
  if (record !== null && record.reaction === 'halt' && record.code !== facts.fault?.code)
    reasons.push(`no reconcile can run: ${record.code}, ${record.message}`);
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
        ? '1 dead letter needs a correction'
        : `${facts.deadLetters} dead letters need a correction`,
    );
  return {reasons, warnings};
}
