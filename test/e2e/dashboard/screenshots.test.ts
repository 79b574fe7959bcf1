/** The pictures of docs/: drawn anew with `SCREENSHOTS=1`, else only checked to be there. */
import {existsSync, mkdirSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {expect, it, onTestFinished, vi} from 'vitest';
import {eventful, launch, LiveOperations, open, serve} from './served-app.ts';

const folder = fileURLToPath(new URL('../../../docs/dashboard/', import.meta.url));
const SCENES = [
  {name: 'desktop-light', width: 1360, colorScheme: 'light', halted: false},
  {name: 'desktop-dark-halted', width: 1360, colorScheme: 'dark', halted: true},
  {name: 'phone-dark', width: 360, colorScheme: 'dark', halted: false},
] as const;

/** Lets an hour pass before the server listens: the lag history samples it, five seconds at a time. */
async function servedAfterAnHour() {
  const operations = new LiveOperations();
  vi.useFakeTimers({now: Date.now() - 3_600_000, toFake: ['Date', 'setInterval', 'clearInterval']});
  eventful(operations);
  let seed = 7;
  const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const beforeListening = () => {
    for (let sample = 0; sample < 719; sample += 1) {
      const burst = sample > 400 && sample < 430 ? Math.sin(((sample - 400) / 30) * Math.PI) : 0;
      const lost = sample > 560 && sample < 572;
      const {rowsApplied, transactionsApplied} = operations.now.replication;
      operations.change(
        {},
        {
          lagSeconds: lost ? null : 0.004 + random() * 0.02 + burst * 4.2,
          rowsApplied:
            rowsApplied +
            (lost ? 0 : Math.round(5 * (600 + 250 * Math.sin(sample / 45) + random() * 250 + burst * 1800))),
          transactionsApplied: transactionsApplied + (lost ? 0 : Math.round(5 * (380 + random() * 80))),
        },
      );
      vi.advanceTimersByTime(5000);
    }
    vi.useRealTimers();
    const {replication} = operations.now;
    eventful(operations);
    const {rowsApplied, transactionsApplied} = replication;
    operations.change({}, {rowsApplied, transactionsApplied, lagSeconds: 0.012});
  };
  const served = await serve({operations, beforeListening});
  onTestFinished(() => served.stop());
  return served;
}

it.each(SCENES)(
  'docs/dashboard/$name.png shows the dashboard',
  async ({name, width, colorScheme, halted}) => {
    const path = `${folder}${name}.png`;
    if (process.env['SCREENSHOTS'] === undefined) return expect(existsSync(path)).toBe(true);
    mkdirSync(folder, {recursive: true});
    const served = await servedAfterAnHour();
    if (halted) {
      const reason =
        'schema-incompatible: column users.email is gone; replication resumes by itself when it is back';
      served.operations.change(
        {isHealthy: false, reasons: [reason, 'lag is 91 s, over 60 s']},
        {state: 'halted', lagSeconds: 91, lagBytes: 4_812_331},
      );
    }
    const browser = await launch();
    onTestFinished(() => browser.close());
    const context = await browser.newContext({
      viewport: {width, height: 800},
      colorScheme,
      reducedMotion: 'reduce',
    });
    const page = await context.newPage();
    await open(page, served);
    if (halted) await page.locator('[data-run="018f-8"] .toggle').click();
    await page.evaluate('scrollTo(0, 0)');
    await page.screenshot({path, fullPage: true});
  },
);
