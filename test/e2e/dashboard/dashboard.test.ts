import type {Browser, BrowserContextOptions, Page} from 'playwright-core';
import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest';
import {SyncError} from '../../../src/errors.ts';
import type {Verdict} from '../../../src/status/operations.ts';
import {EQUAL, run} from '../../unit/server/recording-operations.ts';
import {eventful, FULL, launch, LiveOperations, open, READ, serve} from './served-app.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

async function newPage(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({viewport: {width: 1280, height: 900}, ...options});
  onTestFinished(() => context.close());
  return context.newPage();
}

/** A page on an eventful stream, and all that it asked for or complained of. */
async function dashboard(options: Parameters<typeof serve>[0] = {}) {
  const operations = options.operations ?? new LiveOperations();
  if (options.operations === undefined) eventful(operations);
  const served = await serve({...options, operations});
  onTestFinished(() => served.stop());
  const page = await newPage();
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', request => requests.push(request.url()));
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', error => complaints.push(error.message));
  const confirm = async (action: string) => {
    await page.locator(`[data-action="${action}"]`).click();
    await page.locator('#confirm-go').click();
  };
  return {operations, served, page, requests, complaints, confirm};
}

async function signIn(page: Page, url: string, token: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', {name: 'Sign in'}).click();
}

const text = (page: Page, name: string) => page.locator(`[data-text="${name}"]`).first();
const cells = (page: Page, list: string) =>
  page
    .locator(`[data-list="${list}"] > tr:visible`)
    .evaluateAll(rows => rows.map(row => [...row.children].map(cell => cell.textContent)));
const seen = (page: Page, selector: string, pattern: string | RegExp) =>
  page.locator(selector).filter({hasText: pattern}).first().waitFor();

describe('what it shows', () => {
  it('is true: state, lag, position, counts, runs, dead letters, next run, the environment', async () => {
    const {page, served} = await dashboard();
    await open(page, served);
    expect(await page.locator('h1').innerText()).toMatch(/laas-sync[\s\S]*production/);
    expect(await page.locator('[data-look="state"]').innerText()).toBe('Streaming');
    expect(await text(page, 'lag').innerText()).toBe('12 ms');
    expect(await text(page, 'behind').innerText()).toBe('1.8 KiB');
    expect(await text(page, 'nextRun').innerText()).toMatch(/^in 5 h [67] min$/);
    expect(await text(page, 'position').innerText()).toContain('c80aa9429562:1-884120');
    expect(await text(page, 'sourcePosition').innerText()).toContain('c80aa9429562:1-884123');
    expect(await cells(page, 'counts')).toEqual([
      ['institute', '1,204', '1,204', '0', 'equal'],
      ['user', '214,312', '214,315', '3', 'equal'],
      ['institute_users', '388,911', '388,909', '0', '2 fewer'],
      ['user_auth', '214,310', '214,313', '3', 'equal'],
    ]);
    const runs = await cells(page, 'runs');
    expect(runs).toHaveLength(7);
    expect(runs[0]?.slice(1)).toEqual(['Succeeded', '47 s', 'api', 'diff', '857,240', '8', '0', '0']);
    expect(runs[1]?.[1]).toBe('Needs confirmation');
    expect(await page.locator('[data-list="codes"]').innerText()).toMatch(/invalid-email\s*2/);
    expect((await cells(page, 'dead-letters'))[2]?.slice(0, 4)).toEqual([
      'user',
      '13',
      'unique-conflict user 4711',
      '12',
    ]);
    expect(await page.locator('[data-list="reasons"]').innerText()).toContain('5 dead letters wait');
  });

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

  it('shows a halted stream in word, icon, title and to a screen reader, with its reason', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    const reason = 'schema-incompatible: users.email is gone';
    operations.change({isHealthy: false, reasons: [reason]}, {state: 'halted', lagSeconds: 91});
    await seen(page, '[data-look="state"]', 'Halted');
    expect(await page.locator('[data-look="state"] .icon').getAttribute('data-icon')).toBe('bad');
    expect(await page.locator('[data-look="health"]').innerText()).toBe('Not healthy');
    expect(await page.locator('[data-list="reasons"] li').first().innerText()).toContain(reason);
    expect(await page.locator('#announce').textContent()).toBe(`Halted. Not healthy: ${reason}.`);
    expect(await page.locator('#announce').getAttribute('aria-live')).toBe('polite');
    expect(await page.locator('[data-tile="lag"]').getAttribute('data-tone')).toBe('bad');
    expect(await page.title()).toBe('Halted · production · laas-sync');
  });

  it('shows the run in progress, its end, and keeps what was opened open', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    const current = run('018f-10', 'running', {startedAt: new Date().toISOString()});
    operations.history.unshift(current);
    operations.change({currentRun: current});
    operations.emit({tag: 'run', run: current});
    await seen(page, '[data-run="018f-10"]', 'Running');
    await page.locator('[data-run="018f-10"] .toggle').click();
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
    expect(await page.locator('[data-run="018f-10"] .toggle').getAttribute('aria-expanded')).toBe('true');
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

  it('opens though the target hangs, and fills in what it could not read', async () => {
    const operations = new LiveOperations();
    eventful(operations);
    const {page, served} = await dashboard({operations});
    const read = operations.runs.bind(operations);
    operations.runs = () => new Promise(() => undefined);
    await open(page, served);
    await seen(page, '[data-empty="runs"]', 'cannot be read just now');
    expect(await text(page, 'lag').innerText()).toBe('12 ms');
    operations.runs = read;
    await page.reload();
    await page.locator('[data-run="018f-9"]').waitFor();
  });
});

describe('what its buttons do', () => {
  it('runs a reconcile as it was told to', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    await page.getByRole('button', {name: 'Run reconcile'}).click();
    await page.getByLabel('Full').check();
    await page.getByLabel('Allow mass deletes').check();
    await page.locator('#confirm-go').click();
    await seen(page, '#toasts', 'Run run-8 started.');
    await seen(page, '[data-run="run-8"]', 'Running');
    expect(operations.asked.filter(call => call.method === 'trigger')).toEqual([
      {method: 'trigger', argument: {mode: 'full', allowDeletes: true}},
    ]);
  });

  it('pauses, and resumes', async () => {
    const {page, served, operations, confirm} = await dashboard();
    await open(page, served);
    await confirm('pause');
    await seen(page, '[data-look="state"]', 'Paused');
    await confirm('resume');
    await seen(page, '[data-look="state"]', 'Streaming');
    const steered = operations.asked
      .map(call => call.method)
      .filter(method => method === 'pause' || method === 'resume');
    expect(steered).toEqual(['pause', 'resume']);
  });

  it('verifies, and shows what differs', async () => {
    const {page, served, operations, confirm} = await dashboard();
    const user = {
      ...EQUAL.tables.user,
      compared: 214_312,
      missing: 1,
      different: 2,
      sampleKeys: ['17', '4711', '90210'],
    };
    operations.verdict = {
      equal: false,
      durationMs: 61_000,
      tables: {...EQUAL.tables, user},
    } satisfies Verdict;
    await open(page, served);
    await confirm('verify');
    await seen(page, '#toasts', 'there is drift');
    expect((await cells(page, 'verdict'))[1]).toEqual([
      'user',
      '3 differ',
      '214,312',
      '1',
      '2',
      '0',
      '17, 4711, 90210',
    ]);
    expect(await page.locator('[data-verdict-note]').innerText()).toBe('took 1 min 1 s');
  });

  it('retries dead letters, and shows those that remain', async () => {
    const {page, served, confirm} = await dashboard();
    await open(page, served);
    await confirm('retry');
    await seen(page, '#toasts', '5 tried again, 1 remain.');
    await expect.poll(() => page.locator('[data-list="dead-letters"] tr').count()).toBe(1);
  });

  it('does nothing where the question is cancelled or escaped, and gives the focus back', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    const pause = page.getByRole('button', {name: 'Pause'});
    await pause.click();
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
  });

  it('can be worked by the keyboard alone', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    await press('Tab');
    expect(await page.evaluate('document.activeElement.className')).toBe('skip');
    await press('Tab', 'Tab', 'Tab', 'Enter');
    expect(await page.locator('#confirm-title').innerText()).toBe('Pause replication?');
    await page.locator('#confirm-go').focus();
    await press('Enter');
    await seen(page, '[data-look="state"]', 'Paused');
    expect(operations.asked.map(call => call.method)).toContain('pause');
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

  it('a reader is asked for the full token, once for each write', async () => {
    const {page, served, operations} = await dashboard({apiToken: FULL, readToken: READ});
    await signIn(page, served.url, READ);
    await page.locator('[data-action="pause"]').click();
    await page.getByLabel('Full token').fill('wrong');
    await page.locator('#confirm-go').click();
    await seen(page, '#confirm-error', 'The token is wrong.');
    expect(operations.asked.map(call => call.method)).not.toContain('pause');
    await page.getByLabel('Full token').fill(FULL);
    await page.locator('#confirm-go').click();
    await seen(page, '[data-look="state"]', 'Paused');
    await page.locator('[data-action="resume"]').click();
    expect(await page.getByLabel('Full token').inputValue()).toBe('');
  });

  it('nobody writes where no full token is set, and is told why', async () => {
    const {page, served} = await dashboard({readToken: READ});
    await signIn(page, served.url, READ);
    await page.locator('[data-action="pause"]').click();
    await seen(page, '#confirm', 'No full token is set on the server (SYNC_API_TOKEN)');
    expect(await page.locator('#confirm-go').isDisabled()).toBe(true);
  });
});

describe('when things break', () => {
  it('says that the connection is lost and how old the numbers are, and recovers by itself', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    await served.stop();
    await seen(page, '#lost-text', 'Connection lost, connecting again.');
    await seen(page, '#lost-age', /^The numbers are [1-9]\d* s old\.$/);
    expect(await page.locator('#live').getAttribute('data-live')).toBe('lost');
    expect(await page.title()).toContain('Connection lost');
    operations.change({}, {lagSeconds: 7});
    const again = await serve({operations, port: served.port});
    onTestFinished(() => again.stop());
    await page.locator('#live[data-live="live"]').waitFor();
    await seen(page, '[data-text="lag"]', '7.0 s');
    expect(await page.locator('.lost').isVisible()).toBe(false);
  });

  it('says that the session has ended where the token was changed, and leads to the sign-in', async () => {
    const {page, served, operations} = await dashboard({apiToken: FULL});
    await signIn(page, served.url, FULL);
    await page.locator('#live[data-live="live"]').waitFor();
    await served.stop();
    const again = await serve({operations, port: served.port, apiToken: 'another-token'});
    onTestFinished(() => again.stop());
    await seen(page, '#lost-text', 'Your session has ended.');
    await page.getByRole('link', {name: 'Sign in again'}).click();
    await page.getByRole('button', {name: 'Sign in'}).waitFor();
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
