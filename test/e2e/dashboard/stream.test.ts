/** The page on a real stream: every panel's numbers are compared with the databases and the API. */
import {expect, it, onTestFinished} from 'vitest';
import {eventually} from '../../helpers/eventually.ts';
import type {Row} from '../../servers/databases.ts';
import {cells, isLive, newPage, placeOf, seen, text, violations} from './browser.ts';
import {USERS, withRealStream} from './real-stream.ts';

const inBrowser = withRealStream();

const number = (rows: readonly Row[]) => Number(Object.values(rows[0] ?? {})[0]);
const formatted = (value: unknown) => Number(value).toLocaleString('en');

/** The end of the source's log, as the server reports it, in a form that can be compared. */
async function logEnd(): Promise<string> {
  const {source} = inBrowser.real.stand;
  const rows = await source
    .query('SHOW BINARY LOG STATUS')
    .catch(() => source.query('SHOW MASTER STATUS'))
    .then(([found]) => found as Row[]);
  return placeOf(`file ${String(rows[0]?.['File'])}\noffset ${String(rows[0]?.['Position'])}`);
}

it('counts the rows of both sides as SQL does, and foreign rows separately', async () => {
  const {stand} = inBrowser.real;
  const page = await inBrowser.open();
  await stand.source.query(
    "INSERT INTO users (id, email, password) VALUES (9001, 'late@example.test', 'p'); DELETE FROM users WHERE id = 9; INSERT INTO institutes (id, name) VALUES (4, 'Westfield')",
  );
  await stand.target.query(
    "INSERT INTO user (userId, name, email, password, createdAt, updatedAt) VALUES (77001, 'f', 'foreign@example.test', 'p', NOW(), NOW())",
  );
  // A reconcile that repairs a row is followed by a count at once. Otherwise the time until the next one depends on
  // how long the last one took.
  await stand.target.query('DELETE FROM user_auth WHERE userId = 1');
  onTestFinished(async () => {
    await stand.target.query('DELETE FROM user WHERE userId = 77001');
  });
  // The deleted user's memberships went by a cascade, for which a run may be active: it may not see what came later.
  await eventually(async () => {
    const {status, body} = await stand.daemon.post('/sync/trigger', {});
    if (status !== 409) expect({status, ...body}).toMatchObject({status: 200});
    return status === 200;
  });
  // Rows of the source: active people with an address. Those with a bad address are eligible, but become dead
  // letters.
  const users = number(
    await stand.sourceRows('SELECT COUNT(*) FROM users WHERE is_active = 1 AND email IS NOT NULL'),
  );
  expect(users).toBe(USERS);
  const [inUser, inAuth, inMembers, inInstitutes] = await Promise.all(
    ['user', 'user_auth', 'institute_users', 'institute'].map(async table =>
      number(await stand.targetRows(`SELECT COUNT(*) FROM ${table}`)),
    ),
  );
  // A count may also have been made between the statements above, and be shown until the one after the run.
  await eventually(
    async () => {
      const rows = new Map((await cells(page, 'counts')).map(([name, ...rest]) => [name, rest]));
      expect(rows.get('user')).toEqual([formatted(users), formatted(inUser), '1', '2 fewer']);
      expect(rows.get('user_auth')?.slice(0, 2)).toEqual([formatted(users), formatted(inAuth)]);
      expect(rows.get('institute')).toEqual(['3', formatted(inInstitutes), '0', 'equal']);
      expect(rows.get('institute_users')?.[1]).toBe(formatted(inMembers));
      return true;
    },
    {timeoutMs: 20_000, what: 'the counts'},
  );
});

it('shows position, transactions and rows as source and checkpoint have them', async () => {
  const {stand} = inBrowser.real;
  const page = await inBrowser.open();
  await stand.source.query("UPDATE users SET first_name = 'moved on' WHERE id <= 40");
  await stand.equal();
  // Others keep moving the end of the log: the target's bookkeeping and other tests are on the same server. So it
  // is at least where it was, and the page shows from time to time that it is reached.
  const end = await logEnd();
  await eventually(
    async () => {
      for (const name of ['position', 'sourcePosition'])
        expect(placeOf(await text(page, name).innerText()) >= end, name).toBe(true);
      expect(await text(page, 'positionNote').innerText()).toBe('Equal: everything is applied');
      expect(await text(page, 'behind').innerText()).toBe('0 B');
      expect(await text(page, 'lag').innerText()).toBe('0 ms');
      const [saved] = await stand.targetRows(
        'SELECT transactions_applied, rows_applied FROM sync_checkpoint',
      );
      expect(await text(page, 'transactionsApplied').innerText()).toBe(
        formatted(saved?.['transactions_applied']),
      );
      expect(await text(page, 'rowsApplied').innerText()).toBe(formatted(saved?.['rows_applied']));
      return true;
    },
    {timeoutMs: 20_000, what: 'the position and the numbers'},
  );
});

it('shows the dead letters of bad rows until they are fixed', async () => {
  const {stand} = inBrowser.real;
  const page = await inBrowser.open();
  await stand.source.query("UPDATE users SET password = '' WHERE id = 21");
  await seen(page, '[data-text="deadLetters"]', /^3$/);
  const kept = (await stand.letters()).map(each => each.split(' ').slice(0, 3));
  expect(kept).toEqual([
    ['user', '7', 'invalid-email'],
    ['user', '8', 'invalid-email'],
    ['user', '21', 'invalid-password'],
  ]);
  await eventually(async () => {
    const rows = (await cells(page, 'dead-letters')).map(row => row.slice(0, 3));
    expect(rows.toSorted((a, b) => Number(a[1]) - Number(b[1]))).toEqual(kept);
    return true;
  });
  expect(await page.locator('[data-list="codes"]').innerText()).toMatch(
    /invalid-email\s*2[\s\S]*invalid-password\s*1/,
  );
  expect(await page.content()).not.toContain('no at 7');
  await stand.source.query("UPDATE users SET password = 'again' WHERE id = 21");
  await seen(page, '[data-text="deadLetters"]', /^2$/);
});

it('shows the lag grow while the target is blocked, draws it, and shows its end', async () => {
  const {stand} = inBrowser.real;
  const page = await inBrowser.open();
  const chart = page.locator('[data-chart="lag"]');
  const picture = () => page.evaluate('document.querySelector(\'[data-chart="lag"] canvas\').toDataURL()');
  const flat = await picture();
  const release = await inBrowser.real.hold(30);
  try {
    await stand.source.query("UPDATE users SET first_name = 'waits' WHERE id = 30");
    // On any machine, however slow: two seconds or more.
    await seen(page, '[data-text="lag"]', /^(?:[2-9]\.\d|\d\d) s$/);
    await seen(page, '[data-text="behind"]', /^[1-9][\d.]* (B|KiB)$/);
    expect(await chart.getAttribute('aria-label')).toMatch(/: now (?:[2-9]\.\d|\d\d) s/);
    expect(await picture()).not.toBe(flat);
  } finally {
    await release();
  }
  await seen(page, '[data-text="lag"]', '0 ms');
  await seen(page, '[data-text="behind"]', '0 B');
  // The history of the hour is kept (one sample a second), also for pages that are opened later.
  await eventually(async () => {
    const {lag} = (await stand.daemon.get('/sync/history')) as {lag: (number | null)[]};
    return Math.max(...lag.map(Number)) >= 1;
  });
  const later = await inBrowser.open();
  expect(await later.locator('[data-chart="lag"]').getAttribute('aria-label')).toMatch(
    /most (?:[1-9]\.\d|\d\d) s/,
  );
});

it('shows the rows applied each second', async () => {
  const {stand} = inBrowser.real;
  const page = await inBrowser.open();
  let round = 0;
  await eventually(
    async () => {
      await stand.source.query('UPDATE users SET first_name = ? WHERE id BETWEEN 100 AND 120', [
        `r${round++}`,
      ]);
      return /^[1-9][\d,.]* \/s$/.test(await text(page, 'rate').innerText());
    },
    {timeoutMs: 20_000, what: 'a rate'},
  );
  expect(await text(page, 'rateNote').innerText()).toMatch(/^[\d.,]+ transactions\/s$/);
});

it('shows the progress of a run, and then its results by table', async () => {
  const {stand} = inBrowser.real;
  const page = await inBrowser.open();
  await stand.target.query("UPDATE user SET name = 'drifted' WHERE userId IN (50, 51, 52)");
  const release = await inBrowser.real.hold(51);
  let ended: Promise<{body: Record<string, unknown>}>;
  try {
    ended = stand.daemon.post('/sync/trigger', {mode: 'full'});
    await seen(page, '[data-text="runTitle"]', 'full run, by API');
    await seen(page, '[data-list="runs"] .badge', 'Running');
    // The institutes are finished, and the users wait.
    await seen(page, '[data-text="runRows"]', /^institute: [\d,]+ of [\d,]+ rows in all$/);
    const {progress} = (await stand.daemon.status()) as unknown as {
      progress: {fraction: number; rows: number};
    };
    expect(await text(page, 'runPercent').innerText()).toBe(`${Math.floor(progress.fraction * 100)} %`);
    expect(Number(await page.getByRole('progressbar').getAttribute('value'))).toBeCloseTo(
      progress.fraction,
      5,
    );
  } finally {
    await release();
  }
  const {runId, tables} = (await ended).body as {
    runId: string;
    tables: Record<string, Record<string, number>>;
  };
  const row = page.locator(`[data-run="${runId}"]`);
  await row.filter({hasText: 'Succeeded'}).waitFor();
  await seen(page, '[data-text="runTitle"]', 'No run in progress');
  await row.locator('.toggle').click();
  const detail = await page
    .locator(`[id="run-${runId}"] tbody tr`)
    .evaluateAll(rows => rows.map(each => [...each.children].map(cell => cell.textContent)));
  expect(detail).toEqual(
    Object.entries(tables).map(([table, o]) => [
      table,
      ...[o['compared'], o['repaired'], o['deleted'], o['deadLetters']].map(formatted),
    ]),
  );
  const stored = await stand.targetRows('SELECT state, mode, trigger_kind FROM sync_run WHERE run_id = ?', [
    runId,
  ]);
  expect(stored).toEqual([{state: 'succeeded', mode: 'full', trigger_kind: 'api'}]);
  const [names] = await stand.targetRows('SELECT COUNT(*) AS n FROM user WHERE name = ?', ['drifted']);
  expect(names?.['n']).toBe(0);
});

it('lists every recorded run, newest first, with the drift that each repaired', async () => {
  const {stand} = inBrowser.real;
  await stand.target.query("UPDATE user SET name = 'drifted' WHERE userId IN (60, 61, 62, 63)");
  const {body} = await stand.daemon.post('/sync/trigger', {});
  const tables = body['tables'] as Record<string, Record<string, number>>;
  expect(tables['user']?.['repaired']).toBe(4);
  const repaired = Object.values(tables).reduce((sum, table) => sum + (table['repaired'] ?? 0), 0);
  const page = await inBrowser.open();
  const stored = await stand.targetRows('SELECT run_id FROM sync_run ORDER BY started_at DESC');
  const shown = await page
    .locator('[data-run]')
    .evaluateAll(rows => rows.map(row => row.getAttribute('data-run')));
  expect(shown).toEqual(stored.map(row => row['run_id']));
  const [newest] = await cells(page, 'runs');
  expect([newest?.[1], newest?.[3], newest?.[4], newest?.[6], newest?.[7]]).toEqual([
    'Succeeded',
    'api',
    'diff',
    String(repaired),
    '0',
  ]);
});

it('says when the next run is due, and the environment’s name', async () => {
  const page = await inBrowser.open();
  const due = Date.parse(String((await inBrowser.real.stand.daemon.status())['nextRun']));
  const hours = Math.floor((due - Date.now()) / 3_600_000);
  expect(await text(page, 'nextRun').innerText()).toMatch(
    hours === 0 ? /^in \d+ min$/ : new RegExp(`^in (${hours}|${hours + 1}) h`),
  );
  expect(await page.locator('h1').innerText()).toContain('staging');
  expect(await page.title()).toBe('Streaming · staging · laas-sync');
});

it.each([
  ['light', 1280],
  ['light', 360],
  ['dark', 1280],
  ['dark', 360],
] as const)('is accessible to axe and fits in %s, %i pixels wide', async (colorScheme, width) => {
  const page = await newPage(inBrowser.browser, {colorScheme, viewport: {width, height: 800}});
  await page.goto(inBrowser.real.url);
  await isLive(page);
  await page.locator('[data-run] .toggle').first().click();
  expect(await violations(page)).toEqual([]);
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
});
