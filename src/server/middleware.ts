/** Middleware for every request: its id, its log line, and the security headers. */
import {createMiddleware} from 'hono/factory';
import {requestId} from 'hono/request-id';
import {routePath} from 'hono/route';
import {secureHeaders} from 'hono/secure-headers';
import type {Logger} from '../logger.ts';
import type {AppEnv, Clock} from './context.ts';

/** Accepts a caller's request id if it is harmless, so that a trace crosses systems; otherwise creates one. */
export const requestIds = requestId({limitLength: 64});

/**
 * Sets the security headers, unless a handler has set one itself. The policy allows only our own files, and nothing
 * inline: a value that got into a page could not run. The headers that concern HTTPS or old browsers are left to a
 * proxy, which knows whether there is one.
 */
export const securityHeaders = secureHeaders({
  overwrite: false,
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    connectSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
  xFrameOptions: 'DENY',
  permissionsPolicy: {camera: [], geolocation: [], microphone: []},
  originAgentCluster: false,
  strictTransportSecurity: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
});

/** Keeps answers out of every cache, unless a handler says otherwise. */
export const noStore = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  if (!c.res.headers.has('Cache-Control')) c.res.headers.set('Cache-Control', 'no-store');
});

/**
 * Writes one line for each request: the route's pattern, never the query string, a header or a body. Write
 * requests are logged at info, because somebody changed something.
 */
export function requestLog(logger: Logger, clock: Clock) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const startedAtMs = clock.now();
    await next();
    const level = c.req.method === 'POST' && c.res.status < 400 ? 'info' : 'debug';
    const error = c.get('problem');
    logger[level](
      {
        event: 'http.request',
        requestId: c.get('requestId'),
        method: c.req.method,
        route: routePath(c, -1),
        status: c.res.status,
        ms: clock.now() - startedAtMs,
        ...(error === undefined ? {} : {error}),
      },
      'request answered',
    );
  });
}
