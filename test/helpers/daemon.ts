/** The built program as a process, as a user runs it. */
import {type ChildProcess, spawn} from 'node:child_process';
import {join} from 'node:path';
import type {Reachable} from '../servers/databases.ts';
import {productAccount} from '../servers/profile.ts';
import {freePort} from '../servers/ports.ts';
import {eventually} from './eventually.ts';

const CLI = join(import.meta.dirname, '../../dist/src/cli.js');

export type Environment = Readonly<Record<string, string>>;

/** The environment for a source and a target schema on the given servers. */
export function environment(
  source: Reachable & {database: string},
  target: Reachable & {database: string},
  extra: Environment = {},
): Environment {
  const [reader, writer] = [productAccount(source), productAccount(target)];
  return {
    DB_HOST: source.host,
    DB_PORT: String(source.port),
    DB_USERNAME: reader.user,
    DB_PASSWORD: reader.password,
    DB_DATABASE: source.database,
    ORG_DB_HOST: target.host,
    ORG_DB_PORT: String(target.port),
    ORG_DB_USERNAME: writer.user,
    ORG_DB_PASSWORD: writer.password,
    ORG_DB_DATABASE: target.database,
    // No test expects the nightly reconcile, whenever it runs.
    USER_SYNC_CRON: `30 ${(new Date().getUTCHours() + 12) % 24} * * *`,
    LOG_LEVEL: 'debug',
    LOG_FORMAT: 'json',
    ...extra,
  };
}

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command to its end; `cwd` is where its `.env` files are. */
export function cli(args: readonly string[], env: Environment, cwd?: string): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...args], {
      cwd,
      env: {PATH: process.env['PATH'], ...env},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', chunk => (stdout += String(chunk)));
    child.stderr.on('data', chunk => (stderr += String(chunk)));
    child.on('error', reject);
    child.on('close', code => resolve({code, stdout, stderr}));
  });
}

export interface StatusBody {
  readonly isHealthy: boolean;
  readonly replication: {
    readonly state: string;
    readonly lagSeconds: number | null;
    readonly lagBytes: number | null;
    readonly position: Record<string, unknown> | null;
    readonly transactionsApplied: number;
    readonly rowsApplied: number;
    readonly reconnects: number;
  };
  readonly lastRun: {
    readonly state: string;
    readonly runId: string;
    readonly tables: Record<string, Record<string, number>>;
  } | null;
  readonly deadLetters: number;
  readonly reasons: readonly string[];
  readonly [field: string]: unknown;
}

/** A running daemon. Requests carry the token of its environment, if it has one. */
export class DaemonProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  #log = '';
  readonly exited: Promise<number | null>;

  readonly #headers: Environment;

  private constructor(child: ChildProcess, env: Environment) {
    this.#child = child;
    this.url = `http://127.0.0.1:${env['PORT']}`;
    const token = env['SYNC_API_TOKEN'] ?? env['SYNC_READ_TOKEN'];
    this.#headers = token === undefined ? {} : {authorization: `Bearer ${token}`};
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', chunk => (this.#log += String(chunk)));
    this.exited = new Promise(resolve => child.on('close', code => resolve(code)));
  }

  static async start(
    env: Environment,
    {args = [], cwd}: {args?: readonly string[]; cwd?: string} = {},
  ): Promise<DaemonProcess> {
    const complete = {PORT: String(await freePort()), ...env};
    const child = spawn(process.execPath, [CLI, 'start', ...args], {
      cwd,
      env: {PATH: process.env['PATH'], ...complete},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new DaemonProcess(child, complete);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  log(): string {
    return this.#log;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.exited;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  async get(path: string): Promise<unknown> {
    return (await fetch(this.url + path, {headers: {...this.#headers}})).json();
  }

  async post(path: string, body?: unknown): Promise<{status: number; body: Record<string, unknown>}> {
    const response = await fetch(this.url + path, {
      method: 'POST',
      headers: {...this.#headers, ...(body === undefined ? {} : {'content-type': 'application/json'})},
      ...(body === undefined ? {} : {body: JSON.stringify(body)}),
    });
    return {status: response.status, body: (await response.json()) as Record<string, unknown>};
  }

  async status(): Promise<StatusBody> {
    return (await this.get('/sync/status')) as StatusBody;
  }

  /** Waits for a state of replication. */
  async until(state: string, timeoutMs = 30_000): Promise<StatusBody> {
    try {
      return await eventually(
        async () => {
          const status = await this.status();
          return status.replication.state === state ? status : false;
        },
        {timeoutMs, what: `state ${state}`},
      );
    } catch (error) {
      throw new Error(`${String(error)}\n${this.#log.slice(-4000)}`, {cause: error});
    }
  }
}
