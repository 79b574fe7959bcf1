/**
 * `npm run soak`: the tests of faults that leave things to chance, with far more of it: 100 kills, 60
 * reconciles beside six writers, 100 cut connections for each flavour. KILLS, ROUNDS, CUTS and SEED in the
 * environment say otherwise; arguments go to vitest.
 */
import {spawn} from 'node:child_process';
import {join} from 'node:path';

const root = join(import.meta.dirname, '../../..');
const LIMITS = {KILLS: '100', ROUNDS: '60', CUTS: '100'};
const FILES = ['kill', 'watermarks', 'connections'].map(name => `test/fault/${name}.test.ts`);
const TEST_TIMEOUT_MS = 30 * 60_000;

const child = spawn(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--project=fault',
    '--reporter=verbose',
    ...FILES,
    ...process.argv.slice(2),
  ],
  {cwd: root, stdio: 'inherit', env: {...LIMITS, FAULT_TIMEOUT_MS: String(TEST_TIMEOUT_MS), ...process.env}},
);
child.on('close', code => {
  process.exitCode = code ?? 1;
});
