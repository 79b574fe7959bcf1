/** Middleware for every request: its id, its log line, and the security headers. */
import {randomUUID} from 'node:crypto';
import {createMiddleware} from 'hono/factory';
import {routePath} from 'hono/route';
import type {Logger} from '../logger.ts';
import type {AppEnv, Clock} from './context.ts';

/** Allows only our own files, and nothing inline: a value that got into a page could not run. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  'Cache-Control': 'no-store',
};

/** Keeps a header that a handler has set itself. */
export const secureHeaders = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  for (const [name, value] of Object.entries(HEADERS)) {
    if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  }
});

/** Accepts a caller's request id if it is harmless, so that a trace crosses systems; otherwise creates one. */
export const requestIds = createMiddleware<AppEnv>(async (c, next) => {
  const given = c.req.header('x-request-id');
  const id = given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
  c.set('requestId', id);
  await next();
  c.res.headers.set('X-Request-Id', id);
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
