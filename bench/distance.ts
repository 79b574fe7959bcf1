/** Measures first load, reconcile, catching up and lag with a distant target, and then with a distant source. */
import {setTimeout as delay} from 'node:timers/promises';
import {connect} from '../test/servers/databases.ts';
import {changeOneByOne, catchUpWith} from './catch-up.ts';
import {startDelays} from './delays.ts';
import {fillMemberships, lastRun, trigger} from './first-load.ts';
import {BenchDaemon, fillUsers, median, openStand, quantiles, runCli, scalar, type Stand} from './stand.ts';

const USERS = 200_000;
const ROWS_A_TRANSACTION = 10_000;
const SINGLES = 20_000;
const EVERY_MS = 10;
const LAG_TRANSACTIONS = 600;
/** More than all distances together write. */
const LOG = '4G';

export interface Distance {
  readonly side: 'target' | 'source';
  /** The delay of both directions together, in milliseconds. */
  readonly nominalMs: number;
}

export interface AtDistance extends Distance {
  /** The round trip as measured by a statement without work. */
  readonly roundTripMs: number;
  readonly loadMs: number;
  readonly reconcileMs: number;
  readonly catchUpMs: number;
  readonly lag: {readonly p50: number; readonly p99: number};
  readonly peakBytes: number;
}

export const DISTANCES: readonly Distance[] = [
  {side: 'target', nominalMs: 0},
  ...(['target', 'source'] as const).flatMap(side => [1, 5, 20, 80].map(nominalMs => ({side, nominalMs}))),
];

/** Measures each distance once, on one stand. */
export async function measureDistances(
  distances: readonly Distance[],
  onMeasured: (one: AtDistance) => void,
): Promise<AtDistance[]> {
  const stand = await openStand({edition: 'mariadb', log: LOG});
  try {
    await fillUsers(stand.s, 1, USERS);
    await fillMemberships(stand);
    const measured: AtDistance[] = [];
    for (const [i, distance] of distances.entries()) {
      const one = await measureAt(stand, distance, i);
      onMeasured(one);
      measured.push(one);
    }
    return measured;
  } finally {
    await stand.close();
  }
}

async function measureAt(stand: Stand, distance: Distance, turn: number): Promise<AtDistance> {
  const {source, target} = stand;
  const {side, nominalMs} = distance;
  const delayOf = (one: Distance['side']) => (one === side ? nominalMs / 2 : 0);
  await using delays = await startDelays([
    {host: source.host, port: source.port, delayMs: delayOf('source')},
    {host: target.host, port: target.port, delayMs: delayOf('target')},
  ]);
  await emptyTarget(stand);
  const [sourcePort, targetPort] = delays.ports.map(String);
  const env = {...stand.env, DB_PORT: sourcePort ?? '', ORG_DB_PORT: targetPort ?? ''};
  const daemon = await BenchDaemon.start(env);
  const {durationMs: loadMs} = await lastRun(daemon);
  const {durationMs: reconcileMs} = await trigger(daemon);
  const caughtUp = await catchUpWith(stand, daemon, USERS / ROWS_A_TRANSACTION + SINGLES, () =>
    writeBacklog(stand, turn),
  );
  const lag = await measureLag(stand, turn);
  const {peak} = daemon.memory();
  await daemon.stop();
  const {code} = await runCli(['verify'], stand.env);
  if (code !== 0) throw new Error('the target is not equal');
  const far = side === 'source' ? source : target;
  const port = Number(side === 'source' ? sourcePort : targetPort);
  return {
    ...distance,
    roundTripMs: await roundTrip({host: far.host, user: far.user, password: far.password, port}),
    loadMs,
    reconcileMs,
    catchUpMs: caughtUp.ms,
    lag,
    peakBytes: Math.max(peak, caughtUp.peakBytes),
  };
}

async function emptyTarget({t, env}: Stand): Promise<void> {
  await t.query(
    'DROP DATABASE organizations; CREATE DATABASE organizations CHARACTER SET utf8mb4; USE organizations',
  );
  await runCli(['migrate'], env);
}

async function roundTrip(server: Parameters<typeof connect>[0]): Promise<number> {
  const connection = await connect(server);
  const times: number[] = [];
  for (let i = 0; i < 30; i++) {
    const began = performance.now();
    await connection.query('DO 1');
    times.push(performance.now() - began);
  }
  await connection.end();
  return quantiles(times).p50;
}

async function writeBacklog(stand: Stand, turn: number): Promise<void> {
  for (let from = 1; from <= USERS; from += ROWS_A_TRANSACTION)
    await stand.s.query(
      `UPDATE users SET last_name = 'Bulk${turn}' WHERE id BETWEEN ${from} AND ${from + ROWS_A_TRANSACTION - 1}`,
    );
  await changeOneByOne(stand, USERS, SINGLES, `Turn${turn}of`);
}

/** Each transaction writes a number into one row, so that a number that is visible implies those before it. */
async function measureLag({source, t}: Stand, turn: number): Promise<{p50: number; p99: number}> {
  const writer = await connect(source, 'laas');
  const committed: number[] = [];
  const times: number[] = [];
  const began = performance.now();
  const writing = (async () => {
    for (let i = 0; i < LAG_TRANSACTIONS; i++) {
      const early = began + i * EVERY_MS - performance.now();
      if (early > 0) await delay(early);
      await writer.query(`UPDATE users SET first_name = 'lag${turn}-${i}-' WHERE id = 1`);
      committed.push(performance.now());
    }
  })();
  while (times.length < LAG_TRANSACTIONS) {
    const [, seenTurn, seen] =
      /^lag(\d+)-(\d+)-/.exec(await scalar(t, 'SELECT name FROM user WHERE userId = 1')) ?? [];
    const now = performance.now();
    if (seenTurn !== String(turn)) continue;
    // A commit may be visible before its answer arrives.
    while (times.length <= Number(seen)) times.push(Math.max(0, now - (committed[times.length] ?? now)));
  }
  await writing;
  await writer.end();
  return quantiles(times.slice(50));
}

/** The ratio to no distance in the same run that a goal allows at each distance. */
const SLOWER: ReadonlyMap<number, number> = new Map([
  [20, 1.3],
  [80, 2],
]);
const RECONCILE_ROUND_TRIPS = 40;

/** Returns the report's section. @param runs how often each distance was measured; the values are medians */
export function* renderDistances(measured: readonly AtDistance[], runs: number): Generator<string> {
  const near = measured.find(({nominalMs}) => nominalMs === 0);
  if (near === undefined) return;
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const seconds = (value: number) => `${(value / 1000).toFixed(2)} s`;
  const judged = (text: string, isMet: boolean) => `${text}, ${isMet ? 'met' : 'not met'}`;
  yield '## At a distance';
  yield '';
  yield `${USERS.toLocaleString('en')} users with auth rows and memberships, MariaDB on both sides, behind a proxy in a process of its own that delays each direction by half of the round trip. It keeps up to 4 MiB in memory each way, so that bandwidth is not limited; the zero is behind the same proxy. The backlog is ${USERS / ROWS_A_TRANSACTION} transactions of ${ROWS_A_TRANSACTION.toLocaleString('en')} rows and ${SINGLES.toLocaleString('en')} of one row; lag is at ${1000 / EVERY_MS} transactions/s. Medians of ${runs} ${runs === 1 ? 'run' : 'runs'}.`;
  yield '';
  yield 'Goals: first load and catching up take at most 1.3 times as long at 20 ms, and twice as long at 80 ms; a reconcile without drift takes at most 40 round trips more, whatever the size of the tables; the lag is at most the measured round trip and 3 ms at p50, and twice the round trip and 20 ms at p99.';
  yield '';
  yield '| far | round trip, measured | first load | catching up | reconcile | lag p50 | lag p99 | peak memory |';
  yield '|---|---|---|---|---|---|---|---|';
  for (const one of measured) {
    const {side, nominalMs, roundTripMs, reconcileMs, lag, peakBytes} = one;
    const isNear = nominalMs === 0;
    const times = (pick: (at: AtDistance) => number) => {
      const ratio = pick(one) / pick(near);
      const goal = SLOWER.get(nominalMs);
      const text = isNear ? seconds(pick(one)) : `${seconds(pick(one))} (${ratio.toFixed(2)} ×)`;
      return goal === undefined ? text : judged(text, ratio <= goal);
    };
    const more = (reconcileMs - near.reconcileMs) / roundTripMs;
    const reconcile = isNear
      ? seconds(reconcileMs)
      : judged(
          `${seconds(reconcileMs)} (+${Math.max(0, more).toFixed(0)} round trips)`,
          more <= RECONCILE_ROUND_TRIPS,
        );
    yield `| ${isNear ? 'none' : side} | ${ms(roundTripMs)} | ${times(at => at.loadMs)} | ${times(at => at.catchUpMs)} | ${reconcile} | ${judged(ms(lag.p50), lag.p50 <= roundTripMs + 3)} | ${judged(ms(lag.p99), lag.p99 <= 2 * roundTripMs + 20)} | ${Math.round(peakBytes / 1048576)} MB |`;
  }
}

/** Measures every distance several times, and returns the medians. */
export async function measureDistancesRepeatedly(
  runs: number,
  onMeasured: (one: AtDistance) => void,
): Promise<AtDistance[]> {
  const all: AtDistance[][] = [];
  for (let i = 0; i < runs; i++) all.push(await measureDistances(DISTANCES, onMeasured));
  return DISTANCES.map((distance, i) => {
    const mid = (pick: (one: AtDistance) => number) =>
      median(all.flatMap(run => run.slice(i, i + 1).map(pick)));
    return {
      ...distance,
      roundTripMs: mid(one => one.roundTripMs),
      loadMs: mid(one => one.loadMs),
      reconcileMs: mid(one => one.reconcileMs),
      catchUpMs: mid(one => one.catchUpMs),
      lag: {p50: mid(one => one.lag.p50), p99: mid(one => one.lag.p99)},
      peakBytes: mid(one => one.peakBytes),
    };
  });
}
