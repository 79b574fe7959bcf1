/** From commit on the source to visible on the target, at a steady thousand transactions a second and idle. */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {setTimeout as delay} from 'node:timers/promises';
import {connect} from '../test/servers/databases.ts';
import {freePort} from '../test/servers/server.ts';
import {changeOneByOne} from './catch-up.ts';
import {BenchDaemon, fillUsers, openStand, scalar, type Stand} from './stand.ts';

const RATE = 1000;
const PROBES = 400;
const ROWS = 20_000;
const PROBE_ID = 1;
const BACKLOG = 50_000;

export interface Lag {
  readonly busy: {readonly p50: number; readonly p99: number; readonly perSecond: number};
  readonly idle: {readonly p50: number; readonly p99: number};
  readonly statusP99: number;
  /** With the stream at full speed and a reconcile of every row. */
  readonly loadedStatusP99: number;
  /** Meanwhile, of a server that does nothing else and answers the same to everybody: what any answer takes here. */
  readonly loadedPlainP99: number;
}

export async function measureLag(): Promise<Lag> {
  const stand = await openStand('mariadb');
  try {
    await stand.s.query('SET SESSION max_recursive_iterations = 1000000');
    await fillUsers(stand.s, 1, ROWS);
    const daemon = await BenchDaemon.start(stand.env);
    const idle = await probe(stand, 30);
    const stop = new AbortController();
    const began = performance.now();
    const load = workload(stand, stop.signal);
    const status = statusTimes(daemon, stop.signal);
    await delay(1000);
    const busy = await probe(stand, 5);
    stop.abort();
    const written = await load;
    const seconds = (performance.now() - began) / 1000;
    const statusMs = await status;
    const loaded = await answersAtFullSpeed(stand, daemon);
    await daemon.stop();
    return {
      busy: {...quantiles(busy), perSecond: Math.round(written / seconds)},
      idle: quantiles(idle),
      statusP99: quantiles(statusMs).p99,
      loadedStatusP99: quantiles(loaded.statusMs).p99,
      loadedPlainP99: quantiles(loaded.plainMs).p99,
    };
  } finally {
    await stand.close();
  }
}

async function answersAtFullSpeed(
  stand: Stand,
  daemon: BenchDaemon,
): Promise<{statusMs: number[]; plainMs: number[]}> {
  await daemon.post('/replication/pause');
  await changeOneByOne(stand, ROWS, BACKLOG);
  const stop = new AbortController();
  await using plain = await openPlainServer();
  const [status, plainTimes] = [statusTimes(daemon, stop.signal), plain.times(stop.signal)];
  await daemon.post('/replication/resume');
  await Promise.all([
    daemon.post('/sync/trigger', {mode: 'full'}),
    daemon.until(({replication}) => replication.transactionsApplied >= BACKLOG),
  ]);
  stop.abort();
  return {statusMs: await status, plainMs: await plainTimes};
}

/** Commits a marker and looks for it until it is there. */
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

/** Writers that together commit about {@link RATE} single-row transactions a second. */
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

const statusTimes = (daemon: BenchDaemon, signal: AbortSignal) => timesOf(() => daemon.status(), signal);

async function timesOf(ask: () => Promise<unknown>, signal: AbortSignal): Promise<number[]> {
  const times: number[] = [];
  while (!signal.aborted) {
    const began = performance.now();
    await ask();
    times.push(performance.now() - began);
    await delay(20);
  }
  return times;
}

const PLAIN_SERVER = `
  const {createServer} = require('node:http');
  createServer((_, answer) => answer.end('{}')).listen(Number(process.argv[1]), '127.0.0.1', () => console.log('listens'));
`;

/** In a process of its own, so that it has nothing to wait for but a processor. */
async function openPlainServer() {
  const port = await freePort();
  const child = spawn(process.execPath, ['-e', PLAIN_SERVER, String(port)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  const ask = async () => (await fetch(`http://127.0.0.1:${port}/`)).json();
  return {
    times: (signal: AbortSignal) => timesOf(ask, signal),
    async [Symbol.asyncDispose]() {
      child.kill();
      await once(child, 'exit');
    },
  };
}

function quantiles(values: readonly number[]): {p50: number; p99: number} {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
  return {p50: at(0.5), p99: at(0.99)};
}
