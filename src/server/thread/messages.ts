/** The messages between the server's thread and the daemon's. Each side's messages arrive in order. */
import type {Config} from '../../config.ts';
import type {
  DeadLetter,
  OperationEvent,
  Operations,
  Page,
  EndedRun,
  Run,
  Status,
  TriggerRequest,
  Verdict,
} from '../../status/operations.ts';
import type {Address} from '../server.ts';
import type {Fault} from './faults.ts';

/** The initial data of the server's thread, all of it plain. It holds no password of a database. */
export interface ThreadData {
  readonly config: ThreadConfig;
  readonly metricsType: string;
  /** Standard error is a terminal, which only the main thread can detect. */
  readonly isTerminal: boolean;
  readonly silentAfterMs: number;
  readonly known: Known;
}
export type ThreadConfig = Pick<
  Config,
  'http' | 'name' | 'mapping' | 'maxLagSeconds' | 'logLevel' | 'logFormat'
>;

/** The daemon's state, which each of its messages carries. */
export interface Known {
  readonly status: Status;
  readonly isReady: boolean;
}

/** A call to the daemon, as in its {@link Operations}. */
export type Call =
  | {readonly method: 'trigger'; readonly request: TriggerRequest}
  | {readonly method: 'runs'; readonly page: Parameters<Operations['runs']>[0]}
  | {readonly method: 'run'; readonly runId: string}
  | {readonly method: 'deadLetters'; readonly page: Parameters<Operations['deadLetters']>[0]}
  | {readonly method: 'verify' | 'pause' | 'resume' | 'retryDeadLetters' | 'metrics'};

export interface Answers {
  /** The run's id; its end is reported later, as `run-ended`. */
  readonly trigger: string;
  readonly verify: Verdict;
  readonly pause: void;
  readonly resume: void;
  readonly runs: Page<Run>;
  readonly run: Run | null;
  readonly deadLetters: Page<DeadLetter>;
  readonly retryDeadLetters: {retried: number; remaining: number};
  readonly metrics: string;
}

/** Messages from the server's thread. */
export type ToDaemon =
  | {readonly tag: 'probe'; readonly id: number}
  | {readonly tag: 'call'; readonly id: number; readonly call: Call}
  /** The caller has disconnected; this ends only a verification. */
  | {readonly tag: 'abort'; readonly id: number}
  /** Events are requested, or no longer. */
  | {readonly tag: 'watch'; readonly on: boolean}
  | {readonly tag: 'listening'; readonly address: Address}
  | {readonly tag: 'ended'; readonly fault: Fault | null};

export type Said =
  /** Answers every probe up to this one. */
  | {readonly tag: 'probed'; readonly id: number}
  | {readonly tag: 'answer'; readonly id: number; readonly value: Answers[keyof Answers]}
  | {readonly tag: 'fault'; readonly id: number; readonly fault: Fault}
  | {readonly tag: 'run-ended'; readonly id: number; readonly run: EndedRun}
  /** A new status: the one that every message carries. */
  | {readonly tag: 'status'}
  | {readonly tag: 'event'; readonly event: Exclude<OperationEvent, {tag: 'status'}>};

/**
 * Messages from the daemon's thread. Each carries the state at its time, so that a reader of an answer never sees
 * an older status, however busy the daemon is by then.
 */
export type ToServer = (Said & {readonly known: Known}) | {readonly tag: 'stop'};
