/** The requests of the buttons, and who may press them. */
import type {Browser} from 'playwright-core';
import {describe, expect, it} from 'vitest';
import {SyncError} from '../../../src/errors.ts';
import {eventually} from '../../helpers/eventually.ts';
import {run} from '../../unit/server/recording-operations.ts';
import {cells, seen, signIn, withBrowser} from './browser.ts';
import {FULL, open, READ} from './served-app.ts';
import {visit, type ServeOptions} from './visit.ts';

let browser: Browser;
withBrowser(launched => {
  browser = launched;
});
const dashboard = (options?: ServeOptions) => visit(browser, options);

describe('the buttons of the page', () => {
  it('runs a reconcile with the chosen options', async () => {
    const {page, served, operations} = await dashboard();
    await open(page, served);
    const [ask, full, deletes] = [
      page.getByRole('button', {name: 'Run reconcile'}).first(),
      page.getByLabel('Full'),
      page.getByLabel('Allow mass deletes'),
    ];
    // A box that was ticked before a cancel is not ticked the next time.
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

  it('each sends its own request, and reports the outcome', async () => {
    const {page, served, operations, confirm} = await dashboard();
    operations.change({lastRun: run('018f-8', 'needs-confirmation', {error: 'rows to delete: 500 of user'})});
    await open(page, served);
    const says = async (action: string, text: string | RegExp) => {
      await confirm(action);
      await seen(page, '#toasts', text);
    };
    await says('pause', 'Replication is paused.');
    await says('resume', 'Replication resumes.');
    await says('retry', '5 retried, 1 remain.');
    await eventually(async () => (await cells(page, 'dead-letters')).length === 1);
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

  it('reports the failure of a long operation after its dialog is closed', async () => {
    const {page, served, operations, confirm} = await dashboard();
    operations.faults.set('verify', new SyncError('source-unreachable', 'the source cannot be reached'));
    await open(page, served);
    await confirm('verify');
    await seen(page, '#toasts', 'the source cannot be reached');
    expect(await page.locator('#verification').isVisible()).toBe(false);
  });

  it('does nothing if the dialog is cancelled, and restores the focus', async () => {
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
    // The message of the last attempt does not stay for the next one.
    await page.getByRole('button', {name: 'Cancel'}).click();
    await page.locator('[data-action="verify"]').click();
    expect(await page.locator('#confirm-error').innerText()).toBe('');
  });
});

describe('access to the buttons', () => {
  it('signs in with a token, and reports a wrong one', async () => {
    const {page, served} = await dashboard({apiToken: FULL, readToken: READ});
    await signIn(page, served.url, 'wrong');
    await seen(page, '#error', 'The token is wrong.');
    await signIn(page, served.url, FULL);
    await page.locator('#live[data-live="live"]').waitFor();
    await page.getByRole('button', {name: 'Sign out'}).click();
    await page.getByRole('button', {name: 'Sign in'}).waitFor();
  });

  it('offers no writes without a full token, and says why', async () => {
    const {page, served} = await dashboard({readToken: READ});
    await signIn(page, served.url, READ);
    await page.locator('[data-action="pause"]').click();
    await seen(page, '#confirm', 'No full token is set on the server (SYNC_API_TOKEN)');
    expect(await page.locator('#confirm-go').isDisabled()).toBe(true);
  });
});
