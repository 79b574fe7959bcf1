/** The real app over a recording Operations, in process and without a port. */
import {Writable} from 'node:stream';
import {onTestFinished} from 'vitest';
import {createLogger} from '../../../src/logger.ts';
import {createApp} from '../../../src/server/app.ts';
import {createMetrics} from '../../../src/status/metrics.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';
import {NOW, RecordingOperations} from './recording-operations.ts';

export const FULL = 'the-full-token';
export const READ = 'the-read-token';

export function appUnderTest(tokens: {apiToken?: string; readToken?: string} = {}) {
  const operations = new RecordingOperations();
  const clock = {nowMs: Date.parse(NOW), now: () => clock.nowMs};
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const lines: string[] = [];
  const output = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const app = createApp({
    operations,
    metrics: createMetrics('production', LAAS, {process: false}),
    config: {
      name: 'production',
      mapping: LAAS,
      maxLagSeconds: 60,
      http: {host: '127.0.0.1', port: 0, apiToken: tokens.apiToken, readToken: tokens.readToken},
    },
    logger: createLogger({logLevel: 'debug', logFormat: 'json', name: 'production'}, output),
    signal: stop.signal,
    clock,
  });
  const call = (path: string, init: RequestInit & {token?: string} = {}) => {
    const headers = new Headers(init.headers);
    if (init.token !== undefined) headers.set('authorization', `Bearer ${init.token}`);
    return Promise.resolve(app.request(path, {...init, headers}));
  };
  const post = (path: string, body?: unknown, init: RequestInit & {token?: string} = {}) => {
    const headers = new Headers(init.headers);
    if (body === undefined) return call(path, {...init, method: 'POST', headers});
    headers.set('content-type', 'application/json');
    return call(path, {...init, method: 'POST', headers, body: JSON.stringify(body)});
  };
  return {app, operations, clock, stop, lines, call, post};
}

/** A promise and the function that resolves it. */
export function gate<T>(): {promise: Promise<T>; resolve: (value: T) => void} {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>(open => {
    resolve = open;
  });
  return {promise, resolve};
}
