/** The page during faults of a real stream, and after them; who may read and who may write. */
import {beforeAll, describe, expect, it, onTestFinished} from 'vitest';
import {DaemonProcess} from '../../helpers/daemon.ts';
import {eventually} from '../../helpers/eventually.ts';
import {freePort} from '../../servers/ports.ts';
import {confirm, isLive, newPage, placeOf, seen, signIn, text, violations, hasBrowser} from './browser.ts';
import {withRealStream} from './real-stream.ts';

const inBrowser = withRealStream();

it('a missing mapped column is shown as a halt with its reason, until it is fixed', async () => {
  const {stand} = inBrowser.real;
  const page = await inBrowser.open();
  await stand.source.query(
    "ALTER TABLE users RENAME COLUMN email TO mail; UPDATE users SET first_name = 'after' WHERE id = 3",
  );
  await seen(page, '[data-look="state"]', 'Halted');
  const {reasons} = await stand.daemon.status();
  expect(reasons[0]).toMatch(/replication is halted: schema-/);
  expect(await page.locator('[data-list="reasons"] li').first().innerText()).toContain(reasons[0]);
  await seen(page, '[data-list="reasons"] .advice', /^What to do: Restore the column/);
  expect(await page.locator('[data-look="state"] .icon').getAttribute('data-icon')).toBe('bad');
  expect(await page.locator('[data-look="health"]').innerText()).toBe('Not healthy');
  expect(await page.locator('#announce').textContent()).toBe(`Halted. Not healthy: ${reasons.join('; ')}.`);
  expect(await page.title()).toBe('Halted · staging · laas-sync');
  expect(await violations(page)).toEqual([]);
  await seen(page, '[data-text="behind"]', /^[1-9][\d.]* (B|KiB)$/);
  expect(await inBrowser.real.nameOf(3)).toBe('First3 Last3');
  // The page then shows the position: at the change or before it, but not before the saved one.
  const [saved] = await stand.targetRows('SELECT log_file, log_offset FROM sync_checkpoint');
  const place = async (name: string) => placeOf(await text(page, name).innerText());
  const atLeast = placeOf(`file ${String(saved?.['log_file'])}\noffset ${String(saved?.['log_offset'])}`);
  expect((await place('position')) >= atLeast).toBe(true);
  expect((await place('position')) < (await place('sourcePosition'))).toBe(true);
  await stand.source.query('ALTER TABLE users RENAME COLUMN mail TO email');
  await seen(page, '[data-look="state"]', 'Streaming');
  await seen(page, '[data-look="health"]', /^Healthy/);
  expect(await page.locator('.advice').count()).toBe(0);
  await eventually(async () => (await inBrowser.real.nameOf(3)) === 'after Last3');
});

it('a server that dies is reported, with the age of the numbers, until it is back', async () => {
  const {stand} = inBrowser.real;
  const page = await inBrowser.open();
  await stand.daemon.kill();
  await seen(page, '#lost-text', 'Connection lost; reconnecting.');
  await seen(page, '#lost-age', /^The numbers are [1-9]\d* s old\.$/);
  expect(await page.title()).toContain('Connection lost');
  expect(await violations(page)).toEqual([]);
  await stand.source.query("UPDATE users SET first_name = 'meanwhile' WHERE id = 4");
  await stand.start();
  await isLive(page);
  expect(await page.locator('.lost').isVisible()).toBe(false);
  await seen(page, '[data-look="state"]', 'Streaming');
  // The stream is live before it has applied what it missed.
  await eventually(async () => (await inBrowser.real.nameOf(4)) === 'meanwhile Last4');
  // The row is there before it is counted.
  await eventually(async () => {
    const {replication} = await stand.daemon.status();
    expect(await text(page, 'rowsApplied').innerText()).toBe(replication.rowsApplied.toLocaleString('en'));
    return true;
  });
});

it('a standby says that another leads, and shows that it takes over', async () => {
  const {stand} = inBrowser.real;
  const standby = await DaemonProcess.start({...stand.env, PORT: String(await freePort())});
  onTestFinished(() => standby.kill());
  await standby.until('standby');
  const page = await inBrowser.open(`${standby.url}/`);
  expect(await page.locator('[data-look="state"]').innerText()).toBe('Standby');
  expect(await violations(page)).toEqual([]);
  expect(await page.locator('.health').innerText()).toContain('Another instance leads');
  expect(await text(page, 'lag').innerText()).toBe('unknown');
  expect(await page.locator('[data-tile="lag"]').getAttribute('data-tone')).toBe('plain');
  const enabled = (action: string) => page.locator(`[data-action="${action}"]`).isEnabled();
  expect(await Promise.all(['trigger', 'pause', 'retry', 'verify'].map(enabled))).toEqual([
    false,
    false,
    false,
    true,
  ]);
  await confirm(page, 'verify');
  await seen(page, '#toasts', 'both sides are equal');
  await stand.daemon.stop();
  await seen(page, '[data-look="state"]', 'Streaming');
  await stand.source.query("UPDATE users SET first_name = 'taken over' WHERE id = 5");
  await eventually(async () => (await inBrowser.real.nameOf(5)) === 'taken over Last5');
  expect(await Promise.all(['trigger', 'pause'].map(enabled))).toEqual([true, true]);
  await standby.stop();
  await stand.start();
});

describe('with tokens', () => {
  const FULL = 'the-full-token';
  const READ = 'the-read-token';
  beforeAll(async () => {
    if (!hasBrowser) return;
    await inBrowser.real.stand.daemon.stop();
    await inBrowser.real.stand.start({SYNC_API_TOKEN: FULL, SYNC_READ_TOKEN: READ});
  });

  it('the read token sees everything, and each write asks for the full one', async () => {
    const {stand} = inBrowser.real;
    const page = await newPage(inBrowser.browser);
    await signIn(page, inBrowser.real.url, 'wrong');
    await seen(page, '#error', 'The token is wrong.');
    await signIn(page, inBrowser.real.url, READ);
    await isLive(page);
    await seen(page, '[data-text="deadLetters"]', /^2$/);
    await page.locator('[data-action="pause"]').click();
    await page.getByLabel('Full token').fill(READ);
    await page.locator('#confirm-go').click();
    await seen(page, '#confirm-error', 'This request needs the full token');
    expect((await stand.daemon.status()).replication.state).toBe('streaming');
    await page.getByLabel('Full token').fill(FULL);
    await page.locator('#confirm-go').click();
    await stand.daemon.until('paused');
    await seen(page, '[data-look="state"]', 'Paused');
    await page.locator('[data-action="resume"]').click();
    expect(await page.getByLabel('Full token').inputValue()).toBe('');
    await page.getByLabel('Full token').fill(FULL);
    await page.locator('#confirm-go').click();
    await stand.daemon.until('streaming');
  });

  it('the full token writes without another question, until it is changed', async () => {
    const {stand} = inBrowser.real;
    const page = await newPage(inBrowser.browser);
    await signIn(page, inBrowser.real.url, FULL);
    await isLive(page);
    await stand.target.query("UPDATE user SET name = 'drifted' WHERE userId = 6");
    await confirm(page, 'trigger');
    await eventually(async () => (await inBrowser.real.nameOf(6)) === 'First6 Last6');
    await stand.daemon.stop();
    await stand.start({SYNC_API_TOKEN: 'another-token'});
    await seen(page, '#lost-text', 'Your session has ended.');
    await page.getByRole('link', {name: 'Sign in again'}).click();
    await page.getByLabel('Token').fill(FULL);
    await page.keyboard.press('Enter');
    await seen(page, '#error', 'The token is wrong.');
    await page.getByLabel('Token').fill('another-token');
    await page.keyboard.press('Enter');
    await isLive(page);
  });
});
