/** GET /sync/mapping: the mapping of tables and columns that this process uses. */
import {createRoute} from '@hono/zod-openapi';
import type {App, AppDeps} from './context.ts';
import {isMappingChanged, mappingView} from './mapping-view.ts';
import {json, mappingSchema, problems} from './schemas.ts';

export function mappingRoutes(app: App, {operations, config}: AppDeps): void {
  const tables = mappingView(config.mapping);
  app.openapi(
    createRoute({
      method: 'get',
      path: '/sync/mapping',
      tags: ['state'],
      summary: 'The mapping in use',
      description: 'Each target table, where each of its columns comes from, its operator and its checks.',
      security: [{token: []}],
      responses: {200: {description: 'The mapping.', ...json(mappingSchema)}, ...problems(401, 429)},
    }),
    async c => {
      await operations.refresh();
      return c.json({changed: isMappingChanged(operations.status()), tables}, 200);
    },
  );
}
