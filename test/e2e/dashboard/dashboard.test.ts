import type {Browser} from 'playwright-core';
import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest';
import {z} from 'zod';
import {SyncError} from '../../../src/errors.ts';
import {gate} from '../../unit/server/app-under-test.ts';
import {run} from '../../unit/server/recording-operations.ts';
import {cells, confirm as confirmOn, launch, newPage, seen, signIn, text} from './browser.ts';
import {eventful, FULL, LiveOperations, open, READ, serve} from './served-app.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** A page on an eventful stream, and all that it asked for or complained of. */
async function dashboard(options: Parameters<typeof serve>[0] = {}) {
  const operations = options.operations ?? new LiveOperations();
  if (options.operations === undefined) eventful(operations);
  const served = await serve({...options, operations});
  onTestFinished(() => served.stop());
  const page = await newPage(browser);
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', request => requests.push(request.url()));
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', error => complaints.push(error.message));
  const confirm = (action: string) => confirmOn(page, action);
  return {operations, served, page, requests, complaints, confirm};
}

describe('what it shows', () => {
  it('follows the stream without a reload', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    operations.change(
      {
        sourceDatabase: {users: 5, institutes: 6, instituteUsers: 7, userAuth: 8},
        deadLetters: 0,
        warnings: [],
      },
      {lagSeconds: 3.44, lagBytes: 0, rowsApplied: 2_000_000},
    );
    operations.letters = [];
    await seen(page, '[data-text="lag"]', '3.4 s');
    await seen(page, '[data-text="behind"]', '0 B');
    await seen(page, '[data-text="rowsApplied"]', '2,000,000');
    await seen(page, '[data-list="counts"] [data-table="institute_users"] td', /^7$/);
    await seen(page, '[data-empty="dead-letters"]', 'None: every eligible row could be written.');
    await seen(page, '[data-look="health"]', 'Healthy');
    expect(await page.locator('[data-action="retry"]').isDisabled()).toBe(true);
  });

  it('says unknown where lag is not known, never 0', async () => {
    const {page, served, operations} = await dashboard();
    operations.change({}, {lagSeconds: null, lagBytes: null});
    await open(page, served);
    expect(await text(page, 'lag').innerText()).toBe('unknown');
    expect(await text(page, 'behind').innerText()).toBe('unknown');
    expect(await page.locator('[data-tile="lag"]').getAttribute('data-tone')).toBe('warn');
  });

  it('shows the run in progress, its end, and keeps what was opened open', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    const current = run('018f-10', 'running', {startedAt: new Date().toISOString()});
    operations.history.unshift(current);
    operations.change({currentRun: current});
    operations.emit({tag: 'run', run: current});
    await seen(page, '[data-run="018f-10"]', 'Running');
    const toggle = page.locator('[data-run="018f-10"] .toggle');
    expect(await toggle.getAttribute('aria-expanded')).toBe('false');
    await toggle.click();
    expect(await toggle.getAttribute('aria-expanded')).toBe('true');
    operations.emit({
      tag: 'progress',
      progress: {runId: '018f-10', table: 'user', rows: 120_000, totalRows: 480_000, fraction: 0.25},
    });
    await seen(page, '[data-text="runPercent"]', '25 %');
    expect(await text(page, 'runRows').innerText()).toBe('user: 120,000 of 480,000 rows in all');
    expect(await page.getByRole('progressbar').getAttribute('value')).toBe('0.25');
    operations.end('failed', {error: 'source-unreachable: the connection was lost'});
    await seen(page, '[data-run="018f-10"]', 'Failed');
    await seen(page, '[id="run-018f-10"]', 'the connection was lost');
    expect(await toggle.getAttribute('aria-expanded')).toBe('true');
    // The row was made anew; whoever was there by keyboard still is.
    expect(await page.evaluate('document.activeElement.closest("[data-run]")?.dataset.run')).toBe('018f-10');
    await seen(page, '[data-text="runTitle"]', 'No run in progress');
    await seen(page, '[data-look="lastRun"]', 'Failed');
  });

  it('brings older runs on request', async () => {
    const {page, served, operations} = await dashboard();
    operations.history = Array.from({length: 40}, (_, i) => run(`r-${40 - i}`));
    await open(page, served);
    expect(await page.locator('[data-run]').count()).toBe(15);
    await page.getByRole('button', {name: 'Show older runs'}).click();
    await page.locator('[data-run="r-1"]').waitFor();
    expect(await page.locator('[data-run]').count()).toBe(40);
    expect(await page.getByRole('button', {name: 'Show older runs'}).isVisible()).toBe(false);
  });

  it('draws the charts, and says in words what they show', async () => {
    const {page, served} = await dashboard();
    await open(page, served);
    const lag = page.getByRole('img', {
      name: /^Lag over the last hour: now 12 ms, median 12 ms · most 12 ms/,
    });
    await lag.waitFor();
    const drawn =
      'c => new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer).some(p => p !== 0)';
    expect(
      await lag.locator('canvas').evaluate(`(${drawn})(document.querySelector('[data-chart="lag"] canvas'))`),
    ).toBe(true);
  });

  it('shades what is unknown, draws the limit once it matters, tells the moment under the pointer, follows the scheme', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    const startMs = Date.now();
    const now = operations.status();
    const at = async (seconds: number, lagSeconds: number | null, shown: string) => {
      const timestamp = new Date(startMs + seconds * 1000).toISOString();
      const status = {...now, timestamp, replication: {...now.replication, lagSeconds}};
      operations.status = () => status;
      operations.emit({tag: 'status', status});
      await seen(page, '[data-text="lag"]', shown);
    };
    /** How much of a region of the chart, in shares of its size, has ink of that kind. */
    const ink = async (kind: string, [x, y, width, height]: readonly [number, number, number, number]) =>
      z.number().parse(
        await page.evaluate(`(() => {
          const canvas = document.querySelector('[data-chart="lag"] canvas');
          const {width: w, height: h} = canvas;
          const {data} = canvas.getContext('2d').getImageData(w * ${x}, h * ${y}, w * ${width}, h * ${height});
          let n = 0;
          for (let i = 0; i < data.length; i += 4) {
            const [r, g, b, a] = data.subarray(i, i + 4);
            if (${kind}) n += 1;
          }
          return (4 * n) / data.length;
        })()`),
      );
    const late = [0.85, 0.2, 0.05, 0.4] as const;
    const all = [0, 0, 1, 1] as const;
    const red = 'a > 200 && r > 150 && g < 90 && b < 90';
    await at(100, 20, '20 s');
    await at(150, 2, '2.0 s');
    await at(299, 2.1, '2.1 s');
    const known = await ink('a > 0', late);
    expect(await ink(red, all)).toBe(0);
    await at(300, 2.2, '2.2 s');
    await at(360, null, 'unknown');
    expect(await ink('a > 0', late)).toBeGreaterThan(known + 0.5);
    await at(372, 90, '1 min 30 s');
    expect(await ink(red, all)).toBeGreaterThan(0.0005);
    const box = await page.locator('[data-chart="lag"] .u-over').boundingBox();
    if (box === null) throw new Error('the chart has no place');
    await page.mouse.move(box.x + box.width - 1, box.y + 20);
    await seen(page, '[data-readout="lag"]', /^\d\d:\d\d:\d\d {2}1 min 30 s$/);
    await page.mouse.move(0, 0);
    await seen(page, '[data-readout="lag"]', /^median .* · most 1 min 30 s$/);
    await page.emulateMedia({colorScheme: 'dark'});
    await expect.poll(() => ink(red, all)).toBe(0); // in the dark it is a light red
    expect(await page.locator('[data-chart="lag"] canvas').count()).toBe(1);
  });

  it('shows what happened while the server was away, once it is back', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    await served.stop();
    await seen(page, '#lost-text', 'Connection lost');
    operations.history.unshift(run('018f-11', 'failed'));
    operations.letters = operations.letters.slice(0, 2);
    const again = await serve({operations, port: served.port});
    onTestFinished(() => again.stop());
    await page.locator('#live[data-live="live"]').waitFor();
    await seen(page, '[data-run="018f-11"]', 'Failed');
    await expect.poll(() => cells(page, 'dead-letters')).toHaveLength(2);
    expect(await page.locator('#lost-text').innerText()).toBe('');
  });

  it('opens though the target hangs, and fills in what it could not read', async () => {
    const operations = new LiveOperations();
    eventful(operations);
    const {page, served} = await dashboard({operations});
    const read = operations.runs.bind(operations);
    const held = gate<void>();
    operations.runs = async asked => {
      await held.promise;
      return read(asked);
    };
    await open(page, served);
    await seen(page, '[data-empty="runs"]', 'cannot be read just now');
    expect(await text(page, 'lag').innerText()).toBe('12 ms');
    held.resolve();
    await page.locator('[data-run="018f-9"]').waitFor();
  });
});

describe('what its buttons do', () => {
  it('runs a reconcile as it was told to', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    const [ask, full, deletes] = [
      page.getByRole('button', {name: 'Run reconcile'}).first(),
      page.getByLabel('Full'),
      page.getByLabel('Allow mass deletes'),
    ];
    // What was ticked and then cancelled is not ticked the next time.
    await ask.click();
    await full.check();
    await deletes.check();
    await page.getByRole('button', {name: 'Cancel'}).click();
    await ask.click();
    expect([await full.isChecked(), await deletes.isChecked()]).toEqual([false, false]);
    await full.check();
    await deletes.check();
    await page.locator('#confirm-go').click();
    await seen(page, '#toasts', 'Run run-8 started.');
    await seen(page, '[data-run="run-8"]', 'Running');
    expect(operations.asked.filter(call => call.method === 'trigger')).toEqual([
      {method: 'trigger', argument: {mode: 'full', allowDeletes: true}},
    ]);
  });

  it('each asks for what it says, for nothing else, and tells what came of it', async () => {
    const {page, served, operations, confirm} = await dashboard();
    operations.change({lastRun: run('018f-8', 'needs-confirmation', {error: 'rows to delete: 500 of user'})});
    await open(page, served);
    const says = async (action: string, text: string | RegExp) => {
      await confirm(action);
      await seen(page, '#toasts', text);
    };
    await says('pause', 'Replication is paused.');
    await says('resume', 'Replication resumes.');
    await says('retry', '5 tried again, 1 remain.');
    await expect.poll(() => cells(page, 'dead-letters')).toHaveLength(1);
    await says('verify', 'Verified: both sides are equal.');
    expect(await page.locator('#verification').isVisible()).toBe(true);
    await says('confirm-deletes', /^Run run-\d+ started\.$/);
    const writes = operations.asked.filter(({method}) => !['runs', 'run', 'deadLetters'].includes(method));
    expect(writes.map(({method}) => method)).toEqual([
      'pause',
      'resume',
      'retryDeadLetters',
      'verify',
      'trigger',
    ]);
    expect(writes.at(-1)?.argument).toEqual({mode: 'diff', allowDeletes: true});
  });

  it('says what went wrong with what takes long, after its question is gone', async () => {
    const {page, served, operations, confirm} = await dashboard();
    operations.faults.set('verify', new SyncError('source-unreachable', 'the source cannot be reached'));
    await open(page, served);
    await confirm('verify');
    await seen(page, '#toasts', 'the source cannot be reached');
    expect(await page.locator('#verification').isVisible()).toBe(false);
  });

  it('does nothing where the question is cancelled or escaped, and gives the focus back', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    const pause = page.getByRole('button', {name: 'Pause'});
    await pause.click();
    expect(await page.getByLabel('Allow mass deletes').isVisible()).toBe(false);
    await page.getByRole('button', {name: 'Cancel'}).click();
    await pause.click();
    await page.keyboard.press('Escape');
    expect(await pause.evaluate('document.activeElement.dataset.action')).toBe('pause');
    expect(operations.asked.map(call => call.method)).not.toContain('pause');
  });

  it('says in the dialog why the server refused', async () => {
    const {page, served, operations, confirm} = await dashboard();
    operations.faults.set('trigger', new SyncError('run-active', 'run 018f-10 is going'));
    await open(page, served);
    await confirm('trigger');
    await seen(page, '#confirm-error', 'run 018f-10 is going');
    expect(await page.locator('#confirm').getAttribute('open')).not.toBeNull();
    // What was said of the last try is not said of the next one.
    await page.getByRole('button', {name: 'Cancel'}).click();
    await page.locator('[data-action="verify"]').click();
    expect(await page.locator('#confirm-error').innerText()).toBe('');
  });
});

describe('who may', () => {
  it('signs in with a token, and is told where it is wrong', async () => {
    const {page, served} = await dashboard({apiToken: FULL, readToken: READ});
    await signIn(page, served.url, 'wrong');
    await seen(page, '#error', 'The token is wrong.');
    await signIn(page, served.url, FULL);
    await page.locator('#live[data-live="live"]').waitFor();
    await page.getByRole('button', {name: 'Sign out'}).click();
    await page.getByRole('button', {name: 'Sign in'}).waitFor();
  });

  it('nobody writes where no full token is set, and is told why', async () => {
    const {page, served} = await dashboard({readToken: READ});
    await signIn(page, served.url, READ);
    await page.locator('[data-action="pause"]').click();
    await seen(page, '#confirm', 'No full token is set on the server (SYNC_API_TOKEN)');
    expect(await page.locator('#confirm-go').isDisabled()).toBe(true);
  });
});

describe('how it behaves', () => {
  it('asks nothing of any other server, and breaks no rule of its own policy', async () => {
    const {page, served, requests, complaints, confirm} = await dashboard();
    await open(page, served);
    await confirm('verify');
    await seen(page, '#toasts', 'Verified');
    await page.goto(`${served.url}docs`);
    await page.locator('#post-sync-trigger summary').click();
    await page.locator('#post-sync-trigger textarea').fill('{"wait": false}');
    await page.locator('#post-sync-trigger button').click();
    await seen(page, '#post-sync-trigger [data-answer="status"]', /^202/);
    await seen(page, '#post-sync-trigger pre', '"success": true');
    expect(requests.filter(url => !url.startsWith(served.url))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('has a page that tries the API: paths, queries, bodies, the full token, and a stream that is let go', async () => {
    const {page, served, operations, complaints} = await dashboard({apiToken: FULL, readToken: READ});
    await signIn(page, served.url, READ);
    await page.goto(`${served.url}docs`);
    const tries = async (id: string, fields: Record<string, string> = {}) => {
      const form = page.locator(`#${id}`);
      if ((await form.getAttribute('open')) === null) await form.locator('summary').click();
      for (const [name, value] of Object.entries(fields)) await form.locator(`[name="${name}"]`).fill(value);
      await form.getByRole('button', {name: 'Send'}).click();
      await form.locator('[data-answer="status"]').filter({hasText: /^\d/}).waitFor();
      return {
        status: await form.locator('[data-answer="status"]').innerText(),
        body: await form.locator('pre').innerText(),
      };
    };
    const one = await tries('get-sync-runs-id', {id: '018f-9'});
    expect([one.status, one.body]).toEqual([
      expect.stringMatching(/^200 OK, \d+ ms$/),
      expect.stringContaining('"runId": "018f-9"'),
    ]);
    expect((await tries('get-sync-runs', {limit: '1'})).body).not.toContain('018f-8');
    await tries('get-sync-events');
    await seen(page, '#get-sync-events pre', 'event: status');
    expect((await tries('post-replication-pause')).status).toMatch(/^403/);
    await page.locator('#token').fill(FULL);
    expect((await tries('post-replication-pause')).status).toMatch(/^200/);
    await tries('post-sync-trigger', {body: '{"mode": "full", "wait": false}'});
    expect(operations.asked.filter(({method}) => method === 'trigger')).toEqual([
      {method: 'trigger', argument: {mode: 'full', allowDeletes: false}},
    ]);
    // The one refusal is all that the browser had to say.
    expect(complaints.filter(text => !text.includes('403') && !text.includes('401'))).toEqual([]);
  });

  it('does not jump about as numbers change', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    await page.evaluate(
      'new PerformanceObserver(list => (globalThis.shifted = (globalThis.shifted ?? 0) + list.getEntries().reduce((sum, e) => sum + e.value, 0))).observe({type: "layout-shift"})',
    );
    for (const lag of [0.5, 5, 59, 3600, 0.001]) {
      operations.change({}, {lagSeconds: lag, lagBytes: lag * 1e6, rowsApplied: Math.round(lag * 1e5)});
      operations.emit({tag: 'run', run: run('018f-9')});
      await seen(
        page,
        '[data-text="rowsApplied"]',
        new Intl.NumberFormat('en').format(Math.round(lag * 1e5)),
      );
    }
    expect(await page.evaluate('globalThis.shifted ?? 0')).toBeLessThan(0.01);
  });
});
