/**
 * The entry of `npm test`, `npm run demo`, `bench`, `soak` and `mutate`: prepares a fresh checkout, then runs the
 * command.
 *
 * This file needs only Node, because it installs the rest.
 */
import {spawn} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, rmSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const MINIMUM = [20, 19];
const PROGRAMS = {
  demo: 'dist/test/demo/main.js',
  bench: 'dist/bench/main.js',
  soak: 'dist/test/soak/main.js',
  mutate: 'dist/test/mutants/main.js',
};
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

async function main([task = '', ...args]) {
  if (task !== 'test' && !(task in PROGRAMS)) {
    console.error('usage: node test/build/bootstrap.mjs test|demo|bench|soak|mutate [arguments]');
    return 64;
  }
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1])) {
    console.error(`Node.js ${MINIMUM.join('.')} or later is needed; this is ${process.versions.node}.`);
    return 1;
  }
  if (!isInstalled()) {
    console.log('installing the npm packages (npm ci)');
    const code = await run('npm', ['ci', '--no-audit', '--no-fund']);
    if (code !== 0) return code;
  }
  const built = await run('npm', ['run', '--silent', 'build']);
  if (built !== 0) {
    console.error('the build failed');
    return built;
  }
  if (task === 'test') return await test(args);
  const program = PROGRAMS[task];
  if (!existsSync(join(root, program))) {
    console.error(`${program} is missing: this checkout has no ${task}`);
    return 1;
  }
  return await run(process.execPath, ['--enable-source-maps', program, ...args]);
}

/** npm writes its own lock file in node_modules last: if it is older than ours, the packages are out of date. */
function isInstalled() {
  const mark = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(mark)) return false;
  return statSync(mark).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}

/**
 * The tests that depend most on a session's defaults; `TEST_PROFILE=hostile npm test -- --project db` runs all of
 * them.
 */
const HOSTILE = ['sessions', 'counted', 'fence', 'upsert-assertion', 'surrogate-keys'].map(
  name => `test/db/${name}.test.ts`,
);

/**
 * Runs all tests and then, unless arguments select some, those of sessions, reads and writes once more on
 * servers whose defaults are hostile (test/servers/profile.ts). The last line has the sum.
 */
async function test(args) {
  const isWhole = args.length === 0 && process.env.TEST_PROFILE === undefined;
  const runs = [
    {args, environment: {}},
    ...(isWhole ? [{args: ['--project', 'db', ...HOSTILE], environment: {TEST_PROFILE: 'hostile'}}] : []),
  ];
  const dir = mkdtempSync(join(tmpdir(), 'laas-sync-counts-'));
  const counts = join(dir, 'counts.json');
  const total = {passed: 0, failed: 0};
  let worst = 0;
  try {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const reporters = ['--reporter=default', '--reporter=./test/build/count-reporter.mjs'];
    const leftOut = new Set();
    for (const one of runs) {
      if (worst > 1) break;
      rmSync(counts, {force: true});
      if (one.environment.TEST_PROFILE !== undefined) console.log('some db tests on a hostile server');
      const code = await run(process.execPath, [vitest, 'run', ...reporters, ...one.args], {
        LAAS_SYNC_COUNTS: counts,
        ...one.environment,
      });
      worst = Math.max(worst, code);
      if (!existsSync(counts)) continue;
      const summary = JSON.parse(readFileSync(counts, 'utf8'));
      total.passed += summary.passed;
      total.failed += summary.failed;
      for (const line of summary.leftOut) leftOut.add(line);
    }
    if (leftOut.size > 0) console.log(['Left out:', ...Array.from(leftOut, line => `- ${line}`)].join('\n'));
    console.log(`${total.passed} passed, ${total.failed} failed`);
    return worst;
  } finally {
    rmSync(dir, {recursive: true, force: true});
  }
}

/**
 * Runs a command in the checkout and returns its exit code. A signal is passed on, because it may have been
 * sent to this process only; the command then cleans up and ends. From a terminal it gets ^C twice.
 */
function run(command, args, environment = {}) {
  const child = spawn(command, args, {cwd: root, stdio: 'inherit', env: {...process.env, ...environment}});
  const passOn = signal => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, passOn);
  // A signal to npm alone ends the shell between npm and us without notice: we then have a new parent.
  const parent = process.ppid;
  const orphaned = () => {
    if (process.env.npm_lifecycle_event !== undefined && process.ppid !== parent) child.kill('SIGTERM');
  };
  const watch = setInterval(orphaned, 500);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  }).finally(() => {
    clearInterval(watch);
    for (const signal of signals) process.off(signal, passOn);
  });
}

process.exitCode = await main(process.argv.slice(2));
