/** The charts and their descriptions. */
import type {Browser} from 'playwright-core';
import {expect, it} from 'vitest';
import {z} from 'zod';
import {eventually} from '../../helpers/eventually.ts';
import {seen, withBrowser} from './browser.ts';
import {open} from './served-app.ts';
import {visit, type ServeOptions} from './visit.ts';

let browser: Browser;
withBrowser(launched => {
  browser = launched;
});
const dashboard = (options?: ServeOptions) => visit(browser, options);

it('draws the charts, and describes what they show', async () => {
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

it('shades unknown values, draws the limit, and shows the moment under the pointer', async () => {
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
  /** The share of a region of the chart that has this colour. */
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
  await eventually(async () => (await ink(red, all)) === 0); // in the dark it is a light red
  expect(await page.locator('[data-chart="lag"] canvas').count()).toBe(1);
});
