/** The login of a browser: the token is typed once, and a signed cookie is used from then on. */
import {createHash} from 'node:crypto';
import {html, raw} from 'hono/html';
import type {FC} from 'hono/jsx';
import {type AuthDeps, checkToken, refuseOtherSites} from '../auth.ts';
import type {App, AppContext} from '../context.ts';
import {ProblemError} from '../problem.ts';
import {endSession, openSession} from '../session.ts';

/** Inlined, because without a token not even a style sheet is served; the policy allows it by its hash. */
const STYLE = `
:root{color-scheme:light dark;--bg:#f4f6f8;--card:#fff;--line:#8a94a0;--text:#12171d;--note:#55606c;--accent:#1257b8;--on:#fff;--bad:#b3201b}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--card:#161c24;--line:#6f7b88;--text:#e8edf3;--note:#9dabb9;--accent:#7db4ff;--on:#08131f;--bad:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:16px;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{width:100%;max-width:380px;background:var(--card);border-radius:12px;padding:28px;box-shadow:0 1px 3px #0003}
h1{margin:0;font-size:20px}p{margin:4px 0 20px;color:var(--note)}
label{display:block;font-weight:600;margin-bottom:6px}
input{width:100%;padding:10px 12px;font:inherit;color:inherit;background:var(--bg);border:1px solid var(--line);border-radius:8px}
button{width:100%;margin-top:16px;padding:10px;font:inherit;font-weight:600;border:0;border-radius:8px;background:var(--accent);color:var(--on);cursor:pointer}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.error{margin:12px 0 0;color:var(--bad);font-weight:600}
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
/** The page has its style and a form, and nothing else. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  `style-src 'sha256-${STYLE_HASH}'`,
  'img-src data:',
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const Login: FC<{name: string; error: string | null}> = ({name, error}) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>{`Sign in · ${name} · laas-sync`}</title>
      <link rel="icon" href="data:," />
      <style>{raw(STYLE)}</style>
    </head>
    <body>
      <main>
        <h1>laas-sync</h1>
        <p>
          Environment <strong>{name}</strong>
        </p>
        <form method="post" action="/login">
          <input name="username" value={name} autocomplete="username" hidden />
          <label for="token">Token</label>
          <input
            id="token"
            name="token"
            type="password"
            required
            autofocus
            autocomplete="current-password"
            {...(error === null ? {} : {'aria-invalid': 'true', 'aria-describedby': 'error'})}
          />
          {error === null ? null : (
            <p class="error" id="error" role="alert">
              {error}
            </p>
          )}
          <button type="submit">Sign in</button>
        </form>
      </main>
    </body>
  </html>
);

/** Answers a page's request without a session: 401, with a form for the token. */
export function showLogin(streamName: string) {
  return (c: AppContext) => loginPage(c, streamName, 401, null);
}

/** POST /login takes the token of a form and opens a session; POST /logout ends it. */
export function loginRoutes(app: App, deps: AuthDeps): void {
  app.get('/login', c => c.redirect('/', 303));
  app.post('/login', async c => {
    refuseOtherSites(c);
    const {token} = await c.req.parseBody();
    try {
      const access = deps.tokens.required
        ? checkToken(c, deps, typeof token === 'string' ? token.trim() : '')
        : 'full';
      await openSession(c, deps, access);
    } catch (error) {
      if (error instanceof ProblemError && (error.status === 401 || error.status === 429)) {
        for (const [name, text] of Object.entries(error.options.headers ?? {})) c.header(name, text);
        return loginPage(c, deps.streamName, error.status, error.message);
      }
      throw error;
    }
    return c.redirect('/', 303);
  });
  app.post('/logout', c => {
    endSession(c, deps.streamName);
    return c.redirect('/', 303);
  });
}

function loginPage(c: AppContext, name: string, status: 401 | 429, error: string | null) {
  c.header('Content-Security-Policy', POLICY);
  if (status === 401) c.header('WWW-Authenticate', 'Bearer realm="laas-sync"');
  return c.html(html`<!doctype html>${(<Login name={name} error={error} />)}`, status);
}
