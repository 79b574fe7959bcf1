/** Authenticates requests and refuses the others with a reason. */
import {createMiddleware} from 'hono/factory';
import {isLoopback} from '../loopback.ts';
import {type Access, type AppContext, type AppEnv, type Clock, remoteAddress} from './context.ts';
import type {FailedAttempts} from './failed-attempts.ts';
import {ProblemError} from './problem.ts';
import {readSession} from './session.ts';
import type {Tokens} from './tokens.ts';

/** Our own pages send it with every write: another site's page cannot add it without our permission. */
const WRITE_HEADER = 'x-laas-sync';

/** Probes come from machines without a token; /login is where a browser sends one. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/login']);
/** Addresses at which a browser without a session gets a login page instead of JSON. */
const PAGES: ReadonlySet<string> = new Set(['/', '/docs']);

export interface AuthDeps {
  readonly tokens: Tokens;
  readonly attempts: FailedAttempts;
  readonly clock: Clock;
  readonly streamName: string;
  readonly loginPage: (c: AppContext) => Response | Promise<Response>;
}

/**
 * Every request passes here. A bearer token has priority over a session, so that a page opened with the read
 * token can send one write with the full token.
 */
export function authenticate(deps: AuthDeps) {
  return createMiddleware<AppEnv>(async (c, next) => {
    if (OPEN_PATHS.has(c.req.path)) return next();
    const authorization = c.req.header('authorization');
    if (!deps.tokens.required) {
      refuseForeignHost(c);
      refuseOtherSites(c);
      c.set('access', 'full');
    } else if (authorization !== undefined) {
      c.set('access', bearer(c, deps, authorization));
    } else {
      const access = await readSession(c, deps);
      if (access === null && PAGES.has(c.req.path)) return deps.loginPage(c);
      if (access === null) throw unauthorized('This request needs a bearer token.');
      refuseOtherSites(c);
      if (isWrite(c) && c.req.path !== '/logout' && c.req.header(WRITE_HEADER) === undefined) {
        throw new ProblemError(
          403,
          'forbidden',
          `A write by a browser session needs the header ${WRITE_HEADER}.`,
        );
      }
      c.set('access', access);
    }
    if (isWrite(c) && c.get('access') === 'read' && c.req.path !== '/logout') throw readOnly(deps.tokens);
    return next();
  });
}

/** Checks a token under the rate limit of the client's address. */
export function checkToken(
  c: AppContext,
  deps: Pick<AuthDeps, 'tokens' | 'attempts' | 'clock'>,
  token: string,
): Access {
  const address = remoteAddress(c);
  const nowMs = deps.clock.now();
  const waitMs = deps.attempts.waitMs(address, nowMs);
  if (waitMs > 0) {
    throw new ProblemError(
      429,
      'too-many-attempts',
      'Too many wrong tokens came from this address; wait a moment.',
      {
        headers: {'Retry-After': String(Math.ceil(waitMs / 1000))},
      },
    );
  }
  const access = deps.tokens.check(token);
  if (access !== null) return access;
  deps.attempts.record(address, nowMs);
  throw unauthorized('The token is wrong.');
}

/**
 * Refuses requests that another site's page caused. Programs send neither header, and pass. `hono/csrf` would refuse
 * such programs, and would let a page of another site send JSON.
 */
export function refuseOtherSites(c: AppContext): void {
  if (!isWrite(c)) return;
  const site = c.req.header('sec-fetch-site');
  const origin = c.req.header('origin');
  const ours =
    site === undefined
      ? origin === undefined || hostOf(origin) === host(c)
      : site === 'same-origin' || site === 'none';
  if (!ours) throw new ProblemError(403, 'forbidden', 'Another site may not send this request.');
}

/**
 * Without a token, only the loopback address protects the server; an unknown name in the Host header means that a
 * site made its own name point here (DNS rebinding).
 */
function refuseForeignHost(c: AppContext): void {
  const name = host(c)
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1');
  if (!isLoopback(name)) {
    throw new ProblemError(
      403,
      'forbidden',
      'Without SYNC_API_TOKEN, the server answers only requests to a loopback name.',
    );
  }
}

function bearer(c: AppContext, deps: AuthDeps, authorization: string): Access {
  const token = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
  return checkToken(c, deps, token ?? '');
}

function readOnly(tokens: Tokens): ProblemError {
  const why = tokens.canWrite
    ? 'This request needs the full token; the token you sent may only read.'
    : 'No full token is set (SYNC_API_TOKEN), so that nothing can be changed over HTTP.';
  return new ProblemError(403, 'forbidden', why);
}

function unauthorized(message: string): ProblemError {
  return new ProblemError(401, 'unauthorized', message, {
    headers: {'WWW-Authenticate': 'Bearer realm="laas-sync"'},
  });
}

function isWrite(c: AppContext): boolean {
  return !['GET', 'HEAD', 'OPTIONS'].includes(c.req.method);
}

function host(c: AppContext): string {
  return c.req.header('host') ?? new URL(c.req.url).host;
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
