/** Measures the time from a commit on the source until it is visible on the target, idle and at 1000 transactions per second. */
import {setTimeout as delay} from 'node:timers/promises';
import {connect} from '../test/servers/databases.ts';
import {askFor, measureLoadedAnswers, type LoadedAnswers} from './answers.ts';
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
const ASK_EVERY_MS = 20;

export interface Lag {
  readonly busy: {readonly p50: number; readonly p99: number; readonly perSecond: number};
  readonly idle: {readonly p50: number; readonly p99: number};
  readonly statusP99: number;
  readonly loaded: LoadedAnswers;
}

export async function measureLag(options: StandOptions = {edition: 'mariadb'}): Promise<Lag> {
  const stand = await openStand(options);
  try {
    await fillUsers(stand.s, 1, ROWS);
    const daemon = await BenchDaemon.start(stand.env);
    const idle = await probe(stand, 30);
    const stop = new AbortController();
    const began = performance.now();
    const load = workload(stand, stop.signal);
    const endStatus = await askFor(daemon.statusUrl, ASK_EVERY_MS);
    await delay(1000);
    const busy = await probe(stand, 5);
    stop.abort();
    const written = await load;
    const seconds = (performance.now() - began) / 1000;
    const statusMs = await endStatus();
    const loaded = await measureLoadedAnswers(stand, daemon, ROWS);
    await daemon.stop();
    return {
      busy: {...quantiles(busy), perSecond: Math.round(written / seconds)},
      idle: quantiles(idle),
      statusP99: quantiles(statusMs).p99,
      loaded,
    };
  } finally {
    await stand.close();
  }
}

/** Commits a marker, and polls the target until it is visible. */
async function probe({s, t}: Stand, pauseMs: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < PROBES; i++) {
    const marker = `Probe${i}-${pauseMs}`;
    await s.query(`UPDATE users SET first_name = '${marker}' WHERE id = ${PROBE_ID}`);
    const committed = performance.now();
    while (!(await scalar(t, `SELECT name FROM user WHERE userId = ${PROBE_ID}`)).startsWith(`${marker} `));
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
