/** The real app on a real port over a recording Operations: for states that are rare in a real stream. */
import type {Page} from 'playwright-core';
import {silentLogger} from '../../helpers/silent-logger.ts';
import {createApp} from '../../../src/server/app.ts';
import {runServer} from '../../../src/server/server.ts';
import type {Run, Status} from '../../../src/status/operations.ts';
import {createMetrics} from '../../../src/status/metrics.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';
import {
  deadLetter,
  outcomes,
  RecordingOperations,
  run,
  status,
} from '../../unit/server/recording-operations.ts';
import {isLive} from './browser.ts';

export const FULL = 'the-full-token';
export const READ = 'the-read-token';

/** An Operations whose status has the current time, like a daemon's. */
export class LiveOperations extends RecordingOperations {
  override status(): Status {
    return {...this.now, timestamp: new Date().toISOString()};
  }
}

export interface Served {
  readonly operations: LiveOperations;
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** @param options.port the port of a server that was lost, and starts again on it. */
export async function serve(
  options: {
    apiToken?: string;
    readToken?: string;
    port?: number;
    operations?: LiveOperations;
  } = {},
): Promise<Served> {
  const operations = options.operations ?? new LiveOperations();
  const stop = new AbortController();
  const config = {
    name: 'production',
    mapping: LAAS,
    maxLagSeconds: 60,
    http: {
      host: '127.0.0.1',
      port: options.port ?? 0,
      apiToken: options.apiToken,
      readToken: options.readToken,
    },
  };
  const metrics = createMetrics('production', LAAS, {process: false});
  const app = createApp({operations, metrics, config, logger: silentLogger, signal: stop.signal});
  const address = await new Promise<{url: string; port: number; ended: Promise<void>}>((resolve, reject) => {
    const ended = runServer(
      {app, config, logger: silentLogger, onListening: bound => resolve({...bound, ended})},
      stop.signal,
    );
    ended.catch(reject);
  });
  return {
    operations,
    url: address.url,
    port: address.port,
    async stop() {
      stop.abort();
      await address.ended;
    },
  };
}

/** An hour of a busy stream, with everything that can happen in a night. */
export function eventful(operations: LiveOperations): void {
  const at = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  const ran = (id: number, state: Run['state'], minutes: number, change: Partial<Run> = {}) =>
    run(`018f-${id}`, state, {
      startedAt: at(minutes),
      endedAt: at(minutes - 1),
      durationMs: 41_000 + id * 731,
      ...change,
    });
  operations.history = [
    ran(9, 'succeeded', 62, {trigger: 'api', tables: outcomes({compared: 214_310, repaired: 2})}),
    ran(8, 'needs-confirmation', 580, {
      tables: outcomes({compared: 214_101, repaired: 14}),
      error: 'user: 61,204 of 214,101 rows would be deleted (28 %, allowed are 20 %)',
    }),
    ran(7, 'failed', 2020, {
      mode: 'full',
      tables: outcomes({compared: 8120}),
      error: 'source-unreachable: the connection was lost',
    }),
    ...[6, 5, 4, 3].map(id =>
      ran(id, 'succeeded', 2020 + (7 - id) * 1440, {tables: outcomes({compared: 213_000, deadLetters: 1})}),
    ),
  ];
  operations.letters = [
    deadLetter('4711', {lastSeenAt: at(3)}),
    deadLetter('90210', {lastSeenAt: at(3)}),
    deadLetter('13', {code: 'unique-conflict', detail: 'user 4711', lastSeenAt: at(61), attempts: 12}),
    deadLetter('18446744073709551615', {
      table: 'institute',
      code: 'value-too-long',
      detail: null,
      lastSeenAt: at(61),
    }),
    deadLetter('7,90211', {table: 'institute_users', code: 'delete-blocked', lastSeenAt: at(1100)}),
  ];
  operations.now = status(
    {
      lastRun: operations.history[0] ?? null,
      lastSync: at(61),
      nextRun: new Date(Date.now() + 22 * 3_600_000 + 49 * 60_000).toISOString(),
      countedAt: at(0.4),
      organizationService: {users: 214_315, institutes: 1204, instituteUsers: 388_909, userAuth: 214_313},
      sourceDatabase: {users: 214_312, institutes: 1204, instituteUsers: 388_911, userAuth: 214_310},
      deadLetters: operations.letters.length,
      warnings: ['5 dead letters need a correction'],
    },
    {
      lagBytes: 1892,
      position: {
        tag: 'mysql-gtid',
        gtid: '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-884120,\n8a94f357-aab4-11df-86ab-c80aa9429562:1-20',
      },
      sourcePosition: {
        tag: 'mysql-gtid',
        gtid: '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-884123,\n8a94f357-aab4-11df-86ab-c80aa9429562:1-20',
      },
      lastEventAt: at(0.005),
      lastContactAt: at(0.005),
      lastAppliedAt: at(0.005),
      transactionsApplied: 884_120,
      rowsApplied: 1_702_331,
    },
  );
}

export async function open(page: Page, served: Served): Promise<void> {
  await page.goto(served.url);
  await isLive(page);
}
