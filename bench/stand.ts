/** The servers and the daemon of the benchmarks: durable settings, on one machine. */
import {spawn, type ChildProcess} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type mysql from 'mysql2/promise';
import {connect} from '../test/servers/databases.ts';
import type {Edition} from '../test/servers/provision.ts';
import {freePort} from '../test/servers/ports.ts';
import {startServer, type TestServer} from '../test/servers/server.ts';

/**
 * The server's defaults, with enough memory that the disks do not determine the result.
 *
 * @param log the size of the redo log. While it is nearly full, the server writes out pages in the middle of whatever
 *   is measured
 */
export function roomFor(edition: Edition, pool = '3G', log = edition === 'mysql' ? '1G' : '512M'): string[] {
  const setting = edition === 'mysql' ? 'innodb-redo-log-capacity' : 'innodb-log-file-size';
  return [`--innodb-buffer-pool-size=${pool}`, `--${setting}=${log}`];
}

/** The flags in the first line of src/cli.ts. */
const HEAP = [
  '--max-old-space-size=256',
  '--max-semi-space-size=4',
  '--heap-growing-percent=50',
  '--v8-pool-size=1',
  '--no-sparkplug',
];
/** The unit of the kernel's processor times. */
const TICKS_PER_SECOND = 100;
const CLI = join(import.meta.dirname, '../src/cli.js');

export const SOURCE_TABLES = `
CREATE TABLE users (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, first_name VARCHAR(120) NULL, last_name VARCHAR(120) NULL,
  email VARCHAR(190) NULL, password VARCHAR(255) NULL, is_active TINYINT(1) NOT NULL DEFAULT 1,
  created_at TIMESTAMP NULL DEFAULT NULL, updated_at TIMESTAMP NULL DEFAULT NULL, UNIQUE KEY email (email)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE institutes (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(255) NULL, imageUrl VARCHAR(500) NULL,
  created_at TIMESTAMP NULL DEFAULT NULL, updated_at TIMESTAMP NULL DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE institute_user (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, institute_id BIGINT UNSIGNED NOT NULL, user_id BIGINT UNSIGNED NOT NULL,
  user_type VARCHAR(32) NULL, status VARCHAR(32) NULL, created_at TIMESTAMP NULL DEFAULT NULL, updated_at TIMESTAMP NULL DEFAULT NULL,
  UNIQUE KEY pair (institute_id, user_id), KEY u (user_id),
  CONSTRAINT iu_i FOREIGN KEY (institute_id) REFERENCES institutes (id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT iu_u FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;`;

export interface Stand {
  readonly edition: Edition;
  readonly source: TestServer;
  readonly target: TestServer;
  readonly s: mysql.Connection;
  readonly t: mysql.Connection;
  readonly env: Record<string, string>;
  close(): Promise<void>;
}

export interface StandOptions {
  readonly edition: Edition;
  /** Both databases are on one server. */
  readonly isOneServer?: boolean;
  /** The size of each server's buffer pool. */
  readonly pool?: string;
  /** The size of each server's redo log. */
  readonly log?: string;
  readonly sourceTables?: string;
  /** Created before the migration, which otherwise creates its own. */
  readonly targetTables?: string;
  /**
   * Whether the target writes a binary log. MariaDB has none by default, and its replica does not log what it
   * applies; MySQL and its replica do.
   */
  readonly targetLogs?: boolean;
}

/** Starts the servers: the source with empty tables, and the migrated target. */
export async function openStand(options: StandOptions): Promise<Stand> {
  const {edition, isOneServer = false, pool, log, sourceTables = SOURCE_TABLES, targetTables} = options;
  const {targetLogs = edition === 'mysql'} = options;
  const start = (...settings: string[]) =>
    startServer({edition, durable: true, options: [...roomFor(edition, pool, log), ...settings]});
  const source = await start();
  const target = isOneServer ? source : await start(...(targetLogs ? [] : ['--skip-log-bin']));
  await createDatabase(source, 'laas');
  await createDatabase(target, 'organizations');
  const s = await connect(source, 'laas');
  const t = await connect(target, 'organizations');
  const depth = edition === 'mysql' ? 'cte_max_recursion_depth' : 'max_recursive_iterations';
  await s.query(`SET SESSION ${depth} = 10000000`);
  await s.query(sourceTables);
  if (targetTables !== undefined) await t.query(targetTables);
  const env = {
    DB_HOST: source.host,
    DB_PORT: String(source.port),
    DB_USERNAME: source.user,
    DB_PASSWORD: source.password,
    ORG_DB_HOST: target.host,
    ORG_DB_PORT: String(target.port),
    ORG_DB_USERNAME: target.user,
    ORG_DB_PASSWORD: target.password,
    LOG_FORMAT: 'json',
    LOG_LEVEL: 'info',
  };
  await runCli(['migrate'], env);
  return {
    edition,
    source,
    target,
    s,
    t,
    env,
    async close() {
      await s.end();
      await t.end();
      await source.dispose();
      if (!isOneServer) await target.dispose();
    },
  };
}

async function createDatabase(server: TestServer, name: string): Promise<void> {
  const connection = await connect(server);
  await connection.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
  await connection.end();
}

export function runCli(
  args: readonly string[],
  env: Record<string, string>,
): Promise<{code: number | null; stdout: string}> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...args], {
      env: {PATH: process.env['PATH'], ...env},
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let stdout = '';
    child.stdout.on('data', chunk => (stdout += String(chunk)));
    child.on('error', reject);
    child.on('close', code => resolve({code, stdout}));
  });
}

/** A daemon under measurement. */
export class BenchDaemon {
  readonly #child: ChildProcess;
  readonly #url: string;
  log = '';

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.#url = url;
    child.stderr?.on('data', chunk => (this.log += String(chunk)));
  }

  static async start(env: Record<string, string>, nodeOptions: readonly string[] = []): Promise<BenchDaemon> {
    const port = await freePort();
    const child = spawn(process.execPath, [...HEAP, ...nodeOptions, CLI, 'start'], {
      env: {PATH: process.env['PATH'], PORT: String(port), ...env},
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const daemon = new BenchDaemon(child, `http://127.0.0.1:${port}`);
    await daemon.until(status => status.replication.state === 'streaming');
    return daemon;
  }

  async status(): Promise<{replication: {state: string; transactionsApplied: number}}> {
    return (await (await fetch(this.statusUrl)).json()) as {
      replication: {state: string; transactionsApplied: number};
    };
  }

  async until(
    isDone: (status: {replication: {state: string; transactionsApplied: number}}) => boolean,
  ): Promise<void> {
    for (;;) {
      if (this.#child.exitCode !== null) throw new Error(`the daemon ended: ${this.log.slice(-2000)}`);
      try {
        if (isDone(await this.status())) return;
      } catch {
        // It does not listen yet.
      }
      // Rarely enough that the result does not depend on it.
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }

  async post(path: string, body: unknown = {}): Promise<unknown> {
    return (
      await fetch(this.#url + path, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: {'content-type': 'application/json'},
      })
    ).json();
  }

  get statusUrl(): string {
    return `${this.#url}/sync/status`;
  }

  /** Resident memory now and at its peak, in bytes. */
  memory(): {now: number; peak: number} {
    const text = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    const read = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1] ?? 0) * 1024;
    return {now: read('VmRSS'), peak: read('VmHWM')};
  }

  /** The processor time that the daemon has used so far, in seconds. */
  cpuSeconds(): number {
    const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** Resets the peak. */
  resetPeak(): void {
    writeFileSync(`/proc/${this.#child.pid}/clear_refs`, '5');
  }

  stop(): Promise<void> {
    return new Promise(resolve => {
      this.#child.on('close', () => resolve());
      this.#child.kill('SIGTERM');
    });
  }
}

/** Inserts users in transactions of 10,000 rows, generated by the server. */
export async function fillUsers(
  s: mysql.Connection,
  from: number,
  count: number,
  perStatement = 10_000,
): Promise<void> {
  for (let at = from; at < from + count; at += perStatement) {
    const rows = Math.min(perStatement, from + count - at);
    await s.query(
      `INSERT INTO users (id, first_name, last_name, email, password, is_active, created_at, updated_at)
       WITH RECURSIVE n AS (SELECT 0 AS i UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${rows})
       SELECT ${at} + i, CONCAT('First', ${at} + i), 'Last', CONCAT('user', ${at} + i, '@example.test'),
              CONCAT('$2b$10$', LEFT(SHA2(i, 256), 32), LEFT(SHA2(${at} + i, 256), 32)), 1, '2024-01-01 00:00:00', '2024-06-01 12:00:00' FROM n`,
    );
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** How often something was measured, as the report says it. */
export function medianOf(runs: readonly unknown[]): string {
  return runs.length === 1 ? 'One run each.' : `Medians of ${runs.length} runs.`;
}

export function quantiles(values: readonly number[]): {p50: number; p99: number} {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
  return {p50: at(0.5), p99: at(0.99)};
}

export async function scalar(connection: mysql.Connection, sql: string): Promise<string> {
  const [rows] = await connection.query<mysql.RowDataPacket[][]>({sql, rowsAsArray: true});
  return String(rows[0]?.[0]);
}
