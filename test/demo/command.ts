/** Runs the built `laas-sync` as its users do: by process, environment and HTTP. */
import {type ChildProcess, spawn} from 'node:child_process';
import {closeSync, openSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {type RunResult, tryRun} from '../servers/run.ts';
import {startWatchdog, type Watchdog} from '../servers/watchdog.ts';

const STOP_MS = 35_000; // the daemon allows itself 30 s

/** From dist/test/demo, where this runs; its own file is beside the daemon's. */
const CLI = join(dirname(fileURLToPath(import.meta.url)), '../../src/cli.js');
/**
 * No other variable of our environment is passed on: a user's own DB_HOST or webhook must not affect the demo.
 */
const PASSED_ON = ['PATH', 'HOME', 'LANG', 'TZ', 'TERM', 'NO_COLOR', 'FORCE_COLOR', 'NODE_OPTIONS', 'TMPDIR'];

export type Settings = Readonly<Record<string, string>>;

/** Runs one command to its end. `workDir` is an empty directory: no .env file is found there. */
export function runCommand(args: readonly string[], settings: Settings, workDir: string): Promise<RunResult> {
  const command = [process.execPath, CLI, ...args];
  return tryRun(command, {cwd: workDir, env: environment(settings), cleanEnv: true});
}

/** The daemon as a process, which ends when we do. */
export class Daemon {
  readonly #child: ChildProcess;
  readonly #logPath: string;
  readonly #watchdog: Watchdog;
  /** Resolves with the result of the process. */
  readonly ended: Promise<string>;
  #running = true;

  /** Its log is written to the terminal if `verbose`, otherwise to a file in `workDir`. */
  constructor(settings: Settings, workDir: string, verbose: boolean) {
    this.#logPath = join(workDir, 'daemon.log');
    const log = openSync(this.#logPath, 'a');
    this.#child = spawn(process.execPath, [CLI, 'start'], {
      cwd: workDir,
      env: environment(settings),
      stdio: verbose ? ['ignore', 'inherit', 'inherit'] : ['ignore', log, log],
      detached: true, // ^C reaches only this process, which stops the daemon in order
    });
    closeSync(log);
    this.#watchdog = startWatchdog(workDir);
    this.#watchdog.watch(String(this.#child.pid ?? ''));
    this.ended = new Promise(resolve => {
      this.#child.once('error', error => resolve(error.message));
      this.#child.once('exit', (code, signal) => resolve(`exit ${String(code ?? signal)}`));
    });
    void this.ended.then(() => {
      this.#running = false;
      this.#watchdog.watch('');
    });
  }

  get running(): boolean {
    return this.#running;
  }

  log(): string {
    return readFileSync(this.#logPath, 'utf8');
  }

  /** SIGTERM, the wait, and SIGKILL if it takes too long; resolves with how it ended. */
  async stop(): Promise<string> {
    if (this.#running) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    const how = await this.ended;
    clearTimeout(timer);
    this.#watchdog.release();
    return how;
  }
}

function environment(settings: Settings): Record<string, string> {
  const passed = PASSED_ON.flatMap(name => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {...Object.fromEntries(passed), ...settings};
}
