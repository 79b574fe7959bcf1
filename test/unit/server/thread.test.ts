/**
 * The built server's thread: the messages to the daemon's thread and back, and the answers that a busy daemon
 * does not delay.
 */
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {describe, expect, it, onTestFinished, vi} from 'vitest';
import {StoppedError, SyncError} from '../../../src/errors.ts';
import {CursorError, type Status, type Verdict} from '../../../src/status/operations.ts';
import {eventually} from '../../helpers/eventually.ts';
import {deadLetter, EQUAL, run} from './recording-operations.ts';
import {listeningThread, startThread, whileBlocked} from './thread-under-test.ts';

/** A thread is started, and loads the whole server. */
vi.setConfig({testTimeout: 20_000});

interface Answer {
  readonly status: number;
  readonly body: Status & {readonly status?: string};
}

describe('while the daemon’s thread is busy', () => {
  it('answers with the last known status, and with the current one when it can', async () => {
    const {url, get} = await listeningThread();
    const blockedAtMs = Date.now();
    const {body} = whileBlocked(url, "return await ask('sync/status')") as Answer;
    expect(Date.parse(body.timestamp)).toBeLessThanOrEqual(blockedAtMs);
    expect(body.isHealthy).toBe(true);
    const askedAtMs = Date.now();
    await eventually(async () => {
      const {timestamp} = (await get('sync/status')).body;
      return Date.parse(String(timestamp)) >= askedAtMs;
    });
  });

  it('shows the effect of a POST once its answer has arrived', async () => {
    const {operations, url, post} = await listeningThread();
    operations.letters = [deadLetter('1'), deadLetter('2')];
    const shows = async (path: string, seen: object, init?: RequestInit) => {
      expect((await post(path, init)).ok).toBe(true);
      expect((whileBlocked(url, "return await ask('sync/status')") as Answer).body).toMatchObject(seen);
    };
    await shows('replication/pause', {replication: {state: 'paused'}});
    await shows('sync/trigger', {currentRun: {runId: 'run-2'}}, {body: '{"wait":false}'});
    await shows('sync/dead-letters/retry', {deadLetters: 1});
  });

  it('says so when it hangs, until it answers again', async () => {
    const {url, get} = await listeningThread({silentAfterMs: 300});
    const hung = whileBlocked(
      url,
      `while ((await ask('healthz')).status === 200);
       return [await ask('healthz'), await ask('readyz'), await ask('sync/status')]`,
    ) as [Answer, Answer, Answer];
    expect(hung.map(({status}) => status)).toEqual([503, 503, 200]);
    expect(hung[0].body).toEqual({status: 'not-answering'});
    expect(hung[2].body).toMatchObject({
      isHealthy: false,
      reasons: [expect.stringMatching(/^the daemon has not answered for \d+ s$/)],
      // An unknown value is neither 0 nor the last one.
      replication: {lagSeconds: null, lagBytes: null},
    });
    // A machine that stands still for a moment hangs, too.
    await eventually(async () => {
      expect((await get('healthz')).status).toBe(200);
      expect((await get('readyz')).status).toBe(200);
      expect((await get('sync/status')).body).toMatchObject({isHealthy: true, reasons: []});
      return true;
    });
  });
});

describe('a call to the daemon', () => {
  it('reaches it unchanged, and its answers come back', async () => {
    const {operations, get, post, url} = await listeningThread();
    operations.history = [run('run-3'), run('run-2'), run('run-1')];
    operations.letters = [deadLetter('1'), deadLetter('2'), deadLetter('3', {table: 'institute'})];
    const letters = operations.letters;
    expect((await get('sync/runs?limit=1&after=run-3')).body).toEqual({items: [run('run-2')], next: 'run-2'});
    expect((await get('sync/runs/run-1')).body).toEqual(run('run-1'));
    expect((await get('sync/runs/none')).status).toBe(404);
    expect((await get('sync/dead-letters?table=institute')).body).toEqual({items: [letters[2]], next: null});
    expect(await (await post('sync/dead-letters/retry')).json()).toMatchObject({retried: 3, remaining: 1});
    expect((await post('replication/pause')).status).toBe(200);
    expect((await post('replication/resume')).status).toBe(200);
    expect(await (await post('sync/verify')).json()).toEqual(EQUAL);
    expect(operations.asked).toEqual([
      {method: 'runs', argument: {limit: 1, after: 'run-3'}},
      {method: 'run', argument: 'run-1'},
      {method: 'run', argument: 'none'},
      {method: 'deadLetters', argument: {limit: 50, after: null, table: 'institute'}},
      {method: 'retryDeadLetters'},
      {method: 'pause'},
      {method: 'resume'},
      {method: 'verify', argument: expect.any(AbortSignal)},
    ]);
    const metrics = await fetch(`${url}metrics`);
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await metrics.text()).toContain('sync_lag_seconds{stream="production"} 0.012');
  });

  it('is answered twice for a trigger: with its run, and with the run’s end', async () => {
    const {operations, post, get} = await listeningThread();
    const answer = post('sync/trigger', {body: '{"mode":"full","allowDeletes":true}'});
    await eventually(async () => (await get('sync/status')).body['currentRun'] !== null);
    expect(operations.asked).toEqual([{method: 'trigger', argument: {mode: 'full', allowDeletes: true}}]);
    operations.end('succeeded', {durationMs: 77});
    expect(await (await answer).json()).toMatchObject({success: true, runId: 'run-2', durationMs: 77});
  });

  it('fails with the same code', async () => {
    const {operations, get, post} = await listeningThread();
    operations.faults.set('trigger', new SyncError('run-active', 'run-1 is going', {errno: 1234}));
    operations.faults.set('runs', new CursorError());
    const refused = await post('sync/trigger');
    expect([refused.status, await refused.json()]).toMatchObject([
      409,
      {error: 'run-active', message: 'run-1 is going'},
    ]);
    expect(await get('sync/runs?after=x')).toMatchObject({status: 400, body: {field: 'after'}});
  });

  it('fails without a foreign error’s message, which the log does not have, either', async () => {
    const {operations, get, lines} = await listeningThread();
    const words = "Duplicate entry 'anna@example.test'";
    operations.faults.set('run', Object.assign(new Error(words), {code: 'ER_DUP_ENTRY', errno: 1062}));
    const {status, body} = await get('sync/runs/run-1');
    expect([status, body['error']]).toEqual([500, 'internal']);
    expect(JSON.stringify(body)).not.toMatch(/Duplicate|anna|ER_DUP/);
    const [line = ''] = lines;
    expect(JSON.parse(line)).toMatchObject({
      event: 'call.failed',
      method: 'run',
      err: {code: 'error 1062', errno: 1062, at: expect.stringContaining('thread.test.ts')},
    });
    expect(line).not.toMatch(/Duplicate|anna/);
  });

  it('ends for a verification whose client disconnects', async () => {
    const {operations, post, lines} = await listeningThread();
    const ended = new Promise<void>(resolve => {
      operations.verify = signal =>
        new Promise<Verdict>((_resolve, reject) => {
          client.abort();
          signal.addEventListener('abort', () => {
            resolve();
            reject(new StoppedError());
          });
        });
    });
    const client = new AbortController();
    await expect(post('sync/verify', {signal: client.signal})).rejects.toThrow();
    await ended;
    expect(lines).toEqual([]);
  });

  it('includes events only while a client watches', async () => {
    const {operations, url} = await listeningThread();
    expect(operations.watchers).toBe(0);
    const client = new AbortController();
    const events = await fetch(`${url}sync/events`, {signal: client.signal});
    await eventually(() => operations.watchers === 1);
    operations.emit({
      tag: 'progress',
      progress: {runId: 'run-1', table: 'user', rows: 1, totalRows: 2, fraction: 0.5},
    });
    operations.change({isHealthy: false, reasons: ['it is unhealthy']});
    let text = '';
    for await (const chunk of events.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      if (text.includes('it is unhealthy')) break;
    }
    expect(text).toMatch(/event: status\n.*\n\nevent: progress\ndata: {"runId":"run-1".*\n\nevent: status/);
    client.abort();
    await eventually(() => operations.watchers === 0);
  });
});

describe('the thread’s end', () => {
  it('comes when it is stopped, after the current work', async () => {
    const {operations, stop, ended, post, url} = await listeningThread();
    const answer = post('sync/trigger');
    await eventually(() => operations.asked.length === 1);
    stop.abort();
    // Like a run that stops with the daemon: its end is reported too late.
    operations.end('failed');
    const {status} = await answer;
    expect([status, ((await (await answer).json()) as {error: string}).error]).toEqual([503, 'stopping']);
    await ended;
    await expect(fetch(`${url}healthz`)).rejects.toThrow();
  });

  it('comes at once if it is stopped before it listens', async () => {
    const {stop, ended} = startThread();
    stop.abort();
    await ended;
  });

  it('rejects with one clear error that names PORT if the port is taken', async () => {
    const other = createServer();
    onTestFinished(() => void other.close());
    const port = await new Promise<number>(resolve => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as AddressInfo).port));
    });
    await expect(startThread({port}).ended).rejects.toMatchObject({
      name: 'SyncError',
      code: 'config-invalid',
      message: expect.stringContaining(`PORT: ${port}`),
    });
  });

  it.each([
    ['by a fault', "throw new Error(atob('YW5uYQ=='))"],
    ['in silence', ''],
  ])('rejects if it ends %s, so that the daemon does not continue without HTTP', async (_how, program) => {
    const {ended, lines} = startThread({script: new URL(`data:text/javascript,${program}`)});
    await expect(ended).rejects.toMatchObject({name: 'SyncError', code: 'internal'});
    expect(lines.join()).toContain('"event":"http.crashed"');
    expect(lines.join()).not.toContain('anna');
  });
});
