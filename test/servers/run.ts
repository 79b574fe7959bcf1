/** Runs a command to its end. */
import {spawn} from 'node:child_process';

export interface RunResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly cwd?: string;
  /** Added to our environment, or replacing it. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cleanEnv?: boolean;
  readonly timeoutMs?: number;
}

/** Resolves whatever the exit code; a command that cannot be started has the code null. */
export function tryRun(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [file = '', ...args] = command;
  return new Promise(resolve => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.cleanEnv === true ? {...options.env} : {...process.env, ...options.env},
      stdio: 'pipe',
      timeout: options.timeoutMs ?? 120_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', error => resolve({code: null, stdout, stderr: error.message}));
    child.on('close', code => resolve({code, stdout, stderr}));
    child.stdin.on('error', () => undefined); // A command that does not read its input reports that by its exit code.
    child.stdin.end(options.input ?? '');
  });
}

/** Rejects, with the end of what the command printed, unless it exits with 0. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await tryRun(command, options);
  if (result.code === 0) return result.stdout;
  const output = `${result.stdout}\n${result.stderr}`.trim().split('\n').slice(-20).join('\n');
  throw new Error(`'${command.join(' ')}' ended with ${String(result.code)}:\n${output}`);
}
