/** What an attempt to stream works with, and what it reports. */
import type {Applier} from '../src/apply/applier.ts';
import type {Checkpoint} from '../src/apply/checkpoint.ts';
import type {Hands} from '../src/apply/hands.ts';
import type {ApplyLock} from '../src/apply/mutex.ts';
import type {StreamTap} from '../src/apply/stream-tap.ts';
import type {Outcome} from '../src/apply/transaction.ts';
import type {Dialling} from '../src/db/connection.ts';
import type {Logger} from '../src/logger.ts';
import type {Plan} from '../src/mapping/plan.ts';
import type {LogOffset} from '../src/position/position.ts';
import type {Collations} from '../src/source/collations.ts';
import type {LagTracker} from '../src/status/lag.ts';

/** What each attempt gets for itself. */
export interface Connections {
  /** The source's schema, as its log writes it. */
  readonly database: string;
  readonly hands: Hands;
  readonly applier: Applier;
  readonly checkpoint: Checkpoint;
  readonly binlog: Dialling;
  readonly collations: Collations;
  /** The end of the source's log after the look at its foreign keys and at what they hold; null where it is not known. */
  readonly provenAt: LogOffset | null;
  /** Looks at the schemas again; a plan that cannot be made is thrown. Tells whether mapped columns changed. */
  readonly reloadPlan: () => Promise<{plan: Plan; changed: boolean; provenAt: LogOffset | null}>;
  readonly close: () => void;
}

export interface AttemptDeps {
  /** An id for one connection to the source's log. */
  readonly nextServerId: () => number;
  /**
   * Connects to both servers, checks them and the saved position.
   *
   * @throws SyncError with the reaction that fits
   */
  readonly connect: (signal: AbortSignal) => Promise<Connections>;
  readonly lock: ApplyLock;
  readonly tap: StreamTap;
  readonly lag: LagTracker;
  readonly logger: Logger;
  readonly now: () => number;
  readonly onStreaming: () => void;
  /** A batch was applied, a position saved, or the end of the log reached: both servers do what is asked of them. */
  readonly onAdvance: () => void;
  readonly onApplied: (batch: AppliedBatch) => void;
  /** The log does not show what changed: a reconcile must follow, and it is saved that it must. */
  readonly onReconcileOwed: (reason: string) => void;
}

export interface AppliedBatch {
  readonly transactions: number;
  readonly rows: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly outcome: Outcome | null;
  readonly oldestCommitMs: number | null;
}
