/** The pictures of docs/: taken from a real stream with `SCREENSHOTS=1`, else only checked to exist. */
import {existsSync, mkdirSync, statSync, writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {expect, it, onTestFinished} from 'vitest';
import {eventually} from '../../helpers/eventually.ts';
import {isLive, launch, newPage, seen} from './browser.ts';
import {RealStream} from './real-stream.ts';
import {smallPng} from './small-png.ts';

const folder = fileURLToPath(new URL('../../../docs/dashboard/', import.meta.url));
const SCENES = [
  {name: 'desktop-light', width: 1280, height: 1180, colorScheme: 'light', halted: false},
  {name: 'phone-dark', width: 360, height: 1480, colorScheme: 'dark', halted: false},
  {name: 'desktop-dark-halted', width: 1280, height: 1180, colorScheme: 'dark', halted: true},
] as const;
/** Long enough for the charts to have something to show. */
const WORK_MS = 100_000;

/** Steady work, a burst, and a while in which the target does not answer. */
async function work(real: RealStream): Promise<void> {
  const {stand} = real;
  const startedMs = Date.now();
  let round = 0;
  let release: (() => Promise<void>) | null = null;
  await eventually(
    async () => {
      const passed = (Date.now() - startedMs) / WORK_MS;
      const hold = passed > 0.55 && passed < 0.6;
      if (hold && release === null) release = await real.hold(10);
      if (!hold && release !== null) {
        await release();
        release = null;
      }
      const width = passed > 0.3 && passed < 0.4 ? 90 : 8 + (round % 7);
      const from = (round * 13) % 200;
      await stand.source.query('UPDATE users SET first_name = ? WHERE id = 10 OR id BETWEEN ? AND ?', [
        `r${round++}`,
        from,
        from + width,
      ]);
      return passed >= 1;
    },
    {timeoutMs: WORK_MS * 2, intervalMs: 60, what: 'the work'},
  );
}

it.runIf(process.env['SCREENSHOTS'] !== undefined)(
  'draws the pictures of docs/dashboard',
  async () => {
    mkdirSync(folder, {recursive: true});
    await using real = await RealStream.start({SYNC_NAME: 'production'});
    const {stand} = real;
    const browser = await launch();
    onTestFinished(() => browser.close());
    await work(real);
    await stand.target.query("UPDATE user SET name = 'edited by hand' WHERE userId IN (50, 51, 52)");
    await stand.daemon.post('/sync/trigger', {});
    await real.deleteUnseen(150);
    await stand.daemon.post('/sync/trigger', {});
    await stand.daemon.post('/sync/trigger', {allowDeletes: true});
    const blank = await newPage(browser);
    for (const {name, width, height, colorScheme, halted} of SCENES) {
      if (halted) {
        await stand.source.query(
          "ALTER TABLE users DROP COLUMN email; UPDATE users SET first_name = 'after' WHERE id = 3",
        );
        await stand.daemon.until('halted');
      }
      const page = await newPage(browser, {colorScheme, viewport: {width, height}});
      await page.goto(real.url);
      await isLive(page);
      await seen(page, '[data-look="state"]', halted ? 'Halted' : 'Streaming');
      // Counted after the deletes: of 149, two are dead letters.
      await seen(page, '[data-list="counts"] [data-table="user"] td', /^147$/);
      if (halted) await page.locator('[data-run] .toggle').nth(1).click();
      await page.evaluate('scrollTo(0, 0)');
      writeFileSync(`${folder}${name}.png`, await smallPng(blank, await page.screenshot()));
    }
  },
  400_000,
);

it.each(SCENES)('docs/dashboard/$name.png exists, and is small', ({name}) => {
  expect(existsSync(`${folder}${name}.png`)).toBe(true);
  expect(statSync(`${folder}${name}.png`).size).toBeLessThan(120_000);
});
