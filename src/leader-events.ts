/**
 * What a leader reports: one emitter that the stream, the reconciles and the daemon share. An event states what
 * happened; a listener can neither change nor delay it.
 */
import type {EventEmitter} from 'node:events';
import type {Outcome} from './apply/write-batch.ts';
import type {SyncError} from './errors.ts';
import type {ReplicationState, Run, RunProgress} from './status/operations.ts';

/** The arguments of each event. */
export interface LeaderEventMap {
  state: [state: ReplicationState, fault: SyncError | null];
  /** The stream is interrupted by a fault with this code, and connects again. */
  reconnect: [code: string];
  /** A batch was applied, a position saved, the end of the log reached, or a run succeeded: both servers work. */
  advance: [];
  applied: [batch: AppliedBatch];
  /** Rows changed without row images in the log. */
  unseen: [reason: string];
  /** A run began or ended. */
  run: [run: Run];
  progress: [progress: RunProgress];
  /** A run counted the foreign rows of each table. */
  foreign: [rows: Readonly<Record<string, number>>];
}

export type LeaderEvents = EventEmitter<LeaderEventMap>;

export interface AppliedBatch {
  readonly transactions: number;
  readonly rows: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly outcome: Outcome | null;
  readonly oldestCommitMs: number | null;
}
