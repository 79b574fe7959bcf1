/** Measures MySQL on both sides, beside its own replica with its defaults, INSERT … SELECT and a scan. */
import {measureCatchUp, type CatchUp} from './catch-up.ts';
import {measureFirstLoad, type FirstLoad} from './first-load.ts';
import {measureLag} from './lag.ts';
import {median, medianOf, type StandOptions} from './stand.ts';

const USERS = 200_000;
/** A serial replica, and MySQL's default. */
const WORKERS = [1, 4];
const OPTIONS: StandOptions = {edition: 'mysql'};

/** @returns the lines of the report's section */
export async function measureMysql(
  repeat: <T>(what: string, measure: () => Promise<T>) => Promise<T[]>,
): Promise<string[]> {
  const catchUps = await repeat('catching up on MySQL', () => measureCatchUp(WORKERS, OPTIONS));
  const loads = await repeat('first load on MySQL', () => measureFirstLoad(USERS, OPTIONS));
  const lags = await repeat('lag on MySQL', () => measureLag(OPTIONS));
  const caughtUp = (pick: (run: CatchUp) => number) => median(catchUps.map(pick));
  const loaded = (pick: (run: FirstLoad) => number) => median(loads.map(pick));
  const ours = caughtUp(run => run.oursMs);
  const replicas = WORKERS.map(count => caughtUp(run => run.replicaMs[count] ?? Number.NaN));
  const [load, limit] = [loaded(run => run.loadMs), loaded(run => run.limitMs)];
  const [reconcile, scan] = [loaded(run => run.reconcileMs), loaded(run => run.scanMs)];
  const lag = (pick: (run: {p50: number; p99: number}) => number) =>
    median(lags.map(run => pick(run.busy))).toFixed(1);
  const row = (what: string, time: number, beside: string, other: number, goal: number) =>
    `| ${what} | ${seconds(time)} | ${beside} ${seconds(other)} | ${(time / other).toFixed(2)} × | ${goal} × | ${time / other <= goal ? 'met' : 'not met'} |`;
  return [
    '## MySQL',
    '',
    `MySQL on both sides with its defaults, durable settings, and the same backlog and ${USERS.toLocaleString('en')} users. ${medianOf(catchUps)}`,
    '',
    '| what | laas-sync | beside | ratio | goal | |',
    '|---|---|---|---|---|---|',
    row('catching up', ours, "MySQL's replica, 4 workers", replicas[1] ?? Number.NaN, 0.4),
    `| the same | ${seconds(ours)} | MySQL's replica, serial ${seconds(replicas[0] ?? Number.NaN)} | ${(ours / (replicas[0] ?? Number.NaN)).toFixed(2)} × | | |`,
    row('first load', load, 'INSERT … SELECT', limit, 2),
    row('reconcile without drift', reconcile, 'the scan', scan, 3),
    '',
    `Lag at ${median(lags.map(run => run.busy.perSecond))} transactions/s: p50 ${lag(({p50}) => p50)} ms, p99 ${lag(({p99}) => p99)} ms. Peak memory: ${Math.round(Math.max(...catchUps.map(run => run.peakBytes), ...loads.map(run => run.peakBytes)) / 1048576)} MB.`,
  ];
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
