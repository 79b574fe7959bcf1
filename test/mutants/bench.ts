/** A copy of the checkout in which mutants are made and tested, so that the work tree is never touched. */
import {spawn} from 'node:child_process';
import {cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, relative} from 'node:path';
import {mutate, type Edit} from './edit.ts';
import type {Mutant} from './mutant.ts';

/** `broken`: the mutant could not be built, or no test ran. A test that ran out of time proves nothing either. */
export type Fate = 'killed' | 'survived' | 'timed out' | 'broken';

export interface Verdict {
  readonly fate: Fate;
  /** The first line of the failure. */
  readonly why: string;
}

const NOT_COPIED = new Set(['node_modules', '.git', 'dist', 'release', 'coverage']);
const BUILD_MS = 2 * 60_000;
const TEST_MS = 10 * 60_000;

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

export class Bench implements Disposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'laas-sync-mutants-'));
  readonly #signal: AbortSignal;

  constructor(root: string, signal: AbortSignal) {
    this.#signal = signal;
    cpSync(root, this.#dir, {recursive: true, filter: path => !NOT_COPIED.has(relative(root, path))});
    symlinkSync(join(root, 'node_modules'), join(this.#dir, 'node_modules'));
  }

  /** Makes the mutant, or leaves it out for a control, and runs its test. */
  async try(mutant: Mutant, edits: readonly Edit[] = mutant.edits): Promise<Verdict> {
    const originals = new Map<string, string>();
    try {
      for (const edit of edits) {
        const path = join(this.#dir, edit[0]);
        const text = readFileSync(path, 'utf8');
        if (!originals.has(path)) originals.set(path, text);
        writeFileSync(path, mutate(text, edit));
      }
      // Daemons run the built program. Types are not checked, because they may not fit without a protection.
      const build = [join(this.#dir, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json', '--noCheck'];
      for (const args of [build, ['test/build/copy-assets.mjs']]) {
        const {code, output} = await this.#node(args, BUILD_MS);
        if (code !== 0) return {fate: 'broken', why: `the build failed: ${firstLine(output)}`};
      }
      return await this.#test(mutant);
    } finally {
      for (const [path, text] of originals) writeFileSync(path, text);
    }
  }

  async #test({test: [file, name], within, flavour = 'mariadb'}: Mutant): Promise<Verdict> {
    const report = join(this.#dir, 'report.json');
    rmSync(report, {force: true});
    const project = file.split('/')[1] ?? '';
    const pattern = [within, name]
      .filter(words => words !== undefined)
      .map(escaped)
      .join('.*');
    const {output} = await this.#node(
      [
        'node_modules/vitest/vitest.mjs',
        'run',
        `--project=${project}`,
        file,
        `--testNamePattern=${pattern}`,
        '--reporter=json',
        `--outputFile=${report}`,
      ],
      TEST_MS,
      {TEST_FLAVOURS: flavour},
    );
    if (!existsSync(report)) return {fate: 'broken', why: `no report: ${firstLine(output)}`};
    return judge(JSON.parse(readFileSync(report, 'utf8')) as Report);
  }

  #node(
    args: readonly string[],
    timeout: number,
    env: Readonly<Record<string, string>> = {},
  ): Promise<{code: number | null; output: string}> {
    return new Promise(resolve => {
      const child = spawn(process.execPath, args, {
        cwd: this.#dir,
        env: {...process.env, ...env},
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout,
        signal: this.#signal,
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', chunk => (output += String(chunk)));
      child.on('error', error => (output += String(error)));
      child.on('close', code => resolve({code, output}));
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, {recursive: true, force: true});
  }
}

/** vitest's report of a test that ran out of time. */
const TIMED_OUT = /^Error: (?:STACK_TRACE_ERROR|(?:Test|Hook) timed out)/;

export function judge({testResults}: Report): Verdict {
  const ran = testResults
    .flatMap(({assertionResults}) => assertionResults)
    .filter(({status}) => status === 'passed' || status === 'failed');
  if (ran.length === 0)
    return {
      fate: 'broken',
      why: `no test was run: ${firstLine(testResults.map(({message}) => message).join('\n'))}`,
    };
  const failures = ran
    .filter(({status}) => status === 'failed')
    .flatMap(({failureMessages}) => failureMessages);
  const honest = failures.find(message => !TIMED_OUT.test(message));
  if (honest !== undefined) return {fate: 'killed', why: firstLine(honest)};
  return failures.length > 0
    ? {fate: 'timed out', why: firstLine(failures[0] ?? '')}
    : {fate: 'survived', why: ''};
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0]?.slice(0, 160) ?? '';
}

function escaped(words: string | undefined): string {
  return (words ?? '').replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
