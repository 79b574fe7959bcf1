/**
 * Measures what the main stand leaves out: a process that starts with the backlog waiting, wide rows with JSON and
 * DECIMAL columns, one long transaction, a target as an ORM creates it, a small buffer pool, and one server for both.
 */
import {changeOneByOne, measureCatchUp, untilApplied} from './catch-up.ts';
import {measureFirstLoad} from './first-load.ts';
import {measureLag} from './lag.ts';
import {endOfLog, measureReplica} from './replica.ts';
import {BenchDaemon, openStand, median, medianOf, runCli, SOURCE_TABLES, type StandOptions} from './stand.ts';

const USERS = 200_000;
const SINGLES = 50_000;
const LOADED_USERS = 200_000;

const WIDE_USERS = SOURCE_TABLES.replace(
  'UNIQUE KEY email (email)',
  "phone VARCHAR(32) NULL, birthday DATE NULL, settings JSON NULL, balance DECIMAL(12,2) NOT NULL DEFAULT 0, notes VARCHAR(500) NOT NULL DEFAULT '', UNIQUE KEY email (email)",
);

const DATES = 'createdAt DATETIME(3) NOT NULL, updatedAt DATETIME(3) NOT NULL';
const ORM = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci';
const REFERS = (column: string, table: string) =>
  `FOREIGN KEY (${column}) REFERENCES ${table} (${column}) ON DELETE RESTRICT ON UPDATE CASCADE`;
const ORM_TABLES = `
CREATE TABLE institute (instituteId BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(255) NOT NULL, imageUrl VARCHAR(1024) NULL, ${DATES}) ${ORM};
CREATE TABLE user (userId BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(511) NOT NULL, email VARCHAR(255) NOT NULL, password VARCHAR(255) NOT NULL, ${DATES}, UNIQUE KEY user_email_key (email)) ${ORM};
CREATE TABLE institute_users (instituteId BIGINT NOT NULL, userId BIGINT NOT NULL, role ENUM('ADMIN', 'FACULTY', 'STUDENT', 'STAFF', 'DIRECTOR') NOT NULL DEFAULT 'STUDENT', isActive BOOLEAN NOT NULL DEFAULT 1, ${DATES}, PRIMARY KEY (instituteId, userId), ${REFERS('instituteId', 'institute')}, ${REFERS('userId', 'user')}) ${ORM};
CREATE TABLE user_auth (userId BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, password VARCHAR(255) NOT NULL, ${DATES}, ${REFERS('userId', 'user')}) ${ORM}`;

interface Started {
  /** From the start of the process. */
  readonly oursMs: number;
  readonly replicaMs: number;
  readonly peakBytes: number;
}

/** One transaction of {@link USERS} wide rows and then {@link SINGLES} of one row wait when the process starts. */
async function measureStart(pool: string, targetLogs: boolean): Promise<Started> {
  const stand = await openStand({
    edition: 'mariadb',
    pool,
    targetLogs,
    sourceTables: WIDE_USERS,
    targetTables: ORM_TABLES,
  });
  try {
    const start = await endOfLog(stand);
    await (await BenchDaemon.start(stand.env)).stop();
    await stand.s.query(
      `INSERT INTO users (id, first_name, last_name, email, password, is_active, created_at, updated_at, phone, birthday, settings, balance, notes)
       WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < ${USERS})
       SELECT i, CONCAT('First', i), 'Last', CONCAT('user', i, '@example.test'), CONCAT('$2b$10$', LEFT(SHA2(i, 256), 32), LEFT(SHA2(-i, 256), 32)), 1,
              '2024-01-01', '2024-06-01 12:00:00', CONCAT('+49', i), '1990-01-01', JSON_OBJECT('theme', 'dark', 'size', i), i / 7, REPEAT('note ', 20) FROM n`,
    );
    await changeOneByOne(stand, USERS, SINGLES);
    const began = performance.now();
    const daemon = await BenchDaemon.start(stand.env);
    await untilApplied(stand, 1 + SINGLES);
    const oursMs = performance.now() - began;
    const {peak} = daemon.memory();
    await daemon.stop();
    const {code} = await runCli(['verify'], stand.env);
    if (code !== 0) throw new Error('the target is not equal');
    return {
      oursMs,
      peakBytes: peak,
      replicaMs: await measureReplica(stand, start, {workers: 2, pool, logs: targetLogs}),
    };
  } finally {
    await stand.close();
  }
}

/** @returns the lines of the report's section */
export async function measureOtherStands(
  repeat: <T>(what: string, measure: () => Promise<T>) => Promise<T[]>,
): Promise<string[]> {
  const lines = [
    '## Other stands',
    '',
    `The process starts with the backlog waiting: one transaction of ${USERS.toLocaleString('en')} rows of 13 columns, JSON and DECIMAL among them, and ${SINGLES.toLocaleString('en')} of one row. The target is as an ORM creates it: utf8mb4_unicode_ci, AUTO_INCREMENT keys, foreign keys with ON UPDATE CASCADE. MariaDB on both sides; the goal is a third of the time of the server's own replica with 2 threads. By default, neither a MariaDB target nor a replica logs what it applies; in the last row, both do.`,
    '',
    '| buffer pool | from the start of the process | the replica | ours takes | | peak memory |',
    '|---|---|---|---|---|---|',
  ];
  let measured: readonly unknown[] = [];
  for (const [pool, targetLogs] of [
    ['512M', false],
    ['3G', false],
    ['3G', true],
  ] as const) {
    const what = targetLogs ? `${pool}, with binary logs` : pool;
    const runs = await repeat(`a process that starts, with a pool of ${what}`, () =>
      measureStart(pool, targetLogs),
    );
    measured = runs;
    const mid = (pick: (run: Started) => number) => median(runs.map(pick));
    const [ours, replica] = [mid(run => run.oursMs), mid(run => run.replicaMs)];
    lines.push(
      `| ${what} | ${seconds(ours)} | ${seconds(replica)} | ${(ours / replica).toFixed(2)} of it | ${ours <= replica / 3 ? 'met' : 'not met'} | ${megabytes(mid(run => run.peakBytes))} |`,
    );
  }
  lines.push(
    '',
    medianOf(measured),
    '',
    `One server for both databases, beside two servers. The backlog and ${LOADED_USERS.toLocaleString('en')} users as above.`,
    '',
    '| | catching up | first load | reconcile | lag p50 | lag p99 | peak memory, catching up |',
    '|---|---|---|---|---|---|---|',
  );
  for (const isOneServer of [false, true]) {
    const options: StandOptions = {edition: 'mariadb', isOneServer, targetLogs: true};
    const what = isOneServer ? 'one server' : 'two servers';
    const caughtUp = await repeat(`catching up with ${what}`, () => measureCatchUp([], options));
    const loads = await repeat(`first load with ${what}`, () => measureFirstLoad(LOADED_USERS, options));
    const lags = await repeat(`lag with ${what}`, () => measureLag(options));
    const cells = [
      seconds(median(caughtUp.map(run => run.oursMs))),
      seconds(median(loads.map(run => run.loadMs))),
      seconds(median(loads.map(run => run.reconcileMs))),
      `${median(lags.map(run => run.busy.p50)).toFixed(1)} ms`,
      `${median(lags.map(run => run.busy.p99)).toFixed(1)} ms`,
      megabytes(median(caughtUp.map(run => run.peakBytes))),
    ];
    lines.push(`| ${what} | ${cells.join(' | ')} |`);
  }
  return lines;
}

const megabytes = (bytes: number) => `${Math.round(bytes / 1048576)} MB`;
const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
