/**
 * Measures the time from a commit on the source until it is visible on the target, idle and at 1000 transactions per
 * second: by laas-sync, and by the server's own replica.
 */
import {setTimeout as delay} from 'node:timers/promises';
import type mysql from 'mysql2/promise';
import {connect} from '../test/servers/databases.ts';
import {askFor, measureLoadedAnswers, type LoadedAnswers} from './answers.ts';
import {endOfLog, withReplica} from './replica.ts';
import {
  BenchDaemon,
  fillUsers,
  openStand,
  quantiles,
  scalar,
  type Stand,
  type StandOptions,
} from './stand.ts';

const RATE = 1000;
const PROBES = 400;
const ROWS = 20_000;
const PROBE_ID = 1;
export const ASK_EVERY_MS = 20;
const OURS = `SELECT name FROM user WHERE userId = ${PROBE_ID}`;
const THE_REPLICAS = `SELECT first_name FROM users WHERE id = ${PROBE_ID}`;

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
}

interface Lags {
  readonly idle: Quantiles;
  readonly busy: Quantiles & {readonly perSecond: number};
}

export interface Lag extends Lags {
  readonly replica: Lags;
  /** As busy, while somebody asks for the status every {@link ASK_EVERY_MS}, which nobody asks of a replica. */
  readonly asked: Lags['busy'];
  readonly statusP99: number;
  readonly loaded: LoadedAnswers;
}

export async function measureLag(options: StandOptions = {edition: 'mariadb'}): Promise<Lag> {
  const stand = await openStand(options);
  try {
    const start = await endOfLog(stand);
    await fillUsers(stand.s, 1, ROWS);
    const daemon = await BenchDaemon.start(stand.env);
    const idle = await measureIdle(stand, stand.t, OURS);
    const busy = await measureBusy(stand, stand.t, OURS);
    const endStatus = await askFor(daemon.statusUrl, ASK_EVERY_MS);
    const asked = await measureBusy(stand, stand.t, OURS);
    const statusMs = await endStatus();
    const loaded = await measureLoadedAnswers(stand, daemon, ROWS);
    await daemon.stop();
    const replica = await withReplica(
      stand,
      start,
      {workers: 2, logs: options.targetLogs ?? false},
      async r => ({
        idle: await measureIdle(stand, r, THE_REPLICAS),
        busy: await measureBusy(stand, r, THE_REPLICAS),
      }),
    );
    return {idle, busy, asked, replica, statusP99: quantiles(statusMs).p99, loaded};
  } finally {
    await stand.close();
  }
}

async function measureIdle({s}: Stand, copy: mysql.Connection, name: string): Promise<Quantiles> {
  return quantiles(await probe(s, copy, name, 30));
}

async function measureBusy(stand: Stand, copy: mysql.Connection, name: string): Promise<Lags['busy']> {
  const stop = new AbortController();
  const began = performance.now();
  const load = workload(stand, stop.signal);
  await delay(1000);
  const busy = await probe(stand.s, copy, name, 5);
  stop.abort();
  const written = await load;
  const seconds = (performance.now() - began) / 1000;
  return {...quantiles(busy), perSecond: Math.round(written / seconds)};
}

/**
 * Commits a marker, and polls the copy until it is visible.
 *
 * @param name reads the name of the user
 */
async function probe(
  source: mysql.Connection,
  copy: mysql.Connection,
  name: string,
  pauseMs: number,
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < PROBES; i++) {
    const marker = `Probe${i}-${pauseMs}-${performance.now()}`;
    await source.query(`UPDATE users SET first_name = '${marker}' WHERE id = ${PROBE_ID}`);
    const committed = performance.now();
    while (!(await scalar(copy, name)).startsWith(marker));
    times.push(performance.now() - committed);
    await delay(pauseMs);
  }
  return times;
}

/** Writers that together commit about {@link RATE} single-row transactions per second. */
async function workload({source}: Stand, signal: AbortSignal): Promise<number> {
  const writers = await Promise.all(Array.from({length: 4}, () => connect(source, 'laas')));
  let written = 0;
  const began = performance.now();
  await Promise.all(
    writers.map(async writer => {
      while (!signal.aborted) {
        const due = began + (written / RATE) * 1000;
        const early = due - performance.now();
        if (early > 1) await delay(early);
        written++;
        await writer.query(
          `UPDATE users SET last_name = 'L${written}' WHERE id = ${2 + ((written * 7919) % (ROWS - 2))}`,
        );
      }
      await writer.end();
    }),
  );
  return written;
}
