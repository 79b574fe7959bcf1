/** A page on an eventful stream, with all of its requests and messages. */
import type {Browser} from 'playwright-core';
import {onTestFinished} from 'vitest';
import {confirm as confirmOn, newPage} from './browser.ts';
import {eventful, LiveOperations, serve} from './served-app.ts';

export type ServeOptions = Parameters<typeof serve>[0];

export async function visit(browser: Browser, options: ServeOptions = {}) {
  const operations = options.operations ?? new LiveOperations();
  if (options.operations === undefined) eventful(operations);
  const served = await serve({...options, operations});
  onTestFinished(() => served.stop());
  const page = await newPage(browser);
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', request => requests.push(request.url()));
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', error => complaints.push(error.message));
  const confirm = (action: string) => confirmOn(page, action);
  return {operations, served, page, requests, complaints, confirm};
}
