/**
 * Every fault that laas-sync knows, by code, and the reaction to each.
 *
 * This table is the only place that decides a reaction, and it is the documentation: docs/errors.md is generated
 * from it. A reaction is chosen by code, errno or SQLSTATE, never by a message's text.
 */

/**
 * The reaction to a fault. `retry`: with backoff. `halt`: stop replicating, report the reason, check again later.
 * `stop`: end the process.
 */
export type Reaction = 'retry' | 'dead-letter' | 'halt' | 'reanchor' | 'stop';

export interface ErrorEntry {
  readonly reaction: Reaction;
  /** What happened. */
  readonly meaning: string;
  /** What an operator does about it. */
  readonly action: string;
}

export const ERROR_CODES = {
  'config-invalid': {
    reaction: 'stop',
    meaning: 'A setting in the environment is missing or has a value that cannot be used.',
    action:
      'Correct the variables that the message names; exit code 78 says that a restart alone will not help.',
  },
  'preflight-failed': {
    reaction: 'halt',
    meaning: 'A server lacks something that replication requires.',
    action: 'Run `laas-sync doctor`: each must-fix line has the SQL or the parameter that fixes it.',
  },
  'source-unreachable': {
    reaction: 'retry',
    meaning: 'The source cannot be reached, or the connection to it was lost.',
    action: 'Nothing, if it recovers automatically. Otherwise check the network, the account and the server.',
  },
  'target-unreachable': {
    reaction: 'retry',
    meaning:
      'The target cannot be reached, the connection to it was lost, or it accepts no writes: it is read-only, or a node that its cluster has lost.',
    action:
      'Nothing, if it recovers automatically. Otherwise check the network, the account and the server. If the server is read-only, connect to the one that accepts writes, or switch read_only off.',
  },
  'target-rejected-batch': {
    reaction: 'retry',
    meaning: 'The target refused a whole batch, whatever its rows: a deadlock, a lock wait, a full disk.',
    action:
      'Nothing for a deadlock. Free some space on a server that is full. The batch is retried until it succeeds, and the status is not healthy until then.',
  },
  'source-rejected-read': {
    reaction: 'retry',
    meaning:
      'The source can be reached, and answered a read with an error: the statement was killed or took too long, or a table cannot be read.',
    action:
      "Look up the number of the error in the server's manual, and remove its cause. The read is repeated automatically.",
  },
  'access-denied': {
    reaction: 'halt',
    meaning: 'A server refused the account, or a privilege is missing.',
    action: 'Grant what `laas-sync doctor` prints; the connection is retried automatically.',
  },
  'read-incomplete': {
    reaction: 'retry',
    meaning: 'A read returned fewer rows than the server counted for it. Nothing was deleted because of it.',
    action:
      'Find what truncates results between laas-sync and the server, such as a row limit of a proxy, and exempt the account of laas-sync from it.',
  },
  'stream-silent': {
    reaction: 'retry',
    meaning: 'The binlog connection carried neither an event nor a heartbeat for three heartbeat periods.',
    action: 'Nothing: laas-sync reconnects. If it recurs, check the network path to the source.',
  },
  'stream-displaced': {
    reaction: 'retry',
    meaning: 'Another client connected to the source with our server id, and the source ended our stream.',
    action:
      'Give each replica of the source its own id; set REPLICATION_SERVER_ID if the derived one is taken.',
  },
  'position-lost': {
    reaction: 'reanchor',
    meaning:
      'The source no longer has the log from the saved position on: it was purged, reset or truncated, or the source is another server.',
    action:
      'Nothing: a full reconcile from a new position runs automatically. If it recurs, lengthen the binlog retention.',
  },
  'event-undecodable': {
    reaction: 'reanchor',
    meaning:
      'An event of a mapped table cannot be decoded: its table was changed or dropped since, or the bytes are damaged.',
    action:
      'Nothing: a full reconcile from a new position runs automatically. Set binlog_row_metadata=FULL on the source.',
  },
  'event-unsupported': {
    reaction: 'halt',
    meaning:
      'The log holds an event that carries changes in a form that cannot be read (partial JSON, an incident, text in a collation that the source does not list).',
    action:
      'Switch this form off on the source (doctor prints the SQL), then start from a new position, as docs/runbook.md says: the event itself cannot be skipped.',
  },
  'schema-incompatible': {
    reaction: 'halt',
    meaning: 'A mapped column of the source is missing, was renamed, or has a type that cannot be mapped.',
    action:
      'Restore the column, or change the mapping; replication resumes automatically when the schema fits again.',
  },
  'target-incompatible': {
    reaction: 'halt',
    meaning: 'A table of the target is missing, or lacks a mapped column or a unique mapped key.',
    action: 'Run `laas-sync migrate`, or fix the table as `laas-sync doctor` says.',
  },
  'not-migrated': {
    reaction: 'stop',
    meaning: 'The bookkeeping tables are missing or older than this version.',
    action: 'Run `laas-sync migrate`.',
  },
  'target-newer': {
    reaction: 'stop',
    meaning: 'The bookkeeping tables were created by a newer version of laas-sync.',
    action:
      'Run that version, or a newer one. An older version must not use these tables, because it does not understand them.',
  },
  'lease-lost': {
    reaction: 'retry',
    meaning: 'Another instance leads this stream now; this one has written nothing since.',
    action: 'Nothing: this instance stands by.',
  },
  'lease-held': {
    reaction: 'stop',
    meaning: 'A daemon leads this stream, so a one-off run cannot write.',
    action: 'Use POST /sync/trigger of the daemon, or stop it first.',
  },
  'run-active': {
    reaction: 'stop',
    meaning: 'A reconcile is already running.',
    action: 'Wait for it; GET /sync/runs shows it.',
  },
  'run-failed': {
    reaction: 'retry',
    meaning: 'A reconcile failed.',
    action: 'The run shows the reason. The next run covers it.',
  },
  'run-interrupted': {
    reaction: 'retry',
    meaning:
      'A reconcile was interrupted, because its instance lost the target or the lease, or stopped. What it had repaired stays.',
    action:
      'Send the request again when GET /readyz answers 200 at an instance that leads. The next run covers the rest.',
  },
  'not-leading': {
    reaction: 'retry',
    meaning:
      'The instance is about to lead, and cannot do what was requested yet: it connects to the target, or waits for a target that accepts writes.',
    action: 'Send the request again when GET /readyz answers 200. GET /sync/status shows the reason.',
  },
  'invalid-email': {
    reaction: 'dead-letter',
    meaning: 'The e-mail address does not have exactly one @ with text on either side and no white space.',
    action: 'Correct the row at the source.',
  },
  'invalid-password': {
    reaction: 'dead-letter',
    meaning: 'The password is empty.',
    action: 'Correct the row at the source.',
  },
  'unmapped-value': {
    reaction: 'dead-letter',
    meaning: 'A `lookup` of the mapping has no value for what the row holds, and no `otherwise`.',
    action: 'Add the value to the mapping, or correct the row at the source.',
  },
  'invalid-encoding': {
    reaction: 'dead-letter',
    meaning:
      'A binary value holds bytes that are not valid UTF-8, and the target column is text; or a text has a character that the character set of the target column does not have (error 1366).',
    action:
      'Correct the row at the source, or make the target column VARBINARY. For error 1366 give the target column the character set utf8mb4.',
  },
  'null-value': {
    reaction: 'dead-letter',
    meaning: 'A value is null, and the target column takes no null.',
    action:
      'Correct the row at the source, let the target column take null, or name a value in the mapping: `first` with `otherwise`.',
  },
  'value-too-long': {
    reaction: 'dead-letter',
    meaning:
      'A value is longer than the target column, or the whole row is longer than a statement that the target accepts (error 1153).',
    action:
      'Shorten it at the source, or widen the target column. For error 1153 raise max_allowed_packet on the target.',
  },
  'out-of-range': {
    reaction: 'dead-letter',
    meaning: 'A number or a date does not fit the target column.',
    action: 'Correct it at the source, or widen the target column.',
  },
  'unique-conflict': {
    reaction: 'dead-letter',
    meaning:
      'Another row of the target holds a value that must be unique; the detail is the key of that row.',
    action: 'Free the value: change or delete one of the two rows.',
  },
  'delete-blocked': {
    reaction: 'dead-letter',
    meaning:
      'A row is to be deleted, but a row that laas-sync does not own refers to it, or the target refuses the delete (the detail is then its error number).',
    action:
      'Delete the row that refers to it, or change the trigger that refuses; the next reconcile retries the delete, as does a retry on request.',
  },
  rejected: {
    reaction: 'dead-letter',
    meaning:
      "The target refused the row for another reason, such as a CHECK constraint, a trigger or a missing partition; the detail is the server's error number.",
    action:
      'Look up the number; correct the row at the source, or change what refuses it on the target. The next reconcile retries the row, as does a retry on request.',
  },
  internal: {
    reaction: 'retry',
    meaning: 'A fault of laas-sync itself.',
    action: 'Report it, with the surrounding log lines.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;
export const ERROR_CODE_NAMES = Object.keys(ERROR_CODES) as ErrorCode[];

/** The codes under which a row may wait as a dead letter. */
export const DEAD_LETTER_CODES = Object.entries(ERROR_CODES)
  .filter(([, entry]) => entry.reaction === 'dead-letter')
  .map(([code]) => code as ListedDeadLetterCode);
export type DeadLetterCode =
  /** A check of the mapping failed; the column's name follows. */
  `invalid-${string}` | ListedDeadLetterCode;
type ListedDeadLetterCode = {
  [C in ErrorCode]: (typeof ERROR_CODES)[C]['reaction'] extends 'dead-letter' ? C : never;
}[ErrorCode];

export function isDeadLetterCode(code: string): code is DeadLetterCode {
  return code.startsWith('invalid-') || (DEAD_LETTER_CODES as readonly string[]).includes(code);
}

/**
 * A fault with a code. Its message is for people and never holds a row's values, so that it may be logged, stored
 * and shown; the `cause` is for the debugger only and is never printed.
 */
export class SyncError extends Error {
  readonly code: ErrorCode;
  /** The server's error number, if a server reported the fault. */
  readonly errno: number | undefined;
  /**
   * The server answers at once, but cannot be used now: frequent attempts cost little, and soon notice when it
   * can.
   */
  readonly answersAtOnce: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: {cause?: unknown; errno?: number | undefined; answersAtOnce?: boolean} = {},
  ) {
    super(message, options.cause === undefined ? undefined : {cause: options.cause});
    this.name = 'SyncError';
    this.code = code;
    this.errno = options.errno;
    this.answersAtOnce = options.answersAtOnce ?? false;
  }

  get reaction(): Reaction {
    return ERROR_CODES[this.code].reaction;
  }
}

/** Thrown when a wait or a run ends on request: never a failure. */
export class StoppedError extends Error {
  constructor() {
    super('stopped on request');
    this.name = 'StoppedError';
  }
}

/** Throws {@link StoppedError} once the signal is set. */
export function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new StoppedError();
}
