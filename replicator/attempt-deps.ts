/** The dependencies of one attempt to stream. */
import type {Applier} from '../src/apply/applier.ts';
import type {Checkpoint} from '../src/apply/checkpoint.ts';
import type {WriterContext} from '../src/apply/writer-context.ts';
import type {ApplyLock} from '../src/apply/apply-lock.ts';
import type {StreamTap} from '../src/apply/stream-tap.ts';
import type {Dialling} from '../src/db/connection.ts';
import type {ServerInfo} from '../src/db/server.ts';
import type {LeaderEvents} from '../src/leader-events.ts';
import type {Logger} from '../src/logger.ts';
import type {Plan} from '../src/mapping/plan.ts';
import type {LogOffset} from '../src/position/position.ts';
import type {CharsetTables} from '../src/source/charset-tables.ts';
import type {Collations} from '../src/source/collations.ts';
import type {LagTracker} from '../src/status/lag.ts';

/** What each attempt gets for itself. */
export interface Connections {
  /** The name of the source's schema, as its log writes it. */
  readonly database: string;
  readonly writer: WriterContext;
  readonly applier: Applier;
  readonly checkpoint: Checkpoint;
  readonly binlog: Dialling;
  readonly collations: Collations;
  /** Has those of a plan's columns before the plan is returned by {@link reloadPlan}. */
  readonly charsets: CharsetTables;
  /** The source, as the connection that checked the position sees it. */
  readonly server: Pick<ServerInfo, 'flavour' | 'identity'>;
  /** The end of the source's log after foreign keys and their rows were checked; null if it is not known. */
  readonly provenAt: LogOffset | null;
  /** Returns why the source is a node that its cluster has lost; null if it is not. */
  readonly whyNotMember: () => Promise<string | null>;
  /**
   * Reads the schemas again, after these source tables may have been defined anew. Throws if a plan cannot be made.
   * Returns whether mapped columns changed.
   */
  readonly reloadPlan: (
    defined: ReadonlySet<string>,
  ) => Promise<{plan: Plan; changed: boolean; provenAt: LogOffset | null}>;
  readonly close: () => void;
}

export interface AttemptDeps {
  /** Returns an id for one connection to the source's log. */
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
  readonly events: LeaderEvents;
  readonly onStreaming: () => void;
  /** Called when a batch was applied, a position saved, or the end of the log reached. */
  readonly onAdvance: () => void;
  /** Called when the log does not show what changed, and a pending reconcile was saved for it. */
  readonly requestReconcile: (reason: string) => void;
}
