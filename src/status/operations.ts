/**
 * The state of a running daemon and the operations on it: the contract between the HTTP interface (and the
 * command line) and everything behind it. Tables come from the mapping.
 */
import type {DeadLetterCode, ErrorCode} from '../errors.ts';

export type ReplicationState =
  'starting' | 'snapshotting' | 'streaming' | 'paused' | 'standby' | 'halted' | 'stopped';

export type ReconcileMode = 'diff' | 'full';
export type RunTrigger = 'schedule' | 'api' | 'cli' | 'recovery';
export type RunState = 'running' | 'succeeded' | 'failed' | 'needs-confirmation';

/**
 * The result of a run for one table. `compared` counts every eligible source row that the run has checked or
 * written.
 */
export interface TableOutcome {
  compared: number;
  repaired: number;
  deleted: number;
  deadLetters: number;
  /** Owned rows that the source does not have any more and that stay; only with SYNC_DELETES=keep. */
  kept?: number;
}
/** By target table. */
export type TableOutcomes = Readonly<Record<string, TableOutcome>>;

export interface Run {
  readonly runId: string;
  readonly trigger: RunTrigger;
  readonly mode: ReconcileMode;
  readonly state: RunState;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly durationMs: number | null;
  readonly tables: TableOutcomes;
  readonly error: string | null;
}

/** The progress of a current run; `fraction` is of the source rows, between 0 and 1. */
export interface RunProgress {
  readonly runId: string;
  /** The target table. */
  readonly table: string;
  readonly rows: number;
  readonly totalRows: number;
  readonly fraction: number;
}

/** Rows by the label that the mapping gives their table. */
export type Counts = Readonly<Record<string, number>>;

export interface Status {
  readonly name: string;
  readonly lastSync: string | null;
  readonly organizationService: Counts | null;
  readonly sourceDatabase: Counts | null;
  /** When the two counts above were taken. */
  readonly countedAt: string | null;
  readonly isHealthy: boolean;
  readonly timestamp: string;
  readonly replication: {
    readonly state: ReplicationState;
    readonly lagSeconds: number | null;
    readonly lagBytes: number | null;
    readonly position: Readonly<Record<string, unknown>> | null;
    /** The end of the source's log when it was last read. */
    readonly sourcePosition: Readonly<Record<string, unknown>> | null;
    readonly lastEventAt: string | null;
    readonly lastContactAt: string | null;
    readonly lastAppliedAt: string | null;
    readonly transactionsApplied: number;
    readonly rowsApplied: number;
    readonly reconnects: number;
    /** What keeps it from streaming: its code, and what an operator does about it. */
    readonly fault: {readonly code: ErrorCode; readonly action: string} | null;
  };
  readonly lastRun: Run | null;
  readonly currentRun: Run | null;
  readonly progress: RunProgress | null;
  readonly nextRun: string | null;
  readonly deadLetters: number;
  /** Rows of the target that the source does not have, by table; null until counted. */
  readonly foreignRows: Readonly<Record<string, number>> | null;
  /** Why not healthy. */
  readonly reasons: readonly string[];
  readonly warnings: readonly string[];
}

export interface DeadLetter {
  readonly table: string;
  readonly key: string;
  readonly code: DeadLetterCode;
  /** The server's error number, or the other key of a conflict: never a value. */
  readonly detail: string | null;
  readonly position: string | null;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
  readonly attempts: number;
}

/** The comparison of one table by `verify`. */
export interface TableVerdict {
  /** Eligible source rows that were compared, those that differ included; dead letters are not counted. */
  readonly compared: number;
  readonly missing: number;
  readonly different: number;
  readonly extra: number;
  readonly deadLetters: number;
  readonly foreign: number;
  /** Owned rows that the source does not have any more and that stay; only with SYNC_DELETES=keep. */
  readonly kept?: number;
  /** The number of different rows in which each column differs. */
  readonly differingColumns?: Readonly<Record<string, number>>;
  /** A few keys of rows in drift, without values. */
  readonly sampleKeys: readonly string[];
}
export interface Verdict {
  readonly equal: boolean;
  readonly tables: Readonly<Record<string, TableVerdict>>;
  readonly durationMs: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Pass as `after` for the next page; null at the end. */
  readonly next: string | null;
}

/** Thrown for an `after` that is not from a page. */
export class CursorError extends Error {
  constructor() {
    super('it is not the `next` of a page');
    this.name = 'CursorError';
  }
}

/** What is pushed to watchers (server-sent events). */
export type OperationEvent =
  | {readonly tag: 'status'; readonly status: Status}
  | {readonly tag: 'run'; readonly run: Run}
  | {readonly tag: 'progress'; readonly progress: RunProgress};

export interface TriggerRequest {
  readonly mode: ReconcileMode;
  readonly allowDeletes: boolean;
}

/** A run as the instance that ran it reports its end. */
export interface EndedRun extends Run {
  /** The code of the fault that ended it, or null. It is not part of the run's record. */
  readonly failure: ErrorCode | null;
}

export interface StartedRun {
  readonly runId: string;
  /** Resolves with the ended run whatever its outcome; never rejects. */
  readonly ended: Promise<EndedRun>;
}

/**
 * A daemon as the HTTP interface sees it. Every method is safe to call at any time.
 *
 * Faults are {@link SyncError}s: `run-active` if a run is active, `lease-held` if another instance leads and this
 * one may not write, `not-leading` if this one does not lead yet.
 */
export interface Operations {
  /** From memory: answers in well under a millisecond. */
  status(): Status;
  /** The process can accept work: it leads and streams, or is a standby. */
  isReady(): boolean;
  trigger(request: TriggerRequest): Promise<StartedRun>;
  verify(signal: AbortSignal): Promise<Verdict>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  runs(page: {after: string | null; limit: number}): Promise<Page<Run>>;
  run(runId: string): Promise<Run | null>;
  deadLetters(page: {
    after: string | null;
    limit: number;
    table?: string | undefined;
  }): Promise<Page<DeadLetter>>;
  /** Retries every dead letter; resolves with how many remain. */
  retryDeadLetters(): Promise<{retried: number; remaining: number}>;
  /** Calls `listener` on every change until the returned function is called. */
  subscribe(listener: (event: OperationEvent) => void): () => void;
}
