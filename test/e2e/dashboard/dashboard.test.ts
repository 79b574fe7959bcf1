import type {Browser} from 'playwright-core';
import {describe, expect, it, onTestFinished} from 'vitest';
import {eventually} from '../../helpers/eventually.ts';
import {gate} from '../../unit/server/app-under-test.ts';
import {run} from '../../unit/server/recording-operations.ts';
import {cells, confirm, seen, signIn, text, withBrowser} from './browser.ts';
import {eventful, FULL, LiveOperations, open, READ, serve} from './served-app.ts';
import {visit, type ServeOptions} from './visit.ts';

let browser: Browser;
withBrowser(launched => {
  browser = launched;
});
const dashboard = (options?: ServeOptions) => visit(browser, options);

describe('the content of the dashboard', () => {
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

  it('says unknown if lag is not known, never 0', async () => {
    const {page, served, operations} = await dashboard();
    operations.change({}, {lagSeconds: null, lagBytes: null});
    await open(page, served);
    expect(await text(page, 'lag').innerText()).toBe('unknown');
    expect(await text(page, 'behind').innerText()).toBe('unknown');
    expect(await page.locator('[data-tile="lag"]').getAttribute('data-tone')).toBe('warn');
  });

  it('shows the run in progress and its end, and keeps open rows open', async () => {
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
    // The row was replaced, and keeps the keyboard focus.
    expect(await page.evaluate('document.activeElement.closest("[data-run]")?.dataset.run')).toBe('018f-10');
    await seen(page, '[data-text="runTitle"]', 'No run in progress');
    await seen(page, '[data-look="lastRun"]', 'Failed');
  });

  it('keeps the end of a run if a list from before arrives after it', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    const current = run('018f-10', 'running', {startedAt: new Date().toISOString()});
    operations.history.unshift(current, run('018f-0'));
    operations.change({currentRun: current});
    const [read, mayArrive] = [gate<null>(), gate<null>()];
    await page.route('**/sync/runs?limit=*', async route => {
      const response = await route.fetch();
      read.resolve(null);
      await mayArrive.promise;
      await route.fulfill({response});
    });
    await confirm(page, 'pause');
    await read.promise;
    operations.end('failed');
    await seen(page, '[data-run="018f-10"]', 'Failed');
    mayArrive.resolve(null);
    await page.locator('[data-run="018f-0"]').waitFor();
    expect(await page.locator('[data-run="018f-10"]').innerText()).toContain('Failed');
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
  it('shows the changes of a lost connection once it is back', async () => {
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
    await eventually(async () => (await cells(page, 'dead-letters')).length === 2);
    expect(await page.locator('#lost-text').innerText()).toBe('');
  });

  it('shows a stream that is silent for twelve seconds as lost', async () => {
    const {page, served} = await dashboard();
    await page.clock.install();
    await open(page, served);
    await page.route('**/sync/status', route => route.abort());
    await page.clock.fastForward(13_000);
    await seen(page, '#lost-text', 'Connection lost');
    await page.unroute('**/sync/status');
    await page.clock.fastForward(20_000);
    await page.locator('#live[data-live="live"]').waitFor();
  });

  it('opens although the target hangs, and later loads what it could not read', async () => {
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
    await seen(page, '[data-empty="runs"]', 'cannot be read now');
    expect(await text(page, 'lag').innerText()).toBe('12 ms');
    held.resolve();
    await page.locator('[data-run="018f-9"]').waitFor();
  });
});
describe('the behaviour of the dashboard', () => {
  it('requests nothing from other servers, and obeys its own policy', async () => {
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

  it('has a page that tries the API, with the full token', async () => {
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
    // The refused request is the only message of the browser.
    expect(complaints.filter(text => !text.includes('403') && !text.includes('401'))).toEqual([]);
  });

  it('describes everything and each change to a screen reader', async () => {
    const {page, served, operations} = await dashboard();
    operations.change({currentRun: run('018f-10', 'running')});
    await open(page, served);
    expect(await page.locator('#announce').getAttribute('aria-live')).toBe('polite');
    expect(await page.locator('#toasts').getAttribute('role')).toBe('status');
    for (const spoken of ['#lost-text', '#confirm-error'])
      expect(await page.locator(spoken).getAttribute('role'), spoken).toBe('alert');
    const tree = await page.locator('body').ariaSnapshot();
    for (const part of [
      'link "Skip to the numbers"',
      'heading "laas-sync environment production" [level=1]',
      'group "Operations"',
      'img "Lag over the last hour',
      'progressbar "Run in progress"',
      'columnheader "Outcome"',
      'rowheader "institute_users"',
      'group "Run history"',
    ])
      expect(tree).toContain(part);
    await page.getByRole('button', {name: 'Run reconcile'}).click();
    const dialog = page.getByRole('dialog', {name: 'Run a reconcile?'});
    expect(await dialog.getAttribute('aria-describedby')).toBe('confirm-text');
    expect(await dialog.ariaSnapshot()).toContain('group "Mode"');
  });

  it('shows a text that looks like markup as a text', async () => {
    const {page, served, operations, complaints} = await dashboard();
    operations.change({isHealthy: false, reasons: ['</script><b id="broken">it</b>']});
    await open(page, served);
    await seen(page, '[data-list="reasons"]', '</script><b id="broken">it</b>');
    expect(await page.locator('#broken').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('does not move as numbers change', async () => {
    const {page, served, operations} = await dashboard();
    // A slow browser draws each number, so that the charts show the extreme ones, too.
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Emulation.setCPUThrottlingRate', {rate: 6});
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
