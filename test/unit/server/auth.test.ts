import {describe, expect, it} from 'vitest';
import {SESSION_MS} from '../../../src/server/session.ts';
import {appUnderTest, FULL, READ} from './app-under-test.ts';

const GETS = [
  '/',
  '/docs',
  '/assets/dashboard.js',
  '/metrics',
  '/openapi.json',
  '/sync/status',
  '/sync/history',
  '/sync/runs',
  '/sync/runs/run-1',
  '/sync/dead-letters',
  '/sync/events',
] as const;
const POSTS = [
  '/sync/trigger',
  '/sync/verify',
  '/sync/dead-letters/retry',
  '/replication/pause',
  '/replication/resume',
] as const;
const NOWAIT = JSON.stringify({wait: false});

async function statusOf(answer: Promise<Response>): Promise<number> {
  const response = await answer;
  await response.body?.cancel();
  return response.status;
}

function signIn(test: ReturnType<typeof appUnderTest>, token: string, headers: Record<string, string> = {}) {
  return test.call('/login', {
    method: 'POST',
    body: new URLSearchParams({token}).toString(),
    headers: {'content-type': 'application/x-www-form-urlencoded', ...headers},
  });
}

async function sessionOf(answer: Promise<Response>): Promise<string> {
  return (await answer).headers.get('set-cookie')?.split(';')[0] ?? '';
}

describe('with both tokens set', () => {
  const tokens = {apiToken: FULL, readToken: READ};

  it.each(GETS)('GET %s needs one of them', async path => {
    const {call} = appUnderTest(tokens);
    expect(await statusOf(call(path))).toBe(401);
    expect(await statusOf(call(path, {token: 'wrong'}))).toBe(401);
    expect(await statusOf(call(path, {token: READ}))).toBe(200);
    expect(await statusOf(call(path, {token: FULL}))).toBe(200);
  });

  it.each(POSTS)('POST %s needs the full one', async path => {
    const {call, operations} = appUnderTest(tokens);
    const init = {method: 'POST', ...(path === '/sync/trigger' ? {body: NOWAIT} : {})};
    expect(await statusOf(call(path, init))).toBe(401);
    expect(await statusOf(call(path, {...init, token: 'wrong'}))).toBe(401);
    expect(await statusOf(call(path, {...init, token: READ}))).toBe(403);
    expect(operations.asked).toEqual([]);
    expect(await statusOf(call(path, {...init, token: FULL}))).toBe(path === '/sync/trigger' ? 202 : 200);
    expect(operations.asked).toHaveLength(1);
  });

  it.each(['/healthz', '/readyz'])('%s needs none', async path => {
    expect(await statusOf(appUnderTest(tokens).call(path))).toBe(200);
  });

  it('needs one even for an address that does not exist', async () => {
    expect(await statusOf(appUnderTest(tokens).call('/nothing'))).toBe(401);
  });

  it.each(['Bearer', 'Bearer ', `Basic ${FULL}`, FULL, `Bearer ${FULL} extra`, `Bearer ${FULL}x`])(
    'refuses the header "%s"',
    async authorization => {
      expect(await statusOf(appUnderTest(tokens).call('/sync/status', {headers: {authorization}}))).toBe(401);
    },
  );

  it('answers a program in JSON, and names the scheme', async () => {
    const response = await appUnderTest(tokens).call('/sync/status');
    expect(response.headers.get('www-authenticate')).toContain('Bearer');
    expect(await response.json()).toMatchObject({
      success: false,
      error: 'unauthorized',
      requestId: expect.any(String),
    });
  });
});

it('with the full token alone, reading needs it, too', async () => {
  const {call} = appUnderTest({apiToken: FULL});
  expect(await statusOf(call('/sync/status'))).toBe(401);
  expect(await statusOf(call('/sync/status', {token: FULL}))).toBe(200);
});

it('with the read token alone, nothing may be written', async () => {
  const {post} = appUnderTest({readToken: READ});
  const response = await post('/replication/pause', undefined, {token: READ});
  expect(response.status).toBe(403);
  expect(await response.json()).toMatchObject({message: expect.stringContaining('SYNC_API_TOKEN')});
});

describe('without a token', () => {
  it('a loopback name may do everything', async () => {
    const {call, post} = appUnderTest();
    expect(await statusOf(call('/sync/status', {headers: {host: '127.0.0.1:3000'}}))).toBe(200);
    expect(await statusOf(call('/sync/status', {headers: {host: '[::1]:3000'}}))).toBe(200);
    expect(await statusOf(post('/replication/pause'))).toBe(200);
  });

  it('a name that a site made point here may do nothing', async () => {
    expect(await statusOf(appUnderTest().call('/sync/status', {headers: {host: 'evil.example:3000'}}))).toBe(
      403,
    );
  });

  it.each([
    {'sec-fetch-site': 'cross-site'},
    {'sec-fetch-site': 'same-site', origin: 'http://localhost:9999'},
    {origin: 'http://evil.example'},
    {origin: 'null'},
  ])('a write that another site sent is refused: %o', async headers => {
    const {call, operations} = appUnderTest();
    expect(await statusOf(call('/replication/pause', {method: 'POST', headers}))).toBe(403);
    expect(operations.asked).toEqual([]);
  });

  it('/login leads to the dashboard', async () => {
    const response = await signIn(appUnderTest(), 'anything');
    expect([response.status, response.headers.get('location'), response.headers.get('set-cookie')]).toEqual([
      303,
      '/',
      null,
    ]);
  });
});

describe('a browser', () => {
  const tokens = {apiToken: FULL, readToken: READ};

  it('gets a page to type the token into, with status 401', async () => {
    const response = await appUnderTest(tokens).call('/');
    expect(response.status).toBe(401);
    expect(response.headers.get('content-type')).toContain('text/html');
    const page = await response.text();
    expect(page).toContain('name="token"');
    expect(page).not.toMatch(/<link[^>]+href="\/|<script/);
  });

  it('opens a session whose cookie is restricted and does not contain the token', async () => {
    const response = await signIn(appUnderTest(tokens), FULL);
    expect([response.status, response.headers.get('location')]).toEqual([303, '/']);
    const cookie = response.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/^laas_sync_production=/);
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    expect(cookie).not.toContain(FULL);
    expect(cookie).not.toContain(Buffer.from(FULL).toString('base64'));
  });

  it('is refused with a wrong token, and gets no cookie', async () => {
    const response = await signIn(appUnderTest(tokens), 'wrong');
    expect([response.status, response.headers.get('set-cookie')]).toEqual([401, null]);
    expect(await response.text()).toContain('The token is wrong.');
  });

  it('may do in its session what the token allows', async () => {
    const test = appUnderTest(tokens);
    const full = await sessionOf(signIn(test, FULL));
    const read = await sessionOf(signIn(test, READ));
    const pause = (cookie: string) =>
      statusOf(test.call('/replication/pause', {method: 'POST', headers: {cookie, 'x-laas-sync': '1'}}));
    expect(await statusOf(test.call('/', {headers: {cookie: read}}))).toBe(200);
    expect(await pause(read)).toBe(403);
    expect(await pause(full)).toBe(200);
  });

  it('may send one write with the full token from a session that only reads', async () => {
    const test = appUnderTest(tokens);
    const cookie = await sessionOf(signIn(test, READ));
    expect(
      await statusOf(test.call('/replication/pause', {method: 'POST', token: FULL, headers: {cookie}})),
    ).toBe(200);
  });

  it.each([
    {},
    {'x-laas-sync': '1', 'sec-fetch-site': 'cross-site'},
    {'x-laas-sync': '1', origin: 'http://evil.example'},
  ])('cannot be made to write by another site: %o', async headers => {
    const test = appUnderTest(tokens);
    const cookie = await sessionOf(signIn(test, FULL));
    expect(
      await statusOf(test.call('/replication/pause', {method: 'POST', headers: {cookie, ...headers}})),
    ).toBe(403);
    expect(test.operations.asked).toEqual([]);
  });

  it('loses its session at its end, with a new token, or with a forged cookie', async () => {
    const test = appUnderTest(tokens);
    const cookie = await sessionOf(signIn(test, FULL));
    const other = appUnderTest({apiToken: 'a-new-token', readToken: READ});
    expect(await statusOf(other.call('/sync/status', {headers: {cookie}}))).toBe(401);
    const read = await sessionOf(signIn(test, READ));
    expect(
      await statusOf(test.call('/sync/status', {headers: {cookie: read.replace('read.', 'full.')}})),
    ).toBe(401);
    test.clock.nowMs += SESSION_MS - 1;
    expect(await statusOf(test.call('/sync/status', {headers: {cookie}}))).toBe(200);
    test.clock.nowMs += 1;
    expect(await statusOf(test.call('/sync/status', {headers: {cookie}}))).toBe(401);
  });

  it('cannot extend its session by changing the end in the cookie', async () => {
    const test = appUnderTest(tokens);
    const cookie = await sessionOf(signIn(test, FULL));
    const stretched = cookie.replace(/\.[0-9a-z]+\./, '.zzzzzzzzz.');
    expect(await statusOf(test.call('/sync/status', {headers: {cookie: stretched}}))).toBe(401);
  });

  it('ends its session by signing out', async () => {
    const test = appUnderTest(tokens);
    const cookie = await sessionOf(signIn(test, READ));
    const response = await test.call('/logout', {
      method: 'POST',
      headers: {cookie, 'sec-fetch-site': 'same-origin'},
    });
    expect(response.status).toBe(303);
    expect(response.headers.get('set-cookie')).toMatch(/^laas_sync_production=;.*Max-Age=0/);
  });

  it('gets a cookie for TLS only if it came by TLS', async () => {
    const response = await signIn(appUnderTest(tokens), FULL, {'x-forwarded-proto': 'https'});
    expect(response.headers.get('set-cookie')).toContain('Secure');
  });
});

describe('wrong tokens', () => {
  it('are slowed down after a burst, the right one, too, and only for a while', async () => {
    const {call, clock} = appUnderTest({apiToken: FULL});
    for (let i = 0; i < 20; i += 1)
      expect(await statusOf(call('/sync/status', {token: `guess-${i}`}))).toBe(401);
    const limited = await call('/sync/status', {token: FULL});
    expect(limited.status).toBe(429);
    expect(limited.headers.get('retry-after')).toBe('3');
    expect(await limited.json()).toMatchObject({success: false, error: 'too-many-attempts'});
    clock.nowMs += 3000;
    expect(await statusOf(call('/sync/status', {token: FULL}))).toBe(200);
  });

  it('do not affect a client that is signed in already', async () => {
    const test = appUnderTest({apiToken: FULL});
    const cookie = await sessionOf(signIn(test, FULL));
    for (let i = 0; i < 25; i += 1) await signIn(test, `guess-${i}`);
    expect((await signIn(test, FULL)).status).toBe(429);
    expect(await statusOf(test.call('/sync/status', {headers: {cookie}}))).toBe(200);
  });

  it('are not counted if none was sent', async () => {
    const {call} = appUnderTest({apiToken: FULL});
    for (let i = 0; i < 50; i += 1) await statusOf(call('/sync/status'));
    expect(await statusOf(call('/sync/status', {token: FULL}))).toBe(200);
  });
});
