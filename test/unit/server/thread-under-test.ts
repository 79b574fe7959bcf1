/** The built server's thread over a recording Operations in the test's own. */
import {execFileSync} from 'node:child_process';
import {Writable} from 'node:stream';
import {pathToFileURL} from 'node:url';
import {join} from 'node:path';
import {onTestFinished} from 'vitest';
import {createLogger} from '../../../src/logger.ts';
import type {Address} from '../../../src/server/server.ts';
import {runServerThread} from '../../../src/server/thread/host.ts';
import {createMetrics} from '../../../src/status/metrics.ts';
import type {Status} from '../../../src/status/operations.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';
import {gate} from './app-under-test.ts';
import {RecordingOperations} from './recording-operations.ts';

const SCRIPT = pathToFileURL(join(import.meta.dirname, '../../../dist/src/server/thread/worker.js'));

/** An Operations whose status has the current time, like a daemon's. */
class LiveOperations extends RecordingOperations {
  override status(): Status {
    return {...this.now, timestamp: new Date().toISOString()};
  }
}

interface Options {
  readonly port?: number;
  readonly silentAfterMs?: number;
  readonly script?: URL;
}

export function startThread({port = 0, silentAfterMs, script = SCRIPT}: Options = {}) {
  const operations = new LiveOperations();
  const stop = new AbortController();
  const address = gate<Address>();
  const lines: string[] = [];
  const output = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const ended = runServerThread(
    {
      operations,
      metrics: createMetrics('production', LAAS, {process: false}),
      config: {
        name: 'production',
        mapping: LAAS,
        maxLagSeconds: 60,
        http: {host: '127.0.0.1', port, apiToken: undefined, readToken: undefined},
        logLevel: 'fatal',
        logFormat: 'json',
      },
      logger: createLogger({logLevel: 'debug', logFormat: 'json', name: 'production'}, output),
      onListening: address.resolve,
      script,
      ...(silentAfterMs === undefined ? {} : {silentAfterMs}),
    },
    stop.signal,
  );
  return {operations, stop, ended, lines, address: address.promise};
}

/** A thread that listens until the test ends. */
export async function listeningThread(options: Options = {}) {
  const thread = startThread(options);
  onTestFinished(async () => {
    thread.stop.abort();
    await thread.ended;
  });
  const {url} = await Promise.race([
    thread.address,
    thread.ended.then(() => {
      throw new Error('it ended before it listened');
    }),
  ]);
  const post = (path: string, init: RequestInit = {}) => fetch(url + path, {...init, method: 'POST'});
  const get = async (path: string) => {
    const response = await fetch(url + path);
    return {status: response.status, body: (await response.json()) as Record<string, unknown>};
  };
  return {...thread, url, post, get};
}

/**
 * Asks by another process, in which `ask(path)` gives an answer's status and body, while nothing else can
 * happen in this thread.
 */
export function whileBlocked(url: string, program: string): unknown {
  const code = `
    const ask = async path => {
      const response = await fetch(${JSON.stringify(url)} + path, {signal: AbortSignal.timeout(2000)});
      return {status: response.status, body: await response.json()};
    };
    console.log(JSON.stringify(await (async () => {${program}})()));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', code], {timeout: 10_000});
  return JSON.parse(output.toString());
}
