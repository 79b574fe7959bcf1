/** Endpoints for machines: liveness, readiness and metrics. */
import {createRoute, z} from '@hono/zod-openapi';
import type {App, AppDeps} from './context.ts';
import {json, problems} from './schemas.ts';

const probe = z
  .object({status: z.enum(['ok', 'not-ready', 'not-answering']), state: z.string().optional()})
  .openapi('Probe');

export function probeRoutes(app: App, {operations, metrics}: AppDeps): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/healthz',
      tags: ['probes'],
      summary: 'Whether the process is alive',
      description:
        'Answered by a thread of its own: 503 if the replicating thread has not answered for ten seconds.',
      responses: {
        200: {description: 'It does.', ...json(probe)},
        503: {description: 'It hangs.', ...json(probe)},
      },
    }),
    async c => {
      await operations.refresh();
      return operations.isAnswering()
        ? c.json({status: 'ok' as const}, 200)
        : c.json({status: 'not-answering' as const}, 503);
    },
  );
  app.openapi(
    createRoute({
      method: 'get',
      path: '/readyz',
      tags: ['probes'],
      summary: 'Whether it leads and streams, or is a standby',
      responses: {
        200: {description: 'It does.', ...json(probe)},
        503: {description: 'It does not.', ...json(probe)},
      },
    }),
    async c => {
      await operations.refresh();
      const {state} = operations.status().replication;
      return operations.isReady()
        ? c.json({status: 'ok' as const, state}, 200)
        : c.json({status: 'not-ready' as const, state}, 503);
    },
  );
  app.openapi(
    createRoute({
      method: 'get',
      path: '/metrics',
      tags: ['probes'],
      summary: 'Metrics for Prometheus',
      security: [{token: []}],
      responses: {
        200: {description: 'The text format.', content: {'text/plain': {schema: z.string()}}},
        ...problems(401, 429),
      },
    }),
    async c => c.text(await metrics.render(operations.status()), 200, {'Content-Type': metrics.contentType}),
  );
}
