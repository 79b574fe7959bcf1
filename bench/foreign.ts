/** Measures what a log that is mostly not ours costs: the daemon's processor time for each megabyte, beside zongji alone. */
import {ZongJi} from '../src/position/zongji.ts';
import {untilApplied} from './catch-up.ts';
import {endOfLog} from './replica.ts';
import {BenchDaemon, median, openStand, scalar, type Stand} from './stand.ts';

const TEXT_BYTES = 64 * 1024;
const LONG_ROWS = 3200;
const SHORT_ROWS = 600_000;
const ROWS_A_TRANSACTION = 400;
const SHORT_ROWS_A_TRANSACTION = 200;

interface Foreign {
  readonly megabytes: number;
  readonly oursCpu: number;
  readonly zongjiCpu: number;
  readonly peakBytes: number;
}

/** Rows of another schema's tables: long texts, and short rows in small transactions. */
async function writeForeign({s}: Stand, kind: 'long' | 'short'): Promise<void> {
  const [rows, atOnce] =
    kind === 'long' ? [LONG_ROWS, ROWS_A_TRANSACTION / 10] : [SHORT_ROWS, SHORT_ROWS_A_TRANSACTION];
  const value =
    kind === 'long' ? `REPEAT(LEFT(SHA2(i, 256), 32), ${TEXT_BYTES / 32})` : 'LEFT(SHA2(i, 256), 32)';
  for (let at = 0; at < rows; at += atOnce)
    await s.query(
      `INSERT INTO other.${kind}_rows (v) WITH RECURSIVE n AS (SELECT ${at} AS i UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${at + atOnce}) SELECT ${value} FROM n`,
    );
}

async function measureForeign(kind: 'long' | 'short'): Promise<Foreign> {
  const stand = await openStand({edition: 'mariadb'});
  try {
    await stand.s.query(
      'CREATE DATABASE other; CREATE TABLE other.long_rows (id INT AUTO_INCREMENT PRIMARY KEY, v LONGTEXT); CREATE TABLE other.short_rows (id INT AUTO_INCREMENT PRIMARY KEY, v CHAR(32))',
    );
    const daemon = await BenchDaemon.start(stand.env);
    await daemon.post('/replication/pause');
    const start = await endOfLog(stand);
    const before = await logBytes(stand);
    await writeForeign(stand, kind);
    await stand.s.query("INSERT INTO institutes (id, name) VALUES (1, 'The last')");
    const megabytes = ((await logBytes(stand)) - before) / 1e6;
    const cpu = daemon.cpuSeconds();
    await daemon.post('/replication/resume');
    await untilApplied(stand, 1);
    const oursCpu = daemon.cpuSeconds() - cpu;
    const peakBytes = daemon.memory().peak;
    await daemon.stop();
    return {megabytes, oursCpu, peakBytes, zongjiCpu: await zongjiAlone(stand, start)};
  } finally {
    await stand.close();
  }
}

async function logBytes({s}: Stand): Promise<number> {
  const [rows] = await s.query('SHOW BINARY LOGS');
  return (rows as {File_size: number}[]).reduce((sum, row) => sum + Number(row.File_size), 0);
}

/** zongji reads the same log in this process, and skips every schema but ours. */
async function zongjiAlone({source, s}: Stand, gtidSet: string): Promise<number> {
  const last = await scalar(s, 'SELECT COUNT(*) FROM institutes');
  const before = process.cpuUsage();
  await new Promise<void>((resolve, reject) => {
    const {host, port, user, password} = source;
    const zongji = new ZongJi({host, port, user, password, dateStrings: true});
    let rows = 0;
    zongji.on('error', reject);
    zongji.on('binlog', event => {
      if (event.getTypeName() !== 'WriteRows' || !('rows' in event)) return;
      rows += event.rows.length;
      if (rows < Number(last)) return;
      zongji.once('stopped', () => resolve());
      zongji.stop();
    });
    zongji.start({serverId: 4_000_000_002, gtidSet, includeSchema: {laas: ['institutes']}});
  });
  const {user, system} = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** @returns the lines of the report's section */
export async function measureForeignTraffic(
  repeat: <T>(what: string, measure: () => Promise<T>) => Promise<T[]>,
): Promise<string[]> {
  const lines = [
    '## What is not ours in the log',
    '',
    'Processor time for each megabyte of the log that belongs to other schemas, at full speed, of the daemon and of zongji alone, which skips the same rows.',
    '',
    '| rows of others | runs | megabytes | laas-sync | zongji alone | ratio | our peak memory |',
    '|---|---|---|---|---|---|---|',
  ];
  for (const kind of ['long', 'short'] as const) {
    const runs = await repeat(`${kind} rows of others`, () => measureForeign(kind));
    const each = (pick: (run: Foreign) => number) =>
      median(runs.map(run => (pick(run) / run.megabytes) * 1000));
    const [ours, alone] = [each(run => run.oursCpu), each(run => run.zongjiCpu)];
    const what = kind === 'long' ? 'texts of 64 KB' : `short rows, ${SHORT_ROWS_A_TRANSACTION} a transaction`;
    const peak = `${Math.round(median(runs.map(run => run.peakBytes)) / 1048576)} MB`;
    lines.push(
      `| ${what} | ${runs.length} | ${Math.round(median(runs.map(run => run.megabytes)))} | ${ours.toFixed(2)} ms | ${alone.toFixed(2)} ms | ${(ours / alone).toFixed(2)} × | ${peak} |`,
    );
  }
  return lines;
}
