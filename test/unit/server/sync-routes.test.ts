import {describe, expect, it, vi} from 'vitest';
import {SyncError} from '../../../src/errors.ts';
import {eventually} from '../../helpers/eventually.ts';
import {appUnderTest, gate} from './app-under-test.ts';
import {outcomes, NOW, status} from './recording-operations.ts';

describe('POST /sync/trigger', () => {
  it('answers with the outcome once the run has ended', async () => {
    const {post, operations} = appUnderTest();
    const answer = post('/sync/trigger');
    await eventually(() => operations.asked.length === 1);
    operations.end('succeeded', {durationMs: 1234, tables: outcomes({repaired: 2})});
    const response = await answer;
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      success: true,
      message: 'Data synchronization completed successfully',
      timestamp: NOW,
      runId: 'run-2',
      durationMs: 1234,
      tables: outcomes({repaired: 2}),
    });
  });

  it.each([
    ['no body and no content type', {method: 'POST'}],
    ['no body but a content type', {method: 'POST', headers: {'content-type': 'application/json'}}],
    ['an empty object', {method: 'POST', body: '{}'}],
  ])('takes the defaults from %s', async (_name, init) => {
    const {call, operations} = appUnderTest();
    const answer = call('/sync/trigger', init);
    await eventually(() => operations.asked.length === 1);
    operations.end('succeeded');
    expect((await answer).status).toBe(200);
    expect(operations.asked).toEqual([{method: 'trigger', argument: {mode: 'diff', allowDeletes: false}}]);
  });

  it('reads a JSON body whatever its content type says', async () => {
    const {call, operations} = appUnderTest();
    const body = '{"mode":"full","wait":false,"allowDeletes":true}';
    const response = await call('/sync/trigger', {
      method: 'POST',
      body,
      headers: {'content-type': 'application/x-www-form-urlencoded'},
    });
    expect(response.status).toBe(202);
    expect(operations.asked).toEqual([{method: 'trigger', argument: {mode: 'full', allowDeletes: true}}]);
  });

  it('answers 202 with the run id at once if asked not to wait', async () => {
    const {post} = appUnderTest();
    const response = await post('/sync/trigger', {wait: false});
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({
      success: true,
      message: 'Data synchronization started',
      timestamp: NOW,
      runId: 'run-2',
    });
  });

  it.each([
    ['{"mode":"quick"}', 'mode'],
    ['{"wait":"yes"}', 'wait'],
    ['{"allowDeletes":1}', 'allowDeletes'],
    ['{"mode":"diff","force":true}', 'force'],
    ['[]', 'body'],
    ['null', 'body'],
    ['"full"', 'body'],
    ['{"mode":', 'body'],
  ])('answers 400 to %s, naming %s, and runs nothing', async (body, field) => {
    const {call, operations} = appUnderTest();
    const response = await call('/sync/trigger', {
      method: 'POST',
      body,
      headers: {'content-type': 'application/json'},
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      success: false,
      error: 'invalid-request',
      field,
      message: expect.stringContaining(field),
    });
    expect(operations.asked).toEqual([]);
  });

  it('does not repeat a rejected value', async () => {
    const {call} = appUnderTest();
    const response = await call('/sync/trigger', {method: 'POST', body: '{"mode":"s3cret@example.org"'});
    expect(await response.text()).not.toContain('s3cret');
  });

  it('answers 409 while a run is active', async () => {
    const {post, operations} = appUnderTest();
    operations.faults.set('trigger', new SyncError('run-active', 'run run-7 is going'));
    const response = await post('/sync/trigger');
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({
      success: false,
      error: 'run-active',
      message: 'run run-7 is going',
    });
  });

  it('answers 500 with the reason for a failed run', async () => {
    const {post, operations} = appUnderTest();
    const answer = post('/sync/trigger');
    await eventually(() => operations.asked.length === 1);
    operations.end('failed', {error: 'the source cannot be reached'});
    const response = await answer;
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({
      success: false,
      error: 'run-failed',
      message: 'the source cannot be reached',
      runId: 'run-2',
      timestamp: NOW,
    });
  });

  it('answers 503 with the time to wait for a run that a failover interrupted', async () => {
    const {post, operations} = appUnderTest();
    const answer = post('/sync/trigger');
    await eventually(() => operations.asked.length === 1);
    operations.end('failed', {error: 'interrupted', failure: 'run-interrupted'});
    const response = await answer;
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await response.json()).toMatchObject({
      success: false,
      error: 'run-interrupted',
      message: expect.stringContaining('Send the request again'),
      runId: 'run-2',
    });
  });

  it('says that deletes must be allowed if a run needs confirmation', async () => {
    const {post, operations} = appUnderTest();
    const answer = post('/sync/trigger');
    await eventually(() => operations.asked.length === 1);
    operations.end('needs-confirmation');
    const response = await answer;
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      success: false,
      state: 'needs-confirmation',
      message: expect.stringContaining('allowDeletes'),
    });
  });

  it('answers a waiting client when the server stops', async () => {
    const {post, operations, stop} = appUnderTest();
    const answer = post('/sync/trigger');
    await eventually(() => operations.asked.length === 1);
    stop.abort();
    const response = await answer;
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({error: 'stopping', runId: 'run-2'});
  });

  it('refuses a body over 16 KiB', async () => {
    const {call, operations} = appUnderTest();
    const body = JSON.stringify({mode: 'x'.repeat(17_000)});
    const response = await call('/sync/trigger', {
      method: 'POST',
      body,
      headers: {'content-length': String(body.length)},
    });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({error: 'body-too-large', field: 'body'});
    expect(operations.asked).toEqual([]);
  });
});

describe('GET /sync/status', () => {
  it('is exactly the status', async () => {
    const {call, operations} = appUnderTest();
    operations.now = status({reasons: ['lag is 90 s'], isHealthy: false}, {lagSeconds: null, lagBytes: null});
    const response = await call('/sync/status');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(operations.now);
  });
});

describe('GET /sync/history', () => {
  it('has samples, with null for an unknown lag', async () => {
    const {call} = appUnderTest();
    expect(await (await call('/sync/history')).json()).toEqual({
      at: [Date.parse(NOW) / 1000],
      lag: [0.012],
      rows: [1337],
      transactions: [420],
    });
  });
});

describe('POST /sync/verify', () => {
  it('answers with the verdict', async () => {
    const {post, operations} = appUnderTest();
    const response = await post('/sync/verify');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(operations.verdict);
  });

  it('answers 409 while another is active, and accepts the next one after it', async () => {
    const {post, operations} = appUnderTest();
    const held = gate<typeof operations.verdict>();
    const verify = vi.spyOn(operations, 'verify').mockReturnValueOnce(held.promise);
    const first = post('/sync/verify');
    await eventually(() => verify.mock.calls.length > 0);
    expect((await post('/sync/verify')).status).toBe(409);
    held.resolve(operations.verdict);
    expect((await first).status).toBe(200);
    expect((await post('/sync/verify')).status).toBe(200);
  });

  it('ends the comparison when the client disconnects', async () => {
    const {call, operations} = appUnderTest();
    const client = new AbortController();
    const seen = gate<AbortSignal>();
    vi.spyOn(operations, 'verify').mockImplementationOnce(signal => {
      seen.resolve(signal);
      return new Promise(() => undefined);
    });
    void call('/sync/verify', {method: 'POST', signal: client.signal});
    const signal = await seen.promise;
    expect(signal.aborted).toBe(false);
    client.abort();
    expect(signal.aborted).toBe(true);
  });
});

describe('steering', () => {
  it.each(['pause', 'resume'] as const)('POST /replication/%s requests it once', async verb => {
    const {post, operations} = appUnderTest();
    const response = await post(`/replication/${verb}`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({success: true, timestamp: NOW});
    expect(operations.asked).toEqual([{method: verb}]);
  });

  it('answers 409 if another instance leads', async () => {
    const {post, operations} = appUnderTest();
    operations.faults.set('pause', new SyncError('lease-held', 'another instance leads'));
    expect((await post('/replication/pause')).status).toBe(409);
  });
});

describe('an unexpected fault', () => {
  it('is a 500 without its message, which may quote a row', async () => {
    const {post, operations, lines} = appUnderTest();
    operations.faults.set('pause', new Error("Duplicate entry 'ann@example.org' for key 'email'"));
    const response = await post('/replication/pause');
    expect(response.status).toBe(500);
    const body = await response.text();
    expect(JSON.parse(body)).toMatchObject({
      success: false,
      error: 'internal',
      requestId: response.headers.get('x-request-id'),
    });
    expect(body + lines.join('')).not.toContain('ann@example.org');
  });

  it('of a lost target is a 503', async () => {
    const {call, operations} = appUnderTest();
    operations.faults.set('runs', new SyncError('target-unreachable', 'the target cannot be reached'));
    expect((await call('/sync/runs')).status).toBe(503);
  });
});
