/** Builds the HTTP interface. It does not listen: see server.ts. */
import {OpenAPIHono} from '@hono/zod-openapi';
import {bodyLimit} from 'hono/body-limit';
import {methodNotAllowed} from 'hono/method-not-allowed';
import {authenticate} from './auth.ts';
import {type App, type AppDeps, type AppEnv, systemClock} from './context.ts';
import {dashboardRoutes} from './dashboard/routes.tsx';
import {loginRoutes, showLogin} from './dashboard/login.tsx';
import {eventRoutes} from './events.ts';
import {FailedAttempts} from './failed-attempts.ts';
import {LagHistory} from './lag-history.ts';
import {apiSchemas} from './mapped-schemas.ts';
import {mappingRoutes} from './mapping-routes.ts';
import {noStore, requestIds, requestLog, securityHeaders} from './middleware.ts';
import {describeApi} from './openapi.ts';
import {probeRoutes} from './probe-routes.ts';
import {installProblems, ProblemError, problemResponse, rejectInvalid} from './problem.ts';
import {recordRoutes} from './record-routes.ts';
import {syncRoutes} from './sync-routes.ts';
import {Tokens} from './tokens.ts';

const MAX_BODY_BYTES = 16 * 1024;

/**
 * Builds the whole HTTP interface over an {@link AppDeps.operations}. Every request except the probes is
 * authenticated before it is routed, and every refusal has one shape of body.
 *
 * @example
 * const app = createApp({operations, metrics: createMetrics(config.name, config.mapping), config, logger, signal});
 * const answer = await app.request('/sync/status');
 */
export function createApp(given: AppDeps): App {
  const deps = {...given, clock: given.clock ?? systemClock};
  const {clock, logger, operations, signal, config} = deps;
  const tokens = new Tokens(config);
  const history = new LagHistory(operations, clock);
  history.start(signal);
  const auth = {
    tokens,
    attempts: new FailedAttempts(),
    clock,
    streamName: config.name,
    loginPage: showLogin(config.name),
  };

  const app: App = new OpenAPIHono<AppEnv>({defaultHook: rejectInvalid});
  installProblems(app, logger, clock);
  app.use(requestIds, securityHeaders, noStore, requestLog(logger, clock));
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new ProblemError(413, 'body-too-large', 'The body is larger than 16 KiB.', {field: 'body'});
      },
    }),
  );
  app.use(authenticate(auth));
  app.use(
    methodNotAllowed<AppEnv>({
      app,
      onMethodNotAllowed: (c, methods) => {
        const allow = methods.join(', ');
        return problemResponse(
          c,
          clock,
          new ProblemError(405, 'method-not-allowed', `This address accepts ${allow} only.`, {
            headers: {Allow: allow},
          }),
        );
      },
    }),
  );

  const schemas = apiSchemas(config.mapping);
  syncRoutes(app, {...deps, history, schemas});
  mappingRoutes(app, deps);
  recordRoutes(app, {...deps, schemas});
  eventRoutes(app, deps);
  probeRoutes(app, deps);
  const document = describeApi(app, config.name);
  loginRoutes(app, auth);
  dashboardRoutes(app, {...deps, history, tokens, document});
  return app;
}
