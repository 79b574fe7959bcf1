/** Measures how soon the HTTP server answers while the daemon is fully loaded. */
import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {text} from 'node:stream/consumers';
import {freePort} from '../test/servers/ports.ts';
import {changeOneByOne, untilApplied} from './catch-up.ts';
import {quantiles, type BenchDaemon, type Stand} from './stand.ts';

/** Enough backlogs, with about 200 answers each, that the 99th percentile is not the slowest answer of all. */
const BACKLOGS = 6;
const BACKLOG = 50_000;
const ASK_EVERY_MS = 5;

/** The first answer opens the connection. */
const ASKER = `
  const [url, pauseMs] = process.argv.slice(1);
  const times = [];
  let isDone = false;
  process.on('SIGTERM', () => (isDone = true));
  (async () => {
    while (!isDone) {
      const began = performance.now();
      await (await fetch(url)).json();
      times.push(performance.now() - began);
      if (times.length === 1) console.log('asks');
      await new Promise(resolve => setTimeout(resolve, Number(pauseMs)));
    }
    console.log(JSON.stringify(times.slice(1)));
  })();
`;

const PLAIN_SERVER = `
  const {createServer} = require('node:http');
  createServer((_, answer) => answer.end('{}')).listen(Number(process.argv[1]), '127.0.0.1', () => console.log('listens'));
`;

/** A client on another machine would neither wait for these processors nor load them. */
const BY_ITSELF = ['chrt', '--fifo', '1'];
const command = spawnSync('env', [...BY_ITSELF, 'true']).status === 0 ? BY_ITSELF : [];

/** Sends requests repeatedly, from a process of its own. @returns a function that ends this and returns the times in milliseconds */
export async function askFor(url: string, pauseMs: number): Promise<() => Promise<number[]>> {
  const child = spawn('env', [...command, process.execPath, '-e', ASKER, url, String(pauseMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return async () => {
    const rest = text(child.stdout);
    child.kill('SIGTERM');
    return JSON.parse(await rest) as number[];
  };
}

export interface LoadedAnswers {
  readonly statusP99: number;
  /** The same of a minimal server in a process of its own: the time that any answer takes under this load. */
  readonly plainP99: number;
}

/** Measures while the stream works through one backlog after another, beside a reconcile of every row. */
export async function measureLoadedAnswers(
  stand: Stand,
  daemon: BenchDaemon,
  users: number,
): Promise<LoadedAnswers> {
  const statusMs: number[] = [];
  const plainMs: number[] = [];
  await using plain = await openPlainServer();
  let applied = (await daemon.status()).replication.transactionsApplied;
  for (let i = 0; i < BACKLOGS; i++) {
    await daemon.post('/replication/pause');
    await changeOneByOne(stand, users, BACKLOG, `Backlog${i}-`);
    const [endStatus, endPlain] = await Promise.all([
      askFor(daemon.statusUrl, ASK_EVERY_MS),
      askFor(plain.url, ASK_EVERY_MS),
    ]);
    await daemon.post('/replication/resume');
    let isCaughtUp = false;
    const reconciles = (async () => {
      while (!isCaughtUp) await daemon.post('/sync/trigger', {mode: 'full'});
    })();
    await untilApplied(stand, (applied += BACKLOG));
    isCaughtUp = true;
    statusMs.push(...(await endStatus()));
    plainMs.push(...(await endPlain()));
    await reconciles;
  }
  return {statusP99: quantiles(statusMs).p99, plainP99: quantiles(plainMs).p99};
}

/** This server waits for nothing but a processor. */
async function openPlainServer() {
  const port = await freePort();
  const child = spawn(process.execPath, ['-e', PLAIN_SERVER, String(port)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      child.kill();
      await once(child, 'exit');
    },
  };
}
