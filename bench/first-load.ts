/** Measures a first load and reconciles, and for comparison INSERT … SELECT inside one server and a plain checksum scan. */
import {catchUpWith, changeOneByOne, type CaughtUp} from './catch-up.ts';
import {BenchDaemon, fillUsers, openStand, runCli, type Stand, type StandOptions} from './stand.ts';

const INSTITUTES = 200;
export const SINGLES = 20_000;

export interface FirstLoad {
  readonly users: number;
  readonly loadMs: number;
  readonly limitMs: number;
  readonly reconcileMs: number;
  readonly scanMs: number;
  readonly driftMs: number;
  readonly peakBytes: number;
  /** Seconds to catch up one transaction that changes every user. */
  readonly transaction: CaughtUp;
  /** Seconds to catch up {@link SINGLES} transactions of one row each. */
  readonly singles: CaughtUp;
}

/** @param afterwards continues with the daemon and the loaded tables */
export async function measureFirstLoad(
  users: number,
  options: StandOptions = {edition: 'mariadb'},
  afterwards: (stand: Stand, daemon: BenchDaemon) => Promise<void> = () => Promise.resolve(),
): Promise<FirstLoad> {
  // The limit is written by the source, which logs it.
  const stand = await openStand({targetLogs: true, ...options});
  try {
    await fillUsers(stand.s, 1, users);
    await fillMemberships(stand);
    const limitMs = await limit(stand);
    const daemon = await BenchDaemon.start(stand.env);
    const loadMs = (await lastRun(daemon)).durationMs;
    const reconcileMs = (await trigger(daemon)).durationMs;
    const scanMs = await scan(stand);
    await stand.t.query(`UPDATE user SET name = 'drifted' WHERE userId BETWEEN 1000 AND 1049`);
    const driftMs = (await trigger(daemon)).durationMs;
    const peakBytes = daemon.memory().peak;
    const transaction = await catchUpWith(stand, daemon, 1, () =>
      stand.s.query("UPDATE users SET last_name = 'Anew', updated_at = '2024-08-01 00:00:00'"),
    );
    const singles = await catchUpWith(stand, daemon, SINGLES, () => changeOneByOne(stand, users, SINGLES));
    await afterwards(stand, daemon);
    await daemon.stop();
    const {code} = await runCli(['verify'], stand.env);
    if (code !== 0) throw new Error('the target is not equal after the load');
    return {users, loadMs, limitMs, reconcileMs, scanMs, driftMs, peakBytes, transaction, singles};
  } finally {
    await stand.close();
  }
}

export async function fillMemberships({s}: Stand): Promise<void> {
  await s.query(
    `INSERT INTO institutes (id, name, created_at, updated_at) WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < ${INSTITUTES}) SELECT i, CONCAT('Institute ', i), '2024-01-01', '2024-01-01' FROM n`,
  );
  await s.query(
    `INSERT INTO institute_user (institute_id, user_id, user_type, status, created_at, updated_at) SELECT 1 + MOD(id, ${INSTITUTES}), id, 'student', 'active', '2024-01-01', '2024-01-01' FROM users`,
  );
}

/** Writes the same rows by the server itself, from its own tables: the lower bound. */
async function limit({s}: Stand): Promise<number> {
  await s.query(`CREATE DATABASE lim CHARACTER SET utf8mb4;
    CREATE TABLE lim.user (userId BIGINT PRIMARY KEY, name VARCHAR(511) NOT NULL, email VARCHAR(255) NOT NULL UNIQUE, password VARCHAR(255) NOT NULL, createdAt DATETIME(3) NOT NULL, updatedAt DATETIME(3) NOT NULL);
    CREATE TABLE lim.institute (instituteId BIGINT PRIMARY KEY, name VARCHAR(255) NOT NULL);
    CREATE TABLE lim.institute_users (instituteId BIGINT NOT NULL, userId BIGINT NOT NULL, role VARCHAR(16) NOT NULL, isActive TINYINT NOT NULL, createdAt DATETIME(3) NOT NULL, updatedAt DATETIME(3) NOT NULL, PRIMARY KEY (instituteId, userId), FOREIGN KEY (instituteId) REFERENCES lim.institute (instituteId), FOREIGN KEY (userId) REFERENCES lim.user (userId));
    CREATE TABLE lim.user_auth (userId BIGINT PRIMARY KEY, password VARCHAR(255) NOT NULL, createdAt DATETIME(3) NOT NULL, updatedAt DATETIME(3) NOT NULL, FOREIGN KEY (userId) REFERENCES lim.user (userId))`);
  const began = performance.now();
  await s.query(
    `INSERT INTO lim.institute SELECT id, name FROM institutes ON DUPLICATE KEY UPDATE name = VALUES(name)`,
  );
  await s.query(
    `INSERT INTO lim.user SELECT id, CONCAT_WS(' ', first_name, last_name), TRIM(email), password, created_at, updated_at FROM users WHERE is_active = 1 ON DUPLICATE KEY UPDATE name = VALUES(name)`,
  );
  await s.query(
    `INSERT INTO lim.institute_users SELECT institute_id, user_id, 'STUDENT', 1, created_at, updated_at FROM institute_user ON DUPLICATE KEY UPDATE role = VALUES(role)`,
  );
  await s.query(
    `INSERT INTO lim.user_auth SELECT id, password, created_at, updated_at FROM users WHERE is_active = 1 ON DUPLICATE KEY UPDATE password = VALUES(password)`,
  );
  const ms = performance.now() - began;
  await s.query('DROP DATABASE lim');
  return ms;
}

/** Computes one checksum of each table on both sides at the same time. */
async function scan({s, t}: Stand): Promise<number> {
  const sum = (columns: string, table: string) =>
    `SELECT COUNT(*), BIT_XOR(CRC32(CONCAT_WS('|', ${columns}))) FROM ${table}`;
  const began = performance.now();
  await Promise.all([
    (async () => {
      await s.query(sum('id, name, imageUrl, created_at, updated_at', 'institutes'));
      await s.query(sum('id, first_name, last_name, email, password, created_at, updated_at', 'users'));
      await s.query(
        sum('institute_id, user_id, user_type, status, created_at, updated_at', 'institute_user'),
      );
      await s.query(sum('id, password, created_at, updated_at', 'users'));
    })(),
    (async () => {
      await t.query(sum('instituteId, name, imageUrl, createdAt, updatedAt', 'institute'));
      await t.query(sum('userId, name, email, password, createdAt, updatedAt', 'user'));
      await t.query(sum('instituteId, userId, role, isActive, createdAt, updatedAt', 'institute_users'));
      await t.query(sum('userId, password, createdAt, updatedAt', 'user_auth'));
    })(),
  ]);
  return performance.now() - began;
}

export async function lastRun(daemon: BenchDaemon): Promise<{durationMs: number}> {
  return ((await (await fetch(daemon.statusUrl)).json()) as {lastRun: {durationMs: number}}).lastRun;
}

export async function trigger(daemon: BenchDaemon): Promise<{durationMs: number}> {
  return (await daemon.post('/sync/trigger', {mode: 'diff'})) as {durationMs: number};
}
