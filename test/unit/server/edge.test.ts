import {describe, expect, it} from 'vitest';
import {Validator} from '@seriousme/openapi-schema-validator';
import {z} from 'zod';
import {appUnderTest, FULL, READ} from './app-under-test.ts';
import {status} from './recording-operations.ts';

const apiDocument = z.object({
  paths: z.record(z.string(), z.unknown()),
  components: z.object({securitySchemes: z.unknown()}),
});

describe('probes', () => {
  it('/healthz says that the process lives', async () => {
    const {call, operations} = appUnderTest();
    operations.ready = false;
    const response = await call('/healthz');
    expect([response.status, await response.json()]).toEqual([200, {status: 'ok'}]);
  });

  it('/healthz is 503 if the daemon does not answer', async () => {
    const {call, operations} = appUnderTest();
    operations.answering = false;
    const response = await call('/healthz');
    expect([response.status, await response.json()]).toEqual([503, {status: 'not-answering'}]);
  });

  it('/readyz is 503 unless it leads or is a standby', async () => {
    const {call, operations} = appUnderTest();
    expect((await call('/readyz')).status).toBe(200);
    operations.ready = false;
    operations.now = status({}, {state: 'halted'});
    const response = await call('/readyz');
    expect([response.status, await response.json()]).toEqual([503, {status: 'not-ready', state: 'halted'}]);
  });

  it('/metrics is the text format', async () => {
    const response = await appUnderTest().call('/metrics');
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await response.text()).toContain('sync_lag_seconds{stream="production"} 0.012');
  });
});

describe('the state that is shown', () => {
  it.each(['/', '/readyz', '/sync/status', '/sync/events'])('by %s is refreshed first', async path => {
    const {call, operations, stop} = appUnderTest();
    operations.unseen = status({}, {state: 'snapshotting'});
    const answer = (await call(path)).text();
    stop.abort();
    expect(await answer).toContain('snapshotting');
  });
});

describe('every answer', () => {
  it.each(['/', '/docs', '/sync/status', '/nothing', '/metrics', '/assets/dashboard.css'])(
    'of %s has security headers',
    async path => {
      const {headers} = await appUnderTest().call(path);
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain('unsafe');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('access-control-allow-origin')).toBeNull();
    },
  );

  it('has these security headers and no others', async () => {
    const {headers} = await appUnderTest().call('/sync/status');
    const others = new Set(['content-type', 'content-length', 'x-request-id']);
    expect(Object.fromEntries([...headers].filter(([name]) => !others.has(name)))).toEqual({
      'cache-control': 'no-store',
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'permissions-policy': 'camera=(), geolocation=(), microphone=()',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
  });

  it.each(['/', '/nothing', '/sync/events', '/assets/dashboard.css'])(
    'of %s has a request id',
    async path => {
      const {call, stop} = appUnderTest();
      const {headers, body} = await call(path, {headers: {'x-request-id': 'trace-1'}});
      stop.abort();
      await body?.cancel();
      expect(headers.get('x-request-id')).toBe('trace-1');
    },
  );

  it('has the caller’s request id if it is harmless, else a new one', async () => {
    const {call} = appUnderTest();
    const id = async (given: string) =>
      (await call('/healthz', {headers: {'x-request-id': given}})).headers.get('x-request-id');
    expect(await id('trace-42=a_b')).toBe('trace-42=a_b');
    expect(await id('<script>')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await id('x'.repeat(65))).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is one line in the log, with the route’s pattern and no parameters', async () => {
    const {call, lines} = appUnderTest({apiToken: FULL, readToken: READ});
    await call('/sync/runs/run-1?secret=hunter2', {token: READ, headers: {'x-request-id': 'trace-1'}});
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'debug',
      event: 'http.request',
      requestId: 'trace-1',
      method: 'GET',
      route: '/sync/runs/:id',
      status: 200,
      ms: 0,
    });
    expect(lines.join('')).not.toMatch(/hunter2|run-1|the-read-token/);
  });

  it('of a write is in the log at info', async () => {
    const {post, lines} = appUnderTest();
    await post('/replication/pause');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({level: 'info', route: '/replication/pause'});
  });
});

describe('addresses', () => {
  it('that do not exist are a problem of the one shape', async () => {
    const response = await appUnderTest().call('/nothing');
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      success: false,
      error: 'not-found',
      message: expect.any(String),
      timestamp: '2026-03-01T12:00:00.000Z',
      requestId: response.headers.get('x-request-id'),
    });
  });

  it('with the wrong method name the allowed ones', async () => {
    const response = await appUnderTest().call('/sync/trigger');
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    expect(await response.json()).toMatchObject({success: false, error: 'method-not-allowed'});
  });

  it.each(['..%2f..%2fpackage.json', 'view.d.ts', 'toString', ''])(
    'of assets return no other file: "%s"',
    async name => {
      expect((await appUnderTest().call(`/assets/${name}`)).status).toBe(404);
    },
  );
});

describe('/openapi.json', () => {
  it('describes every endpoint of the contract', async () => {
    const document = apiDocument.parse(await (await appUnderTest().call('/openapi.json')).json());
    expect(Object.keys(document.paths).toSorted()).toEqual([
      '/healthz',
      '/metrics',
      '/readyz',
      '/replication/pause',
      '/replication/resume',
      '/sync/dead-letters',
      '/sync/dead-letters/retry',
      '/sync/events',
      '/sync/history',
      '/sync/mapping',
      '/sync/runs',
      '/sync/runs/{id}',
      '/sync/status',
      '/sync/trigger',
      '/sync/verify',
    ]);
    expect(document.components.securitySchemes).toEqual({token: {type: 'http', scheme: 'bearer'}});
    expect(JSON.stringify(document.paths['/sync/trigger'])).toContain(
      '{"$ref":"#/components/schemas/TriggerRequest"}',
    );
  });

  it('is valid OpenAPI 3.1, each reference and each operation’s parameters included', async () => {
    const document = z
      .record(z.string(), z.unknown())
      .parse(await (await appUnderTest().call('/openapi.json')).json());
    const validator = new Validator();
    expect(await validator.validate(document)).toEqual({valid: true});
    expect(validator.version).toBe('3.1');
    expect(JSON.stringify(validator.resolveRefs())).not.toContain('"$ref"');
  });

  it('is shown by the page that tries it', async () => {
    const page = await (await appUnderTest().call('/docs')).text();
    for (const path of ['/sync/trigger', '/sync/runs/{id}', '/replication/pause'])
      expect(page).toContain(`data-path="${path}"`);
  });
});
