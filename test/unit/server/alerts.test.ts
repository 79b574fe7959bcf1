import {Writable} from 'node:stream';
import {describe, expect, it, onTestFinished} from 'vitest';
import {createLogger} from '../../../src/logger.ts';
import {alertFor, alertState, runAlerts, type AlertMessage} from '../../../src/status/alerts.ts';
import {run, RecordingOperations, status} from './recording-operations.ts';

const SECRET_URL = 'https://hooks.example/T0/s3cret-path';

/** A clock that the test moves: waits end in order. */
class ManualTime {
  nowMs = 0;
  #waits: {readonly atMs: number; readonly done: () => void}[] = [];

  readonly now = () => this.nowMs;
  readonly sleep = (ms: number, signal: AbortSignal) =>
    new Promise<void>(resolve => {
      const done = () => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waits.push({atMs: this.nowMs + ms, done});
      signal.addEventListener('abort', done, {once: true});
    });

  async pass(ms: number): Promise<void> {
    const end = this.nowMs + ms;
    for (;;) {
      await new Promise(setImmediate);
      const next = this.#waits.filter(wait => wait.atMs <= end).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#waits = this.#waits.filter(wait => wait !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.done();
    }
    this.nowMs = end;
  }
}

function alerts(url: string | undefined = SECRET_URL) {
  const operations = new RecordingOperations();
  const time = new ManualTime();
  const sent: AlertMessage[] = [];
  const attempts: number[] = [];
  /** The answer of the webhook; a function may fail. */
  let answer: () => Response | Promise<Response> = () => new Response('ok');
  const lines: string[] = [];
  const output = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const ended = runAlerts(
    {
      operations,
      config: {name: 'production', alertWebhookUrl: url},
      logger: createLogger({logLevel: 'debug', logFormat: 'json', name: 'production'}, output),
      async fetch(_address, init) {
        attempts.push(time.nowMs);
        const response = await answer();
        if (response.ok) sent.push(JSON.parse(typeof init?.body === 'string' ? init.body : ''));
        return response;
      },
      now: time.now,
      sleep: time.sleep,
      random: () => 1,
    },
    stop.signal,
  );
  const unhealthy = (...reasons: string[]) => operations.change({isHealthy: false, reasons});
  const healthy = () => operations.change({isHealthy: true, reasons: []});
  return {
    operations,
    time,
    sent,
    attempts,
    lines,
    stop,
    ended,
    unhealthy,
    healthy,
    answers: (next: typeof answer) => (answer = next),
  };
}

describe('runAlerts', () => {
  it('sends nothing while all is healthy', async () => {
    const {time, sent} = alerts();
    await time.pass(60_000);
    expect(sent).toEqual([]);
  });

  it('reports once that it is unhealthy, with the reasons, and its end', async () => {
    const {time, sent, unhealthy, healthy} = alerts();
    unhealthy('lag is 75 s, over 60 s');
    await time.pass(60_000);
    expect(sent).toEqual([
      {
        text: '[laas-sync production] NOT HEALTHY: lag is 75 s, over 60 s',
        name: 'production',
        healthy: false,
        reasons: ['lag is 75 s, over 60 s'],
        state: 'streaming',
        timestamp: status().timestamp,
      },
    ]);
    healthy();
    await time.pass(60_000);
    expect(sent.slice(1)).toEqual([
      expect.objectContaining({healthy: true, reasons: [], text: '[laas-sync production] healthy again'}),
    ]);
  });

  it('reports within seconds', async () => {
    const {time, sent, unhealthy, healthy} = alerts();
    await time.pass(10_000);
    unhealthy('the source cannot be reached');
    await time.pass(3000);
    expect(sent).toHaveLength(1);
    healthy();
    await time.pass(3000);
    expect(sent).toHaveLength(2);
  });

  it('notices changes without an event', async () => {
    const {time, sent, operations} = alerts();
    operations.now = status({isHealthy: false, reasons: ['lag is 61 s']});
    await time.pass(5000);
    expect(sent).toHaveLength(1);
  });

  it('reports a short fault in one message, with its reasons', async () => {
    const {time, sent, unhealthy, healthy} = alerts();
    await time.pass(1000);
    unhealthy('the target cannot be reached');
    healthy();
    await time.pass(30_000);
    expect(sent.map(message => message.text)).toEqual([
      '[laas-sync production] was unhealthy for a moment, and is healthy again: the target cannot be reached',
    ]);
    expect(sent[0]).toMatchObject({healthy: true, reasons: ['the target cannot be reached']});
  });

  it('sends fewer messages while health changes repeatedly', async () => {
    const {time, sent, unhealthy, healthy} = alerts();
    for (let i = 0; i < 300; i += 1) {
      if (i % 2 === 0) unhealthy('flapping');
      else healthy();
      await time.pass(1000);
    }
    expect(sent.length).toBeGreaterThan(2);
    expect(sent.length).toBeLessThan(12);
  });

  it('says that replication halted, even if it was unhealthy before', async () => {
    const {time, sent, unhealthy, operations} = alerts();
    unhealthy('lag is 75 s');
    await time.pass(5000);
    operations.change(
      {reasons: ['schema-incompatible: users.email is gone']},
      {state: 'halted', fault: {code: 'schema-incompatible', action: 'Bring the column back.'}},
    );
    await time.pass(60_000);
    expect(sent[1]).toMatchObject({
      state: 'halted',
      text: '[laas-sync production] replication is HALTED: schema-incompatible: users.email is gone. What to do: Bring the column back.',
    });
    expect(sent).toHaveLength(2);
  });

  it('says once that a run needs confirmation, although health is unchanged', async () => {
    const {time, sent, operations} = alerts();
    operations.change({lastRun: run('run-9', 'needs-confirmation')});
    await time.pass(60_000);
    expect(sent).toHaveLength(1);
    expect(sent[0]?.text).toContain('run run-9 would delete too many rows and NEEDS CONFIRMATION');
    operations.change({lastRun: run('run-10', 'needs-confirmation')});
    await time.pass(60_000);
    expect(sent).toHaveLength(2);
  });

  it('retries with growing waits until it succeeds, then sends the current state', async () => {
    const {time, sent, attempts, unhealthy, answers} = alerts();
    answers(() => new Response('no', {status: 503}));
    unhealthy('lag is 75 s');
    await time.pass(20_000);
    expect(attempts).toEqual([2500, 3500, 5500, 9500, 17_500]);
    unhealthy('the source cannot be reached');
    answers(() => new Response('ok'));
    await time.pass(60_000);
    expect(sent).toEqual([expect.objectContaining({reasons: ['the source cannot be reached']})]);
  });

  it('reports a fault that ended before the webhook could be reached', async () => {
    const {time, sent, unhealthy, healthy, answers} = alerts();
    answers(() => Promise.reject(new TypeError('fetch failed')));
    unhealthy('lag is 75 s');
    await time.pass(5000);
    healthy();
    answers(() => new Response('ok'));
    await time.pass(60_000);
    expect(sent.map(message => message.text)).toEqual([
      expect.stringContaining('for a moment, and is healthy again: lag is 75 s'),
    ]);
  });

  it('reports nothing for the first minute after a start', async () => {
    const {time, sent, operations} = alerts();
    operations.change({isHealthy: false, reasons: ['starting']}, {state: 'starting'});
    await time.pass(59_000);
    expect(sent).toEqual([]);
    await time.pass(6000);
    expect(sent).toHaveLength(1);
  });

  it('never shows the address, not even in the log', async () => {
    const {time, lines, unhealthy, answers} = alerts();
    answers(() => Promise.reject(new TypeError(`fetch failed: ${SECRET_URL}`)));
    unhealthy('lag is 75 s');
    await time.pass(10_000);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join('')).not.toMatch(/hooks\.example|s3cret/);
  });

  it.each([SECRET_URL, undefined])('ends on request, and stops watching', async url => {
    const {time, operations, stop, ended} = alerts(url);
    await time.pass(1000);
    stop.abort();
    await ended;
    expect(operations.watchers).toBe(0);
  });
});

describe('alertFor', () => {
  it('has nothing to report if nothing changed', () => {
    const unhealthy = status({isHealthy: false, reasons: ['lag']});
    expect(alertFor(alertState(unhealthy), unhealthy, null)).toBeNull();
  });
});
