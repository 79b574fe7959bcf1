import {afterEach, beforeEach, describe, expect, it, onTestFinished, vi} from 'vitest';
import {EventHub} from '../../../src/server/events.ts';
import {appUnderTest} from './app-under-test.ts';
import {NOW, RecordingOperations, run} from './recording-operations.ts';

beforeEach(() => vi.useFakeTimers({now: Date.parse(NOW), toFake: ['Date', 'setInterval', 'clearInterval']}));
afterEach(() => vi.useRealTimers());

function hub() {
  const operations = new RecordingOperations();
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  return {operations, stop, events: new EventHub(operations, stop.signal, {now: () => Date.now()})};
}

/** Reads a stream piece by piece: each piece is one event, or one comment. */
function reader(stream: ReadableStream<Uint8Array>) {
  const source = stream.getReader();
  const decoder = new TextDecoder();
  const next = async () => {
    const {value, done} = await source.read();
    return done ? null : decoder.decode(value);
  };
  return {next, cancel: () => source.cancel()};
}

async function opened(stream: ReadableStream<Uint8Array>) {
  const client = reader(stream);
  const head = [await client.next(), await client.next()];
  return {...client, head};
}

describe('EventHub', () => {
  it('sends the status at once', async () => {
    const {events, operations} = hub();
    const {head} = await opened(events.open());
    expect(head).toEqual(['retry: 2000\n\n', `event: status\ndata: ${JSON.stringify(operations.now)}\n\n`]);
  });

  it('sends runs and progress as they happen', async () => {
    const {events, operations} = hub();
    const client = await opened(events.open());
    const progress = {runId: 'run-2', table: 'user', rows: 5, totalRows: 10, fraction: 0.5} as const;
    operations.emit({tag: 'run', run: run('run-2', 'running')});
    expect(await client.next()).toMatch(/^event: run\ndata: {"runId":"run-2"/);
    expect(await client.next()).toMatch(/^event: status\n/);
    operations.emit({tag: 'progress', progress});
    expect(await client.next()).toBe(`event: progress\ndata: ${JSON.stringify(progress)}\n\n`);
  });

  it('sends a new state at once, and changed numbers once a second', async () => {
    const {events, operations} = hub();
    const client = await opened(events.open());
    operations.change({}, {state: 'halted'});
    expect(await client.next()).toContain('"state":"halted"');
    for (let i = 0; i < 500; i += 1) operations.change({}, {rowsApplied: i});
    await vi.advanceTimersByTimeAsync(1000);
    expect(await client.next()).toContain('"rowsApplied":499');
    await vi.advanceTimersByTimeAsync(1000);
    operations.emit({tag: 'run', run: run('end')});
    expect(await client.next()).toContain('event: run');
  });

  it('repeats the status every five seconds, and sends a comment every fifteen', async () => {
    const {events} = hub();
    const client = await opened(events.open());
    await vi.advanceTimersByTimeAsync(15_000);
    const seen = [await client.next(), await client.next(), await client.next(), await client.next()];
    expect(seen.map(piece => piece?.slice(0, 12))).toEqual([
      'event: statu',
      'event: statu',
      'event: statu',
      ': heartbeat\n',
    ]);
  });

  it('subscribes once for all clients, and not at all without one', async () => {
    const {events, operations} = hub();
    expect(operations.watchers).toBe(0);
    const [one, two] = [await opened(events.open()), await opened(events.open())];
    expect(operations.watchers).toBe(1);
    await one.cancel();
    expect(operations.watchers).toBe(1);
    await two.cancel();
    expect(operations.watchers).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('drops a client that does not read, and keeps the others', async () => {
    const {events, operations} = hub();
    const slow = reader(events.open());
    const quick = await opened(events.open());
    let lastSeen: string | null = null;
    for (let i = 0; i < 400; i += 1) {
      operations.emit({tag: 'run', run: run(`run-${i}`, 'failed', {error: 'x'.repeat(500)})});
      lastSeen = await quick.next();
      await quick.next();
    }
    expect(lastSeen).toContain('run-399');
    expect(events.size).toBe(1);
    let bytes = 0;
    for (let piece = await slow.next(); piece !== null; piece = await slow.next()) bytes += piece.length;
    expect(bytes).toBeLessThan(256 * 1024);
  });

  it('refuses more than 64 watchers', () => {
    const {events} = hub();
    for (let i = 0; i < 64; i += 1) events.open();
    expect(() => events.open()).toThrow('64 watchers');
  });

  it('ends a stream after an hour, so that the session is checked again', async () => {
    const {events} = hub();
    const client = await opened(events.open());
    let pieces = 0;
    const ended = (async () => {
      while ((await client.next()) !== null) pieces += 1;
    })();
    await vi.advanceTimersByTimeAsync(3_599_000);
    expect(events.size).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    await ended;
    expect(events.size).toBe(0);
    expect(pieces).toBeGreaterThan(700);
  });

  it('ends every stream when the server stops', async () => {
    const {events, stop, operations} = hub();
    const client = await opened(events.open());
    stop.abort();
    expect(await client.next()).toBeNull();
    expect(operations.watchers).toBe(0);
    expect(() => events.open()).toThrow('stopping');
  });
});

describe('GET /sync/events', () => {
  it('is an event stream that no proxy buffers', async () => {
    const {call} = appUnderTest();
    const response = await call('/sync/events');
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    await response.body?.cancel();
  });

  it('answers 503 in the common shape if there are too many', async () => {
    const {call} = appUnderTest();
    const open = await Promise.all(Array.from({length: 64}, () => call('/sync/events')));
    const response = await call('/sync/events');
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '30']);
    expect(await response.json()).toMatchObject({success: false, error: 'too-many-watchers'});
    for (const each of open) await each.body?.cancel();
  });
});
