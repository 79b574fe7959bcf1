/** haproxy before a cluster, with the configuration that docs/clusters.md prints. */
import {spawn, type ChildProcess} from 'node:child_process';
import {closeSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {connect} from 'node:net';
import {join} from 'node:path';
import mysql from 'mysql2/promise';
import {eventually} from '../helpers/eventually.ts';
import {TEST_PASSWORD, TEST_USER} from './command.ts';
import {query} from './databases.ts';
import {installPackages, mayInstall, which} from './packages.ts';
import {makeWorkDir} from './places.ts';
import {freePort} from './ports.ts';
import type {Endpoint} from './proxy.ts';
import {run} from './run.ts';
import {startWatchdog, type Watchdog} from './watchdog.ts';

/** A frozen server accepts connections and sends no greeting. */
const PROBE_MS = 1000;
const CONFIGURATIONS = join(import.meta.dirname, '../../deploy/haproxy');

/** The configurations of `deploy/haproxy`, by the kind of cluster. */
export type Kind = 'galera' | 'group';

export const hasHaproxy = () => which('haproxy') !== undefined;

const program = () => which('haproxy') ?? 'haproxy';

/**
 * Installs haproxy if it is missing and packages may be installed.
 *
 * @returns why it is not available, or null
 */
export async function provideHaproxy(): Promise<string | null> {
  if (hasHaproxy()) return null;
  if (!mayInstall()) return 'haproxy is not installed (apt-get install haproxy)';
  try {
    await installPackages(['haproxy'], hasHaproxy);
  } catch (error) {
    return `haproxy could not be installed: ${String(error).split('\n').at(-1)}`;
  }
  return hasHaproxy() ? null : 'haproxy is not installed';
}

/** The text of a configuration. */
export function configuration(kind: Kind): string {
  return readFileSync(join(CONFIGURATIONS, `${kind}.cfg`), 'utf8');
}

/** The statements of docs/clusters.md that create the account of haproxy's check. */
export function checkAccount(kind: Kind): string {
  const text = readFileSync(join(CONFIGURATIONS, '../../docs/clusters.md'), 'utf8');
  const found = new RegExp(`^\`\`\`sql haproxy ${kind}\\n(.*?)^\`\`\``, 'ms').exec(text)?.[1];
  if (found === undefined) throw new Error(`docs/clusters.md has no account for ${kind}`);
  return found;
}

/**
 * Puts addresses of this machine into a configuration. Pure.
 *
 * @throws Error if the configuration has no place for one of them
 */
export function withAddresses(text: string, own: Endpoint, servers: readonly Endpoint[]): string {
  const address = ({host, port}: Endpoint) => `${host}:${port}`;
  const replace = (from: RegExp, to: string) => {
    if (!from.test(text)) throw new Error(`the configuration has no ${from.source}`);
    text = text.replace(from, to);
  };
  replace(/^ {2}bind :3306$/m, `  bind ${address(own)}`);
  for (const [i, server] of servers.entries())
    replace(new RegExp(`^( {2}server \\w+) \\w+${i + 1}:3306\\b`, 'm'), `$1 ${address(server)}`);
  return text;
}

/** Checks a configuration with haproxy itself. @throws Error with its messages */
async function validate(path: string): Promise<void> {
  await run([program(), '-c', '-q', '-f', path]);
}

export class Haproxy implements Endpoint, AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #kind: Kind;
  readonly #servers: readonly Endpoint[];
  readonly #workDir = makeWorkDir('');
  readonly #watchdog: Watchdog = startWatchdog(this.#workDir);
  #child: ChildProcess | undefined;

  private constructor(kind: Kind, servers: readonly Endpoint[], port: number) {
    this.#kind = kind;
    this.#servers = servers;
    this.port = port;
  }

  /** Starts it before these servers, in the order of the configuration, and waits until it knows their states. */
  static async start(kind: Kind, servers: readonly Endpoint[]): Promise<Haproxy> {
    const haproxy = new Haproxy(kind, servers, await freePort());
    try {
      await haproxy.restart({keepsSessions: false});
      return haproxy;
    } catch (error) {
      await haproxy[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Starts it again on the same port, which ends all connections.
   *
   * @param keepsSessions the connections to a server that is marked down stay open, against the advice
   */
  async restart({keepsSessions}: {keepsSessions: boolean}): Promise<void> {
    await this.#end();
    const documented = configuration(this.#kind);
    const text = keepsSessions ? documented.replace(' on-marked-down shutdown-sessions', '') : documented;
    if (keepsSessions && text === documented) throw new Error('the configuration keeps sessions already');
    const path = join(this.#workDir, 'haproxy.cfg');
    writeFileSync(
      path,
      `global\n  stats socket ${this.#socket} level admin\n${withAddresses(text, this, this.#servers)}`,
    );
    await validate(path);
    const log = openSync(join(this.#workDir, 'haproxy.log'), 'a');
    const child = spawn(program(), ['-db', '-f', path], {stdio: ['ignore', log, log], detached: true});
    closeSync(log);
    child.unref();
    this.#child = child;
    this.#watchdog.watch(String(child.pid ?? ''));
    child.once('error', () => (this.#child = undefined));
    await eventually(() => this.#hasChecked(), {
      timeoutMs: 20_000,
      what: 'haproxy that has checked its servers',
    });
  }

  /** Resolves with the server that new connections lead to, once it is not one of `left`. */
  async untilElsewhere<T extends Endpoint>(servers: readonly T[], left: readonly T[]): Promise<T> {
    const found = eventually(
      async () => {
        const port = await this.leadsTo();
        return servers.find(server => server.port === port && !left.includes(server)) ?? false;
      },
      {timeoutMs: 30_000, intervalMs: 100, what: 'another server behind haproxy'},
    );
    return found.catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.log().slice(-3000)}`, {cause: error});
    });
  }

  /** Resolves when no server's check succeeds. */
  async untilNowhere(): Promise<void> {
    await eventually(async () => (await this.#statusOfAll()) === 'DOWN', {
      timeoutMs: 30_000,
      what: 'no server behind haproxy',
    });
  }

  /** Resolves when every server's check succeeds, so that haproxy could lead to any of them. */
  async untilEverywhere(): Promise<void> {
    await eventually(
      async () => {
        const servers = serversOf(await this.#states('status'));
        return servers.length > 0 && servers.every(([, state]) => state === 'UP');
      },
      {timeoutMs: 30_000, what: 'every server behind haproxy'},
    );
  }

  /** Asks through haproxy, as a client does, which server answers. @returns its port */
  async leadsTo(): Promise<number> {
    const connection = await mysql.createConnection({
      host: this.host,
      port: this.port,
      user: TEST_USER,
      password: TEST_PASSWORD,
      connectTimeout: PROBE_MS,
    });
    try {
      const [row] = await query(connection, 'SELECT @@port AS port');
      return Number(row?.['port']);
    } finally {
      connection.destroy();
    }
  }

  /** Each server is up when haproxy starts, until its first check has ended. */
  async #hasChecked(): Promise<boolean> {
    const servers = serversOf(await this.#states('check_status'));
    return servers.length > 0 && servers.every(([, state]) => !['', 'INI'].includes(state));
  }

  async #statusOfAll(): Promise<string> {
    return (await this.#states('status')).find(([name]) => name === 'BACKEND')?.[1] ?? '';
  }

  /** One column of its statistics: by server, and for FRONTEND and BACKEND, which sum them up. */
  async #states(column: string): Promise<[name: string, state: string][]> {
    const [header = [], ...lines] = (await this.#ask('show stat')).split('\n').map(line => line.split(','));
    const at = header.indexOf(column);
    return lines.filter(([proxy]) => proxy === this.#kind).map(line => [line[1] ?? '', line[at] ?? '']);
  }

  get #socket(): string {
    return join(this.#workDir, 'haproxy.sock');
  }

  /** Its log: the states of its servers, and why they changed. */
  log(): string {
    return readFileSync(join(this.#workDir, 'haproxy.log'), 'utf8');
  }

  /** A command on its socket; nothing while it does not listen. */
  #ask(command: string): Promise<string> {
    return new Promise(resolve => {
      let answer = '';
      const socket = connect(this.#socket, () => socket.write(`${command}\n`));
      socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
      socket.on('error', () => resolve('')).on('end', () => resolve(answer));
    });
  }

  async #end(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    child.ref();
    const ended = new Promise(resolve => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    this.#watchdog.watch('');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    rmSync(this.#workDir, {recursive: true, force: true});
    this.#watchdog.release();
  }
}

/** Those of the states that are a server's. */
function serversOf(
  states: readonly [name: string, state: string][],
): readonly [name: string, state: string][] {
  return states.filter(([name]) => !['FRONTEND', 'BACKEND'].includes(name));
}
