/** Endpoints to run, verify and control: /sync/trigger, /sync/status, /sync/verify, /replication/…. */
import {createRoute, type z} from '@hono/zod-openapi';
import {ERROR_CODES} from '../errors.ts';
import type {EndedRun} from '../status/operations.ts';
import type {App, AppContext, AppDeps, Clock} from './context.ts';
import type {LagHistory} from './lag-history.ts';
import type {ApiSchemas} from './mapped-schemas.ts';
import {invalidRequest, ProblemError, RETRY_SOON} from './problem.ts';
import {doneSchema, historySchema, json, problems, triggerBody, triggerStarted} from './schemas.ts';

const security = [{token: []}];
const COMPLETED = 'Data synchronization completed successfully';

interface SyncDeps extends AppDeps {
  readonly clock: Clock;
  readonly history: LagHistory;
  readonly schemas: ApiSchemas;
}

export function syncRoutes(app: App, deps: SyncDeps): void {
  triggerRoute(app, deps);
  statusRoutes(app, deps);
  verifyRoute(app, deps);
  steeringRoutes(app, deps);
}

/**
 * Registered by hand: clients post without a content type, with a wrong one, or with a right one and no body, and
 * all of these are valid. The library's validator treats the second as no body at all.
 */
function triggerRoute(app: App, {operations, signal, clock, schemas}: SyncDeps): void {
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/sync/trigger',
    tags: ['reconcile'],
    summary: 'Run a reconcile',
    description:
      'Answers when the run has ended, unless `wait` is false. The run continues if the client disconnects.',
    security,
    request: {body: {required: false, ...json(triggerBody)}},
    responses: {
      200: {
        description: 'It ended: succeeded, or needs confirmation (`success: false`).',
        ...json(schemas.triggerResult),
      },
      202: {description: 'It has started (`wait: false`).', ...json(triggerStarted)},
      ...problems(400, 401, 403, 409, 413, 429, 500, 503),
    },
  });
  app.post('/sync/trigger', async c => {
    const {mode, allowDeletes, wait} = await readBody(c, triggerBody);
    const started = await operations.trigger({mode, allowDeletes});
    const {runId} = started;
    if (!wait)
      return c.json(
        {success: true, message: 'Data synchronization started', timestamp: now(clock), runId},
        202,
      );
    const run = await orStopped(started.ended, signal);
    if (run === null) {
      throw new ProblemError(
        503,
        'stopping',
        'The server is stopping; /sync/runs will show how the run ended.',
        {extra: {runId}},
      );
    }
    return c.json(describeEnd(run, now(clock)), 200);
  });
}

/** The answer for a run that ended. @throws ProblemError 500 for a failed one, 503 for an interrupted one. */
function describeEnd(run: EndedRun, timestamp: string) {
  const {runId, tables, state} = run;
  const durationMs = run.durationMs ?? 0;
  if (state === 'failed' && run.failure === 'run-interrupted') {
    const {meaning, action} = ERROR_CODES['run-interrupted'];
    throw new ProblemError(503, 'run-interrupted', `${meaning} ${action}`, {
      headers: RETRY_SOON,
      extra: {runId, durationMs, tables},
    });
  }
  if (state === 'failed') {
    throw new ProblemError(500, 'run-failed', run.error ?? 'The run failed.', {
      extra: {runId, durationMs, tables},
    });
  }
  if (state === 'needs-confirmation') {
    const message =
      run.error ??
      'The run would have deleted too many rows, and stopped deleting; send allowDeletes: true to allow the deletes.';
    return {success: false, message, timestamp, runId, durationMs, tables, state};
  }
  return {success: true, message: COMPLETED, timestamp, runId, durationMs, tables};
}

function statusRoutes(app: App, {operations, history, schemas}: SyncDeps): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/sync/status',
      tags: ['state'],
      summary: 'State, lag, counts and health',
      description: 'From memory: it answers in milliseconds, whatever the size of the tables.',
      security,
      responses: {200: {description: 'The state now.', ...json(schemas.status)}, ...problems(401, 429)},
    }),
    async c => {
      await operations.refresh();
      return c.json(operations.status(), 200);
    },
  );
  app.openapi(
    createRoute({
      method: 'get',
      path: '/sync/history',
      tags: ['state'],
      summary: 'Lag and throughput over the last hour',
      security,
      responses: {
        200: {description: 'One sample every few seconds.', ...json(historySchema)},
        ...problems(401, 429),
      },
    }),
    c => c.json(history.columns(), 200),
  );
}

function verifyRoute(app: App, {operations, signal, schemas}: SyncDeps): void {
  let verifying = false;
  app.openapi(
    createRoute({
      method: 'post',
      path: '/sync/verify',
      tags: ['reconcile'],
      summary: 'Compare every row, and change none',
      description: 'Answers when it has ended; it ends early if the client disconnects.',
      security,
      responses: {
        200: {description: 'What differs.', ...json(schemas.verdict)},
        ...problems(401, 403, 409, 429, 500, 503),
      },
    }),
    async c => {
      if (verifying)
        throw new ProblemError(
          409,
          'verify-active',
          'A verification is already running; each reads every row.',
        );
      verifying = true;
      try {
        return c.json(await operations.verify(AbortSignal.any([signal, c.req.raw.signal])), 200);
      } catch (error) {
        if (signal.aborted) throw new ProblemError(503, 'stopping', 'The server is stopping.');
        throw error;
      } finally {
        verifying = false;
      }
    },
  );
}

function steeringRoutes(app: App, {operations, clock}: SyncDeps): void {
  const steer = (verb: 'pause' | 'resume', summary: string, description: string) =>
    createRoute({
      method: 'post',
      path: `/replication/${verb}`,
      tags: ['replication'],
      summary,
      description,
      security,
      responses: {
        200: {description: 'Done.', ...json(doneSchema)},
        ...problems(401, 403, 409, 429, 500, 503),
      },
    });
  app.openapi(
    steer(
      'pause',
      'Stop applying changes',
      'The position is kept; no change is lost while the source keeps its log.',
    ),
    async c => {
      await operations.pause();
      return c.json({success: true as const, message: 'Replication paused', timestamp: now(clock)}, 200);
    },
  );
  app.openapi(steer('resume', 'Continue to apply changes', 'It continues from where it paused.'), async c => {
    await operations.resume();
    return c.json({success: true as const, message: 'Replication resumed', timestamp: now(clock)}, 200);
  });
}

async function readBody<S extends z.ZodType>(c: AppContext, schema: S): Promise<z.output<S>> {
  const text = await c.req.text();
  let value: unknown = {};
  try {
    if (text.trim() !== '') value = JSON.parse(text);
  } catch {
    // The parser's message quotes the body, so it is not repeated.
    throw new ProblemError(400, 'invalid-request', 'body is not valid JSON', {field: 'body'});
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalidRequest(parsed.error, 'json');
  return parsed.data;
}

function now(clock: Clock): string {
  return new Date(clock.now()).toISOString();
}

/** Returns the awaited value, or null once the server stops. Leaves no listener on the long-lived signal. */
async function orStopped<T>(awaited: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return null;
  let stop = () => {};
  const stopped = new Promise<null>(resolve => {
    stop = () => resolve(null);
    signal.addEventListener('abort', stop, {once: true});
  });
  try {
    return await Promise.race([awaited, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
