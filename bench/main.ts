/**
 * `npm run bench`: measures laas-sync and its alternatives in one run on one machine, prints ratios and writes
 * docs/benchmarks.md. `--quick` runs each measurement once. `--large` adds millions of rows, which takes a quarter of
 * an hour more. `--only mysql` (or `stands`, `foreign`, `distance`) replaces only that section of the report, and
 * `--only main` all others.
 */
import {cpus, totalmem} from 'node:os';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {measureCatchUp, type CatchUp} from './catch-up.ts';
import {measureDistancesRepeatedly, renderDistances} from './distance.ts';
import {measureFirstLoad, SINGLES, type FirstLoad} from './first-load.ts';
import {ASK_EVERY_MS, measureLag, type Lag, type Quantiles} from './lag.ts';
import {measurePieces} from './pieces.ts';
import {measureForeignTraffic} from './foreign.ts';
import {LARGE_BACKLOG, LARGE_USERS, measureLarge} from './large.ts';
import {measureMysql} from './mysql.ts';
import {measureOtherStands} from './other-stands.ts';
import {median} from './stand.ts';
import {measureWide, renderWide} from './wide.ts';
import {measureWriting} from './writing.ts';

const REPEATS = process.argv.includes('--quick') ? 1 : 3;
const GROWTH = process.argv.includes('--quick') ? [10_000, 200_000] : [10_000, 50_000, 200_000, 500_000];
const REPORT = join(import.meta.dirname, '../../docs/benchmarks.md');

const say = (text: string) => process.stdout.write(`${text}\n`);
const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
const megabytes = (bytes: number) => `${Math.round(bytes / 1048576)} MB`;

async function repeated<T>(name: string, measure: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < REPEATS; i++) {
    say(`${name}, run ${i + 1} of ${REPEATS}`);
    results.push(await measure());
    say(`  ${JSON.stringify(results.at(-1))}`);
  }
  return results;
}

/** Sections that can be measured alone, in the order of the report. */
const SECTIONS: Readonly<Record<string, () => Promise<string[]>>> = {
  mysql: () => measureMysql(repeated),
  stands: () => measureOtherStands(repeated),
  foreign: () => measureForeignTraffic(repeated),
  distance: async () => [
    ...renderDistances(
      await measureDistancesRepeatedly(REPEATS, one => say(`  ${JSON.stringify(one)}`)),
      REPEATS,
    ),
  ],
};

const only = process.argv.includes('--only') ? (process.argv.at(-1) ?? '') : null;
if (only !== null && only !== 'main') {
  const measure = SECTIONS[only];
  if (measure === undefined) throw new Error(`--only takes main, ${Object.keys(SECTIONS).join(', ')}`);
  const section = (await measure()).join('\n');
  writeFileSync(REPORT, withSection(readFileSync(REPORT, 'utf8'), section));
  say(section);
  process.exit(0);
}

/** Returns the report with this section in place of the one with the same heading, or at the end. */
function withSection(report: string, section: string): string {
  const heading = section.slice(0, section.indexOf('\n'));
  const parts = partsOf(report);
  const at = parts.findIndex(part => part.startsWith(`${heading}\n`));
  if (at === -1) parts.push(`${section}\n`);
  else parts[at] = `${section}\n`;
  return `${parts.map(part => part.trimEnd()).join('\n\n')}\n`;
}

/** The text before the first heading, and each section with its heading. */
function partsOf(report: string): string[] {
  return report.trimEnd().split(/\n(?=## )/);
}

const catchUps = await repeated('catching up', () => measureCatchUp([0, 2]));
const lags = await repeated('lag', measureLag);
const loggedLags = await repeated('lag with binary logs on both sides', () =>
  measureLag({edition: 'mariadb', targetLogs: true}),
);
const pieces = await repeated('pieces', measurePieces);
const writings = await repeated('writing', measureWriting);
const wides = await repeated('a wide mapping', measureWide);
const growth: FirstLoad[] = [];
for (const users of GROWTH) {
  const runs = await repeated(`first load and reconcile of ${users} users`, () => measureFirstLoad(users));
  const mid = (pick: (run: FirstLoad) => number) => median(runs.map(pick));
  growth.push({
    users,
    loadMs: mid(run => run.loadMs),
    limitMs: mid(run => run.limitMs),
    reconcileMs: mid(run => run.reconcileMs),
    scanMs: mid(run => run.scanMs),
    driftMs: mid(run => run.driftMs),
    peakBytes: mid(run => run.peakBytes),
    transaction: {ms: mid(run => run.transaction.ms), peakBytes: mid(run => run.transaction.peakBytes)},
    singles: {ms: mid(run => run.singles.ms), peakBytes: mid(run => run.singles.peakBytes)},
  });
}
const large = process.argv.includes('--large') ? await measureLarge() : null;
if (large !== null) {
  say(JSON.stringify(large));
  growth.push(large.load);
}
let report = [...render()].join('\n');
if (only === 'main') for (const part of keptBeside(report)) report = withSection(report, part);
else
  for (const measure of Object.values(SECTIONS)) report = withSection(report, (await measure()).join('\n'));
writeFileSync(REPORT, report);
say(report);
process.exit(0);

/** Returns the sections of the former report that are measured alone. */
function keptBeside(main: string): string[] {
  const headings = new Set(partsOf(main).map(part => part.split('\n')[0]));
  const [, ...former] = partsOf(readFileSync(REPORT, 'utf8'));
  return former.filter(part => !headings.has(part.split('\n')[0]));
}

/** Returns the goals of docs/benchmarks.md, each with its result. */
function* goals(ofReplica: number): Generator<string> {
  const lag = (pick: (run: Lag) => number) => median(lags.map(pick));
  const of200k = growth.find(({users}) => users === 200_000);
  const [load, reconcile] = [
    (of200k?.loadMs ?? Number.NaN) / (of200k?.limitMs ?? Number.NaN),
    (of200k?.reconcileMs ?? Number.NaN) / (of200k?.scanMs ?? Number.NaN),
  ];
  const peak = Math.max(...catchUps.map(run => run.peakBytes), ...growth.map(run => run.peakBytes));
  const row = (what: string, goal: number, measured: number, text: string) =>
    `| ${what} | ${text} | ${measured <= goal ? 'met' : 'not met'} |`;
  const [p50, p99, idle] = [lag(run => run.busy.p50), lag(run => run.busy.p99), lag(run => run.idle.p50)];
  const [status, loaded] = [lag(run => run.statusP99), lag(run => run.loaded.statusP99)];
  yield '| goal | measured | |';
  yield '|---|---|---|';
  yield row(
    "catch-up in a third of the replica's time, with 2 threads",
    1 / 3,
    ofReplica,
    `${ofReplica.toFixed(2)} of it`,
  );
  yield row('lag at 1,000 transactions/s: p50 at most 1 ms', 1, p50, `${p50.toFixed(1)} ms`);
  yield row('p99 at most 4 ms', 4, p99, `${p99.toFixed(1)} ms`);
  yield row('lag of an idle stream under 3 ms', 3, idle, `${idle.toFixed(1)} ms (p50)`);
  yield row('first load of 200,000 users within twice the limit', 2, load, `${load.toFixed(1)} ×`);
  yield row('reconcile without drift within 3 times the scan', 3, reconcile, `${reconcile.toFixed(1)} ×`);
  yield row('status under 10 ms at p99', 10, status, `${status.toFixed(1)} ms`);
  yield row('the same under full load', 10, loaded, `${loaded.toFixed(1)} ms`);
  yield row('memory under 200 MB', 200 * 1048576, peak, megabytes(peak));
  yield '';
}

/** @param pick ours and the replica's */
function lagRow(load: string, runs: readonly Lag[], pick: (run: Lag) => readonly Quantiles[]): string {
  const figures = runs.map(run => pick(run).flatMap(({p50, p99}) => [p50, p99]));
  const cells = [0, 1, 2, 3].map(i => `${median(figures.map(run => run[i] ?? Number.NaN)).toFixed(1)} ms`);
  return `| ${load} | ${cells.join(' | ')} |`;
}

function* render(): Generator<string> {
  const mid = (pick: (run: CatchUp) => number) => median(catchUps.map(pick));
  const ours = mid(run => run.oursMs);
  const cpu = cpus()[0]?.model ?? 'unknown';
  yield '# Benchmarks';
  yield '';
  yield `Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} cores (${cpu.trim()}), ${Math.round(totalmem() / 1073741824)} GB, Node ${process.versions.node}, MariaDB on both sides with durable settings (sync_binlog=1, innodb_flush_log_at_trx_commit=1), everything on this one machine. As by MariaDB's default, neither the target nor the replica logs what it applies, unless a table says so; where the first load is measured, both sides log. Medians of ${REPEATS} runs.`;
  yield '';
  yield* goals(ours / mid(run => run.replicaMs[2] ?? Number.NaN));
  yield '## Catching up 200,000 bulk rows and 50,000 single-row transactions';
  yield '';
  yield '| what | time | ours takes |';
  yield '|---|---|---|';
  yield `| laas-sync (user and user_auth, 400,000 rows written) | ${seconds(ours)} | |`;
  for (const threads of [0, 2]) {
    const replica = mid(run => run.replicaMs[threads] ?? Number.NaN);
    yield `| the server's own replica, ${threads === 0 ? 'serial' : `${threads} threads`} (200,000 rows written) | ${seconds(replica)} | ${(ours / replica).toFixed(2)} of it |`;
  }
  yield `| an ORM script, one upsert at a time | ${median(pieces.map(run => run.ormUsersPerSecond))} users/s | |`;
  yield `| zongji alone, decoding only | ${median(pieces.map(run => run.zongjiRowsPerSecond))} rows/s | |`;
  const [asText, inBulk] = [
    median(writings.map(run => run.asTextMs)),
    median(writings.map(run => run.inBulkMs)),
  ];
  yield `| what of it is writing 200,000 users and their auth rows, over one connection: as text (MySQL) | ${seconds(asText)} | |`;
  yield `| the same in bulk (MariaDB) | ${seconds(inBulk)} | ${(inBulk / asText).toFixed(2)} of it |`;
  yield '';
  yield `Our peak memory: ${megabytes(mid(run => run.peakBytes))}.`;
  yield '';
  yield '## From commit on the source to visible on the target';
  yield '';
  yield "The server's own replica has two threads, and the same probe measures it. In the last two rows, the target and the replica log what they apply.";
  yield '';
  yield '| load | p50 | p99 | the replica: p50 | p99 |';
  yield '|---|---|---|---|---|';
  for (const [runs, how] of [
    [lags, ''],
    [loggedLags, ', with logs'],
  ] as const) {
    yield lagRow(`idle${how}`, runs, ({idle, replica}) => [idle, replica.idle]);
    const rate = median(runs.map(run => run.busy.perSecond));
    yield lagRow(`${rate} transactions/s${how}`, runs, ({busy, replica}) => [busy, replica.busy]);
  }
  yield '';
  const [asked50, asked99] = [median(lags.map(run => run.asked.p50)), median(lags.map(run => run.asked.p99))];
  yield `While a client also sends GET /sync/status every ${ASK_EVERY_MS} ms, the lag without logs is ${asked50.toFixed(1)} ms (p50) and ${asked99.toFixed(1)} ms (p99), and the answers take ${median(lags.map(run => run.statusP99)).toFixed(1)} ms (p99). With the stream at full speed and a reconcile of every row, they take ${median(lags.map(run => run.loaded.statusP99)).toFixed(1)} ms, where a minimal server in a process of its own, which has no priority, takes ${median(lags.map(run => run.loaded.plainP99)).toFixed(1)} ms: on ${cpus().length} cores all of these processes wait for each other. The client does not wait (it has real-time priority), since a client on another machine would not. The daemon's HTTP thread has a higher priority than its other threads, which only root may give it.`;
  yield '';
  yield '## First load and reconcile as the tables grow';
  yield '';
  yield 'Users, each with an auth row and a membership. The limit is INSERT … SELECT inside one server; the scan is one checksum of each table on both sides at once.';
  yield '';
  yield '| users | first load | of the limit | µs a row | reconcile without drift | of the scan | with 50 drifted rows | peak memory |';
  yield '|---|---|---|---|---|---|---|---|';
  for (const {users, loadMs, limitMs, reconcileMs, scanMs, driftMs, peakBytes} of growth) {
    yield `| ${users.toLocaleString('en')} | ${seconds(loadMs)} | ${(loadMs / limitMs).toFixed(1)} × | ${((loadMs * 1000) / (users * 3)).toFixed(1)} | ${seconds(reconcileMs)} | ${(reconcileMs / scanMs).toFixed(1)} × | ${seconds(driftMs)} | ${megabytes(peakBytes)} |`;
  }
  yield '';
  yield `Microseconds a row, of a reconcile a row compared; what is caught up with is one transaction that changes every user, and ${SINGLES.toLocaleString('en')} transactions of one row:`;
  yield '';
  const costs = growth.map(({users, loadMs, reconcileMs, transaction, singles}) =>
    [
      (loadMs * 1000) / (users * 3),
      (reconcileMs * 1000) / (users * 3),
      (transaction.ms * 1000) / users,
      (singles.ms * 1000) / SINGLES,
    ].map(cost => cost.toFixed(2)),
  );
  yield '| users | first load | reconcile | one transaction | single-row transactions |';
  yield '|---|---|---|---|---|';
  for (const [i, {users}] of growth.entries())
    yield `| ${users.toLocaleString('en')} | ${(costs[i] ?? []).join(' | ')} |`;
  yield '';
  yield '```mermaid';
  yield 'xychart-beta';
  yield '  title "Microseconds a row: single-row transactions, one transaction, first load, reconcile (from above)"';
  yield `  x-axis "users" [${growth.map(({users}) => users).join(', ')}]`;
  yield '  y-axis "µs"';
  for (const column of [3, 2, 0, 1]) yield `  line [${costs.map(cost => cost[column]).join(', ')}]`;
  yield '```';
  yield '';
  yield* renderWide(wides);
  if (large === null) return;
  yield '';
  yield '## Millions';
  yield '';
  yield `What waits while the stream is paused, with ${LARGE_USERS.toLocaleString('en')} users in the tables; each once.`;
  yield '';
  yield '| backlog | caught up in | µs a row | peak memory |';
  yield '|---|---|---|---|';
  for (const [what, rows, {ms, peakBytes}] of [
    [`one transaction of ${LARGE_USERS.toLocaleString('en')} rows`, LARGE_USERS, large.load.transaction],
    [`${LARGE_BACKLOG.toLocaleString('en')} single-row transactions`, LARGE_BACKLOG, large.backlog],
  ] as const)
    yield `| ${what} | ${seconds(ms)} | ${((ms * 1000) / rows).toFixed(1)} | ${megabytes(peakBytes)} |`;
}
