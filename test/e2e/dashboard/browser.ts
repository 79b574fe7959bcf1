/** A real Chromium, and the few things that the tests do with its pages. */
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {chromium, type Browser, type BrowserContextOptions, type Page} from 'playwright-core';
import {afterAll, beforeAll, beforeEach, inject, onTestFinished} from 'vitest';
import {z} from 'zod';

/** test/helpers/chromium-setup.ts finds it, or installs it. */
const {path: CHROMIUM, why: WHY_NOT} = inject('chromium');
export const hasBrowser = CHROMIUM !== null;

/**
 * Opens a browser and everything else that the tests of a file need, and closes it after them. Without a
 * browser they are skipped.
 */
export function withBrowser(
  open: (browser: Browser) => Promise<void> | void,
  close?: () => Promise<void>,
): void {
  if (CHROMIUM === null) {
    beforeEach(({skip}) => skip(WHY_NOT));
    return;
  }
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await launch();
    await open(browser);
  });
  afterAll(async () => {
    await close?.();
    await browser?.close();
  });
}

/** @throws Error if there is no Chromium */
export async function launch(): Promise<Browser> {
  if (CHROMIUM === null) throw new Error(WHY_NOT);
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  });
}

/** A page with a context of its own, closed after the test. */
export async function newPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: {width: 1280, height: 900},
    reducedMotion: 'reduce',
    ...options,
  });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  return page;
}

export const isLive = (page: Page) => page.locator('#live[data-live="live"]').waitFor();

export async function signIn(page: Page, url: string, token: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', {name: 'Sign in'}).click();
}

/** The element that shows the text of that name (view.js). */
export const text = (page: Page, name: string) => page.locator(`[data-text="${name}"]`).first();

/**
 * A shown position, in a form that can be compared: files of the log are numbered, and another test may begin a new
 * one.
 *
 * @throws Error if it shows none
 */
export function placeOf(shown: string): string {
  const [, file, offset] = /file (\S+)\noffset (\d+)/.exec(shown) ?? [];
  if (file === undefined || offset === undefined) throw new Error(`no position: ${shown}`);
  return `${file} ${offset.padStart(20, '0')}`;
}

/** The cells of a list's visible rows. */
export const cells = (page: Page, list: string) =>
  page
    .locator(`[data-list="${list}"] > tr:visible`)
    .evaluateAll(rows => rows.map(row => [...row.children].map(cell => cell.textContent)));

/** Waits until the first element of the selector has this text. */
export const seen = (page: Page, selector: string, pattern: string | RegExp) =>
  page.locator(selector).filter({hasText: pattern}).first().waitFor();

/** Presses a button and confirms its dialog. */
export async function confirm(page: Page, action: string): Promise<void> {
  await page.locator(`[data-action="${action}"]`).click();
  await page.locator('#confirm-go').click();
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const violationsSchema = z.array(
  z.object({
    id: z.string(),
    nodes: z.array(z.object({html: z.string(), failureSummary: z.string().optional()})),
  }),
);

/** The faults that axe finds, best practices included. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = violationsSchema.parse(await page.evaluate('axe.run().then(result => result.violations)'));
  return found.flatMap(({id, nodes}) =>
    nodes.map(node => `${id}: ${node.html.slice(0, 200)} ${node.failureSummary ?? ''}`),
  );
}
