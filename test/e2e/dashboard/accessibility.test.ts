import type {Browser, Page} from 'playwright-core';
import {describe, expect, it, onTestFinished} from 'vitest';
import {EQUAL, NO_DRIFT, run} from '../../unit/server/recording-operations.ts';
import {isShort} from '../../helpers/flavours.ts';
import {violations, withBrowser} from './browser.ts';
import {eventful, FULL, LiveOperations, open, READ, serve, type Served} from './served-app.ts';

let browser: Browser;
withBrowser(launched => {
  browser = launched;
});

const scenes: Readonly<Record<string, (page: Page, served: Served) => Promise<void>>> = {
  async 'an eventful stream'(page, served) {
    await open(page, served);
    await page.locator('[data-run="018f-8"] .toggle').click();
  },
  async 'a halted stream with a run in progress and a verdict'(page, served) {
    const {operations} = served;
    const user = {...NO_DRIFT, missing: 3, sampleKeys: ['1', '2', '3']};
    operations.verdict = {...EQUAL, equal: false, tables: {...EQUAL.tables, user}};
    await open(page, served);
    const current = run('018f-10', 'running');
    operations.emit({tag: 'run', run: current});
    operations.change(
      {isHealthy: false, reasons: ['users.email is gone'], currentRun: current},
      {state: 'halted', lagSeconds: null},
    );
    await page.locator('[data-action="verify"]').click();
    await page.locator('#confirm-go').click();
    await page.locator('[data-list="verdict"] tr').first().waitFor();
  },
  async 'an empty new environment'(page, served) {
    served.operations.history = [];
    served.operations.letters = [];
    served.operations.change(
      {
        organizationService: null,
        sourceDatabase: null,
        countedAt: null,
        lastRun: null,
        lastSync: null,
        nextRun: null,
        deadLetters: 0,
        foreignRows: null,
        warnings: [],
      },
      {
        state: 'starting',
        lagSeconds: null,
        lagBytes: null,
        position: null,
        sourcePosition: null,
        lastEventAt: null,
        lastContactAt: null,
        lastAppliedAt: null,
      },
    );
    await open(page, served);
  },
  async 'the dialog before a run'(page, served) {
    await open(page, served);
    await page.locator('[data-action="trigger"]').click();
  },
  async 'a lost connection'(page, served) {
    await open(page, served);
    await served.stop();
    await page.locator('#lost-age').filter({hasText: 'old'}).waitFor();
  },
  async 'the page to try the API'(page, served) {
    await page.goto(`${served.url}docs`);
    await page.locator('#get-sync-runs summary').click();
    await page.locator('#get-sync-runs button').click();
    await page.locator('#get-sync-runs .answer').waitFor();
  },
};

const LOOKS = [
  ['light', 1280],
  ['dark', 360],
  ['light', 360],
  ['dark', 1280],
] as const;

describe.each(isShort ? LOOKS.slice(0, 2) : LOOKS)('%s, %i pixels wide', (colorScheme, width) => {
  const pageOf = async (tokens: Parameters<typeof serve>[0] = {}) => {
    const operations = new LiveOperations();
    eventful(operations);
    const served = await serve({...tokens, operations});
    onTestFinished(() => served.stop());
    const context = await browser.newContext({
      viewport: {width, height: 800},
      colorScheme,
      reducedMotion: 'reduce',
    });
    onTestFinished(() => context.close());
    return {page: await context.newPage(), served};
  };
  const fits = async (page: Page) => {
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    const cut = await page
      .locator('.tile .value')
      .evaluateAll(values =>
        values.filter(each => each.scrollWidth > each.clientWidth).map(each => each.textContent),
      );
    expect(cut).toEqual([]);
  };

  it.each(Object.entries(scenes))('%s is accessible, and fits', async (_name, play) => {
    const {page, served} = await pageOf();
    await play(page, served);
    expect(await violations(page)).toEqual([]);
    await fits(page);
  });

  it('the sign-in, a wrong token and a reader’s dialog are accessible, and fit', async () => {
    const {page, served} = await pageOf({apiToken: FULL, readToken: READ});
    await page.goto(served.url);
    expect(await violations(page)).toEqual([]);
    await page.getByLabel('Token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.locator('#error').waitFor();
    expect(await violations(page)).toEqual([]);
    await fits(page);
    await page.getByLabel('Token').fill(READ);
    await page.keyboard.press('Enter');
    await page.locator('[data-action="pause"]').click();
    expect(await violations(page)).toEqual([]);
    await fits(page);
  });
});
