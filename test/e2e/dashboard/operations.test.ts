/** The effects of the buttons on a real stream, read from the databases. */
import {expect, it} from 'vitest';
import {eventually} from '../../helpers/eventually.ts';
import {cells, confirm, seen, violations} from './browser.ts';
import {USERS, withRealStream} from './real-stream.ts';

const inBrowser = withRealStream();

it('Run reconcile repairs a row that had drifted, once it is confirmed', async () => {
  const {stand} = inBrowser.real;
  const page = await inBrowser.open();
  await stand.target.query("UPDATE user SET name = 'drifted' WHERE userId = 5");
  await page.locator('[data-action="trigger"]').click();
  await page.locator('[data-cancel]').click();
  await stand.caughtUp();
  expect(await inBrowser.real.nameOf(5)).toBe('drifted');
  await confirm(page, 'trigger');
  await seen(page, '#toasts', /^Run \S+ started\.$/);
  await eventually(async () => (await inBrowser.real.nameOf(5)) === 'First5 Last5');
  await seen(page, '[data-list="runs"] tr:first-child', 'Succeeded');
  const {lastRun} = await stand.until(
    'its end',
    status => status.lastRun?.tables['user']?.['repaired'] === 1,
  );
  const repaired = Object.values(lastRun?.tables ?? {}).reduce(
    (sum, table) => sum + (table['repaired'] ?? 0),
    0,
  );
  await eventually(async () => {
    expect((await cells(page, 'runs'))[0]?.[6]).toBe(String(repaired));
    return true;
  });
});

it('Verify shows the row that drifted, and leaves it', async () => {
  const {stand} = inBrowser.real;
  const page = await inBrowser.open();
  await stand.target.query(
    "UPDATE user SET name = 'drifted' WHERE userId = 6; DELETE FROM user_auth WHERE userId = 11",
  );
  await confirm(page, 'verify');
  await seen(page, '#toasts', 'there is drift');
  const verdict = new Map((await cells(page, 'verdict')).map(([table, ...rest]) => [table, rest]));
  expect(verdict.get('institute')?.[0]).toBe('equal');
  expect(verdict.get('user')?.toSpliced(1, 1)).toEqual(['1 differ', '0', '1', '0', '6']);
  expect(verdict.get('user_auth')?.slice(2)).toEqual(['1', '0', '0', '11']);
  expect(await inBrowser.real.nameOf(6)).toBe('drifted');
  await stand.daemon.post('/sync/trigger', {});
  await confirm(page, 'verify');
  await seen(page, '#toasts', 'both sides are equal');
});

it('Pause stops rows from arriving, and Resume continues', async () => {
  const {stand} = inBrowser.real;
  const page = await inBrowser.open();
  await confirm(page, 'pause');
  await seen(page, '[data-look="state"]', 'Paused');
  await seen(page, '[data-list="reasons"]', 'replication is paused by an operator');
  await stand.source.query("UPDATE users SET first_name = 'later' WHERE id = 15");
  // The page shows the pause, and the row does not arrive.
  await seen(page, '[data-text="behind"]', /^[1-9][\d.]* (B|KiB)$/);
  expect(await inBrowser.real.nameOf(15)).toBe('First15 Last15');
  expect(await page.locator('[data-action="pause"]').isVisible()).toBe(false);
  await confirm(page, 'resume');
  await seen(page, '[data-look="state"]', 'Streaming');
  await eventually(async () => (await inBrowser.real.nameOf(15)) === 'later Last15');
  await seen(page, '[data-text="behind"]', '0 B');
});

it('Retry writes a row whose cause is fixed, and shows how many remain', async () => {
  const {stand} = inBrowser.real;
  const page = await inBrowser.open();
  await stand.target.query(
    "INSERT INTO user (userId, name, email, password, createdAt, updatedAt) VALUES (77001, 'f', 'taken@example.test', 'p', NOW(), NOW())",
  );
  await stand.source.query("UPDATE users SET email = 'taken@example.test' WHERE id = 20");
  await seen(page, '[data-list="dead-letters"] code', 'unique-conflict');
  await stand.target.query('DELETE FROM user WHERE userId = 77001');
  await confirm(page, 'retry');
  await seen(page, '#toasts', /^3 retried, 2 remain\.$/);
  expect(await stand.letters()).toEqual(['user 7 invalid-email', 'user 8 invalid-email']);
  expect(await stand.targetRows('SELECT email FROM user WHERE userId = 20')).toEqual([
    {email: 'taken@example.test'},
  ]);
  await eventually(async () => (await page.locator('[data-list="dead-letters"] tr').count()) === 2);
});

it('mass deletes wait for a person, who confirms them on the page', async () => {
  const {stand} = inBrowser.real;
  const page = await inBrowser.open();
  await inBrowser.real.deleteUnseen(151);
  await confirm(page, 'trigger');
  await seen(page, '[data-look="lastRun"]', 'Needs confirmation');
  await seen(page, '[data-list="reasons"]', '150 of user');
  const users = async () => Number((await stand.targetRows('SELECT COUNT(*) AS n FROM user'))[0]?.['n']);
  expect(await users()).toBe(USERS - 2); // no row is deleted yet; the dead letters were never written
  await page.locator('[data-action="confirm-deletes"]').click();
  await seen(page, '#confirm-text', '150 of user');
  expect(await violations(page)).toEqual([]);
  await page.locator('#confirm-go').click();
  await eventually(async () => (await users()) === 148, {what: 'that the deletes are done'});
  await seen(page, '[data-look="lastRun"]', 'Succeeded');
  await seen(page, '[data-look="health"]', 'Healthy');
  expect(await page.locator('[data-action="confirm-deletes"]').isVisible()).toBe(false);
});

it('says in the dialog why it was refused: a run is active already', async () => {
  const {stand} = inBrowser.real;
  const page = await inBrowser.open();
  await stand.target.query("UPDATE user SET name = 'drifted' WHERE userId = 5");
  const release = await inBrowser.real.hold(5);
  try {
    await confirm(page, 'trigger');
    await seen(page, '[data-list="runs"] .badge', 'Running');
    await confirm(page, 'trigger');
    await seen(page, '#confirm-error', 'a reconcile is already running');
  } finally {
    await release();
  }
  await eventually(async () => (await inBrowser.real.nameOf(5)) === 'First5 Last5');
});

it('can be used with the keyboard only', async () => {
  const page = await inBrowser.open();
  const press = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const focused = () => page.evaluate('document.activeElement.textContent.trim()');
  const tabTo = (name: string) =>
    eventually(async () => {
      await press('Tab');
      return (await focused()) === name;
    });
  await press('Tab');
  expect(await focused()).toBe('Skip to the numbers');
  await tabTo('Pause');
  await press('Enter');
  expect(await page.locator('#confirm-title').innerText()).toBe('Pause replication?');
  await press('Escape');
  expect(await focused()).toBe('Pause');
  await press('Enter');
  await tabTo('Pause');
  await press('Enter');
  await inBrowser.real.stand.daemon.until('paused');
  await seen(page, '[data-look="state"]', 'Paused');
  await page.keyboard.press('Shift+Tab');
  await tabTo('Resume');
  await press('Enter');
  await tabTo('Resume');
  await press('Enter');
  await inBrowser.real.stand.daemon.until('streaming');
});
