/** What the server's thread and the daemon's say to each other. Either side's messages arrive in order. */
import type {Config} from '../../config.ts';
import type {
  DeadLetter,
  OperationEvent,
  Operations,
  Page,
  Run,
  Status,
  TriggerRequest,
  Verdict,
} from '../../status/operations.ts';
import type {Address} from '../server.ts';
import type {Fault} from './faults.ts';

/** What the server's thread begins with, all of it plain data. It holds no password of a database. */
export interface ThreadData {
  readonly config: ThreadConfig;
  readonly metricsType: string;
  /** Standard error is a terminal, which only the main thread can see. */
  readonly isTerminal: boolean;
  readonly silentAfterMs: number;
  readonly known: Known;
}
export type ThreadConfig = Pick<
  Config,
  'http' | 'name' | 'mapping' | 'maxLagSeconds' | 'logLevel' | 'logFormat'
>;

/** What the daemon's thread tells of itself with everything that it says. */
export interface Known {
  readonly status: Status;
  readonly isReady: boolean;
}

/** What is asked of the daemon, as its {@link Operations} has it. */
export type Call =
  | {readonly method: 'trigger'; readonly request: TriggerRequest}
  | {readonly method: 'runs'; readonly page: Parameters<Operations['runs']>[0]}
  | {readonly method: 'run'; readonly runId: string}
  | {readonly method: 'deadLetters'; readonly page: Parameters<Operations['deadLetters']>[0]}
  | {readonly method: 'verify' | 'pause' | 'resume' | 'retryDeadLetters' | 'metrics'};

export interface Answers {
  /** The run's id; its end comes later, as `run-ended`. */
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

/** From the server's thread. */
export type ToDaemon =
  | {readonly tag: 'look'; readonly id: number}
  | {readonly tag: 'call'; readonly id: number; readonly call: Call}
  /** Whoever asked has gone; only a verification ends for it. */
  | {readonly tag: 'abort'; readonly id: number}
  /** Events are wanted, or no longer. */
  | {readonly tag: 'watch'; readonly on: boolean}
  | {readonly tag: 'listening'; readonly address: Address}
  | {readonly tag: 'ended'; readonly fault: Fault | null};

export type Said =
  /** Answers every look up to this one. */
  | {readonly tag: 'looked'; readonly id: number}
  | {readonly tag: 'answer'; readonly id: number; readonly value: Answers[keyof Answers]}
  | {readonly tag: 'fault'; readonly id: number; readonly fault: Fault}
  | {readonly tag: 'run-ended'; readonly id: number; readonly run: Run}
  /** A new status: the one that every message carries. */
  | {readonly tag: 'status'}
  | {readonly tag: 'event'; readonly event: Exclude<OperationEvent, {tag: 'status'}>};

/**
 * From the daemon's thread. Each carries the state of its time, so that whoever has read an answer never
 * sees a status from before it, however busy the daemon is by then.
 */
export type ToServer = (Said & {readonly known: Known}) | {readonly tag: 'stop'};
