/** The one shape of every refusal by the server. */
import type {Hook} from '@hono/zod-openapi';
import {HTTPException} from 'hono/http-exception';
import type {ContentfulStatusCode} from 'hono/utils/http-status';
import type {z} from 'zod';
import {type ErrorCode, SyncError} from '../errors.ts';
import type {Logger} from '../logger.ts';
import {CursorError} from '../status/operations.ts';
import type {App, AppContext, AppEnv, Clock} from './context.ts';

/** The codes of the HTTP interface itself; every other code comes from errors.ts. */
export type EdgeCode =
  | 'invalid-request'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'method-not-allowed'
  | 'body-too-large'
  | 'too-many-attempts'
  | 'too-many-watchers'
  | 'verify-active'
  | 'stopping';

interface ProblemOptions {
  /** The part of the request that is wrong. */
  readonly field?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the body, such as a failed run's id. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Thrown to answer a request with a problem body. Its message is shown, so it must not hold a row's values. */
export class ProblemError extends Error {
  readonly status: ContentfulStatusCode;
  readonly code: EdgeCode | ErrorCode;
  readonly options: ProblemOptions;

  constructor(
    status: ContentfulStatusCode,
    code: EdgeCode | ErrorCode,
    message: string,
    options: ProblemOptions = {},
  ) {
    super(message);
    this.name = 'ProblemError';
    this.status = status;
    this.code = code;
    this.options = options;
  }
}

/** The HTTP status of each fault of the daemon; every other fault is a 500. */
const STATUS_OF: Partial<Record<ErrorCode, ContentfulStatusCode>> = {
  'run-active': 409,
  'lease-held': 409,
  'lease-lost': 409,
  'not-leading': 503,
  'not-migrated': 503,
  'source-unreachable': 503,
  'source-rejected-read': 503,
  'target-unreachable': 503,
  'target-rejected-batch': 503,
  'target-incompatible': 503,
  'access-denied': 503,
};

/** Another instance leads within ten seconds of a leader's death; a cluster may need longer to elect a writer. */
export const RETRY_SOON = {'retry-after': '5'};

function problemFromSyncError(error: SyncError): ProblemError {
  const status = STATUS_OF[error.code] ?? 500;
  const passes = status === 503 && error.reaction === 'retry';
  return new ProblemError(status, error.code, error.message, passes ? {headers: RETRY_SOON} : {});
}

/** Answers every exception of a handler. Only our own messages are shown: a foreign one may quote a row. */
export function installProblems(app: App, logger: Logger, clock: Clock): void {
  app.onError((error, c) => {
    const problem = asProblem(error);
    if (problem === null) {
      logger.error({event: 'http.failed', err: error, requestId: c.get('requestId')}, 'a request failed');
      return problemResponse(
        c,
        clock,
        new ProblemError(500, 'internal', 'An unexpected fault; the log shows it under this requestId.'),
      );
    }
    return problemResponse(c, clock, problem);
  });
  app.notFound(c =>
    problemResponse(c, clock, new ProblemError(404, 'not-found', 'There is nothing at this address.')),
  );
}

export function problemResponse(c: AppContext, clock: Clock, problem: ProblemError): Response {
  const {field, headers, extra} = problem.options;
  c.set('problem', problem.code);
  return c.json(
    {
      success: false,
      error: problem.code,
      message: problem.message,
      timestamp: new Date(clock.now()).toISOString(),
      requestId: c.get('requestId'),
      ...(field === undefined ? {} : {field}),
      ...extra,
    },
    problem.status,
    headers,
  );
}

/** The hook that turns a failed validation of a route's input into a 400 that names the field. */
export const rejectInvalid: Hook<unknown, AppEnv, string, void> = result => {
  if (!result.success) throw invalidRequest(result.error, result.target);
};

/** A 400 that names the wrong field; the value itself is not repeated. */
export function invalidRequest(error: z.ZodError, target: string): ProblemError {
  const issue = error.issues[0];
  const inside =
    issue?.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : (issue?.path ?? []);
  const field =
    inside.length === 0 ? (target === 'json' ? 'body' : target) : inside.map(String).join('.').slice(0, 80);
  const reason =
    issue?.code === 'unrecognized_keys'
      ? 'is not a field of this request'
      : `is not valid: ${issue?.message ?? 'unknown'}`;
  return new ProblemError(400, 'invalid-request', `${field} ${reason}`, {field});
}

function asProblem(error: unknown): ProblemError | null {
  if (error instanceof ProblemError) return error;
  if (error instanceof SyncError) return problemFromSyncError(error);
  if (error instanceof CursorError) {
    return new ProblemError(400, 'invalid-request', `after is not valid: ${error.message}`, {field: 'after'});
  }
  if (error instanceof HTTPException && error.status < 500) {
    return new ProblemError(400, 'invalid-request', 'The request is malformed.', {field: 'body'});
  }
  return null;
}
