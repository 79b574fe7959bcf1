/** A temporary database server: a process and a data directory that end with the test. */
import {type ChildProcess, spawn} from 'node:child_process';
import {randomInt} from 'node:crypto';
import {closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {basename, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import mysql from 'mysql2/promise';
import {commandLine, serverOptions, TEST_PASSWORD, TEST_USER, zoneEnvironment} from './command.ts';
import {untilFrozen} from './frozen.ts';
import {makeWorkDir} from './places.ts';
import {freePort} from './ports.ts';
import {startSql} from './profile.ts';
import {type Edition, type Flavour, provision, type ServerBinary} from './provision.ts';
import {tryRun} from './run.ts';
import {copyTemplate, insideRoot, rootOf} from './template.ts';
import {startWatchdog, type Watchdog} from './watchdog.ts';

const READY_MS = 60_000;
const STOP_MS = 60_000;
const PORT_ATTEMPTS = 5;

/** The address of a server: plain data that can be passed to another process. */
export interface ServerAddress {
  readonly edition: Edition;
  readonly flavour: Flavour;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The server's own version text, for instance '9.7.4-2' or '10.11.19-MariaDB-0+deb12u1-log'. */
  readonly version: string;
}

export interface StartOptions {
  readonly edition: Edition;
  /** A free one by default. */
  readonly port?: number;
  /** Options for the server's command line; they override ours. */
  readonly options?: readonly string[];
  /** An existing data directory to run on; it is not removed. By default a new one. */
  readonly dataDir?: string;
  /** An offset like '+05:30' (the server's default time zone), or a name like 'Europe/Berlin' (its system's). */
  readonly timezone?: string;
  /** Every commit reaches the disk. By default commits survive the server's death only, and are faster. */
  readonly durable?: boolean;
}

/** Starts a server and waits until it can be used, or rejects with the end of its log. */
export async function startServer(options: StartOptions): Promise<TestServer> {
  const binary = await provision(options.edition);
  const server = new TestServer(binary, options);
  try {
    await server.prepare();
    await server.start();
  } catch (error) {
    await server.dispose();
    throw error;
  }
  return server;
}

export class TestServer implements ServerAddress, AsyncDisposable {
  readonly edition: Edition;
  readonly flavour: Flavour;
  readonly host = '127.0.0.1';
  readonly user = TEST_USER;
  readonly password = TEST_PASSWORD;
  readonly dataDir: string;
  readonly socketPath: string;
  readonly #binary: ServerBinary;
  readonly #workDir: string;
  readonly #logPath: string;
  readonly #startSqlPath: string;
  readonly #options: StartOptions;
  readonly #serverId = randomInt(1000, 2 ** 31);
  readonly #watchdog: Watchdog;
  #extra: readonly string[];
  #port: number;
  #version = '';
  #child: ChildProcess | undefined;

  /** Use {@link startServer}. */
  constructor(binary: ServerBinary, options: StartOptions) {
    this.#binary = binary;
    this.#options = options;
    this.edition = binary.edition;
    this.flavour = binary.flavour;
    this.#workDir = makeWorkDir(rootOf(binary));
    this.#watchdog = startWatchdog(this.#workDir);
    this.dataDir = options.dataDir ?? join(this.#workDir, 'data');
    this.socketPath = join(this.#workDir, 'server.sock');
    this.#logPath = join(this.#workDir, 'server.log');
    this.#startSqlPath = join(this.#workDir, 'start.sql');
    this.#extra = options.options ?? [];
    this.#port = options.port ?? 0;
  }

  get port(): number {
    return this.#port;
  }

  get version(): string {
    return this.#version;
  }

  /** Undefined while it is down. Under Docker it is that of the client. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get address(): ServerAddress {
    const {edition, flavour, host, port, user, password, version} = this;
    return {edition, flavour, host, port, user, password, version};
  }

  /** The server's log since it was created, across all restarts. */
  log(): string {
    return existsSync(this.#logPath) ? readFileSync(this.#logPath, 'utf8') : '';
  }

  async prepare(): Promise<void> {
    if (!existsSync(this.dataDir)) await copyTemplate(this.#binary, this.dataDir);
    writeFileSync(this.#startSqlPath, startSql(this.flavour));
  }

  /** Starts a server that is down, on its port and its data. */
  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error('the server runs already');
    const fixed = this.#port !== 0;
    for (let attempt = 1; ; attempt++) {
      if (!fixed) this.#port = await freePort();
      const child = this.#spawn();
      try {
        return await this.#untilReady(child);
      } catch (error) {
        await this.kill();
        // Another process may have taken the port meanwhile.
        if (fixed || attempt === PORT_ATTEMPTS || !/address already in use/i.test(this.log())) throw error;
      }
    }
  }

  /** Sends SIGTERM, and waits for the end. */
  async stop(): Promise<void> {
    await this.thaw(); // A frozen server would not receive it.
    await this.#end('SIGTERM');
  }

  /** Sends SIGKILL, and waits for the end. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Stops it, if it runs, and starts it on the same port and data; `options` replace those of before. */
  async restart(options?: readonly string[]): Promise<void> {
    await this.stop();
    if (options !== undefined) this.#extra = options;
    await this.start();
  }

  /** SIGSTOP: its connections stay open, and get no answer. */
  async freeze(): Promise<void> {
    await this.#signal('SIGSTOP');
    if (this.pid !== undefined && this.#binary.kind === 'local') await untilFrozen(this.pid);
  }

  thaw(): Promise<void> {
    return this.#signal('SIGCONT');
  }

  /** Kills it and removes its files. */
  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.#workDir, {recursive: true, force: true});
    this.#watchdog.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #spawn(): ChildProcess {
    const {durable = false, timezone} = this.#options;
    const args = serverOptions(this.#binary, {
      port: this.#port,
      serverId: this.#serverId,
      dataDir: insideRoot(this.#binary, this.dataDir),
      tmpDir: insideRoot(this.#binary, this.#workDir),
      socket: insideRoot(this.#binary, this.socketPath),
      durable,
      timezone,
      options: [`--init-file=${insideRoot(this.#binary, this.#startSqlPath)}`, ...this.#extra],
    });
    const environment = zoneEnvironment(timezone);
    const place = {workDir: this.#workDir, containerName: this.#containerName, port: this.#port, environment};
    const [file = '', ...rest] = commandLine(this.#binary, args, place);
    const log = openSync(this.#logPath, 'a');
    const env = {...process.env, ...environment};
    // In a session of its own, so that ^C on the terminal reaches only the test, which then stops the server.
    const child = spawn(file, rest, {stdio: ['ignore', log, log], detached: true, env});
    closeSync(log);
    this.#child = child;
    child.once('error', () => this.#forget(child));
    child.once('exit', () => this.#forget(child));
    child.unref();
    if (child.pid !== undefined) {
      writeFileSync(join(this.#workDir, 'pid'), String(child.pid));
      this.#watchdog.watch(
        this.#binary.kind === 'docker' ? `docker:${this.#containerName}` : String(child.pid),
      );
    }
    return child;
  }

  #forget(child: ChildProcess): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#watchdog.watch('');
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + READY_MS;
    let last: unknown;
    while (this.#child === child && Date.now() < deadline) {
      try {
        this.#version = await this.#probe();
        return;
      } catch (error) {
        last = error;
        await sleep(25);
      }
    }
    const why = this.#child === child ? `could not be used: ${String(last)}` : 'ended';
    throw new Error(`the ${this.edition} server ${why}. Its log ends with:\n${this.log().slice(-3000)}`);
  }

  /** The version, if this server answers on the port, and not an earlier one. */
  async #probe(): Promise<string> {
    const {host, port, user, password} = this;
    const connection = await mysql.createConnection({host, port, user, password, connectTimeout: 5000});
    try {
      const [rows] = await connection.query<mysql.RowDataPacket[]>(
        'SELECT @@version AS version, @@server_id AS id',
      );
      const row = rows[0];
      if (row === undefined || Number(row['id']) !== this.#expectedId()) {
        throw new Error('address already in use by another server');
      }
      return String(row['version']);
    } finally {
      connection.destroy();
    }
  }

  /** An option may give it another id than ours. */
  #expectedId(): number {
    const given = this.#extra.findLast(option => option.startsWith('--server-id='));
    return given === undefined ? this.#serverId : Number(given.slice('--server-id='.length));
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.ref();
    const ended = new Promise<void>(resolve => child.once('exit', () => resolve()));
    await this.#signal(signal);
    const timer = setTimeout(() => void this.#signal('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  }

  async #signal(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    if (this.#binary.kind === 'docker')
      await tryRun(['docker', 'kill', `--signal=${signal}`, this.#containerName]);
    else child.kill(signal);
  }

  get #containerName(): string {
    return basename(this.#workDir);
  }
}
