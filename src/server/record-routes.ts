/** Endpoints for records: the runs, and the rows that could not be written. */
import {createRoute} from '@hono/zod-openapi';
import type {App, AppDeps, Clock} from './context.ts';
import type {ApiSchemas} from './mapped-schemas.ts';
import {ProblemError} from './problem.ts';
import {json, problems, retriedSchema, runParams, runsQuery} from './schemas.ts';

const security = [{token: []}];

interface RecordDeps extends AppDeps {
  readonly clock: Clock;
  readonly schemas: ApiSchemas;
}

export function recordRoutes(app: App, deps: RecordDeps): void {
  runRoutes(app, deps);
  deadLetterRoutes(app, deps);
}

function runRoutes(app: App, {operations, schemas}: RecordDeps): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/sync/runs',
      tags: ['reconcile'],
      summary: 'The runs of the last 90 days, newest first',
      security,
      request: {query: runsQuery},
      responses: {
        200: {description: 'A page of runs.', ...json(schemas.runPage)},
        ...problems(400, 401, 429, 503),
      },
    }),
    async c => {
      const {limit, after = null} = c.req.valid('query');
      return c.json(await operations.runs({limit, after}), 200);
    },
  );
  app.openapi(
    createRoute({
      method: 'get',
      path: '/sync/runs/{id}',
      tags: ['reconcile'],
      summary: 'One run',
      security,
      request: {params: runParams},
      responses: {200: {description: 'The run.', ...json(schemas.run)}, ...problems(400, 401, 404, 429, 503)},
    }),
    async c => {
      const run = await operations.run(c.req.valid('param').id);
      if (run === null)
        throw new ProblemError(404, 'not-found', 'There is no run with this id.', {field: 'id'});
      return c.json(run, 200);
    },
  );
}

function deadLetterRoutes(app: App, {operations, clock, schemas}: RecordDeps): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/sync/dead-letters',
      tags: ['dead letters'],
      summary: 'Rows that could not be written, by key and code',
      security,
      request: {query: schemas.deadLettersQuery},
      responses: {
        200: {description: 'A page of them.', ...json(schemas.deadLetterPage)},
        ...problems(400, 401, 429, 503),
      },
    }),
    async c => {
      const {limit, after = null, table} = c.req.valid('query');
      return c.json(await operations.deadLetters({limit, after, table}), 200);
    },
  );
  app.openapi(
    createRoute({
      method: 'post',
      path: '/sync/dead-letters/retry',
      tags: ['dead letters'],
      summary: 'Retry every dead letter',
      security,
      responses: {
        200: {description: 'How many dead letters remain.', ...json(retriedSchema)},
        ...problems(401, 403, 409, 429, 500, 503),
      },
    }),
    async c => {
      const {retried, remaining} = await operations.retryDeadLetters();
      const message = `${retried} dead letters were retried, ${remaining} remain`;
      return c.json(
        {success: true as const, message, timestamp: new Date(clock.now()).toISOString(), retried, remaining},
        200,
      );
    },
  );
}
