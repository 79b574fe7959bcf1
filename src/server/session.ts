/** The session of a browser: a signed cookie that says what may be done, and until when. It never holds the token. */
import {deleteCookie, getSignedCookie, setSignedCookie} from 'hono/cookie';
import type {Access, AppContext, Clock} from './context.ts';
import type {Tokens} from './tokens.ts';

/** Half a day: a shift at the screen, after which the token is requested again. */
export const SESSION_MS = 12 * 3_600_000;

interface SessionDeps {
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly streamName: string;
}

/** Opens a session. Nothing is set if no token gives this access. */
export async function openSession(c: AppContext, deps: SessionDeps, access: Access): Promise<void> {
  const known = deps.tokens.sessionKeys.find(each => each.access === access);
  if (known === undefined) return;
  const value = `${access}.${(deps.clock.now() + SESSION_MS).toString(36)}`;
  await setSignedCookie(c, cookieName(deps.streamName), value, known.sessionKey, {
    ...cookieOptions(c),
    maxAge: SESSION_MS / 1000,
  });
}

/** Null if there is no session, or it is forged, has ended, or was opened with a token that has since changed. */
export async function readSession(c: AppContext, deps: SessionDeps): Promise<Access | null> {
  for (const {access, sessionKey} of deps.tokens.sessionKeys) {
    const value = await getSignedCookie(c, sessionKey, cookieName(deps.streamName));
    if (typeof value !== 'string') continue;
    const [signed, expires = ''] = value.split('.');
    if (signed === access && Number.parseInt(expires, 36) > deps.clock.now()) return access;
  }
  return null;
}

export function endSession(c: AppContext, streamName: string): void {
  deleteCookie(c, cookieName(streamName), cookieOptions(c));
}

/** The cookie's name is different for each stream: cookies ignore ports, and several streams may share a host. */
function cookieName(streamName: string): string {
  return `laas_sync_${streamName}`;
}

/** Secure if a proxy says that the browser used TLS; a wrong claim only makes the cookie stricter. */
function cookieOptions(c: AppContext) {
  const secure = c.req.header('x-forwarded-proto') === 'https' || c.req.url.startsWith('https:');
  return {path: '/', httpOnly: true, sameSite: 'Strict', secure} as const;
}
