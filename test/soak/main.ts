/**
 * `npm run soak`: the random tests with many more rounds. Its options reach the tests as environment variables,
 * as in `npm test`.
 */
import {spawn} from 'node:child_process';
import {join} from 'node:path';
import {Command} from 'commander';

const root = join(import.meta.dirname, '../../..');
const FILES = ['kill', 'watermarks', 'connections', 'short-reads'].map(name => `test/fault/${name}.test.ts`);
const CLUSTERS = [
  'group-target',
  'group-source',
  'haproxy-group',
  'galera-target',
  'galera-source',
  'galera-faults',
  'haproxy-galera',
].map(name => `test/fault/${name}.test.ts`);
const MAPPINGS = ['random-mappings', 'operators'].map(name => `test/property/${name}.test.ts`);
const TEST_TIMEOUT_MS = 60 * 60_000;

const command = new Command('soak')
  .description(
    'kills, cut connections, reconciles beside writers, random mappings and faults of clusters, on MariaDB and MySQL',
  )
  .option(
    '--kills <number>',
    'how often the daemon is killed, for each flavour; 0 for this, --rounds and --cuts runs the mappings and the clusters alone',
    '100',
  )
  .option('--rounds <number>', 'reconciles beside six writers, for each flavour and schema', '60')
  .option('--cuts <number>', 'connections that are cut at a random byte, for each flavour', '100')
  .option('--mappings <number>', 'random mappings, for each flavour, with a seed of their own', '40')
  .option('--clusters <number>', 'how often the faults of clusters are run, each time with another seed', '5')
  .option('--seed <number>', 'repeats a run: the number that its names show')
  .option('--flavours <names>', 'any of mariadb, mariadb-11 and mysql', 'mariadb,mysql')
  .argument('[vitest...]', 'further arguments for vitest, after --')
  .action(
    async (
      vitest: readonly string[],
      options: {
        kills: string;
        rounds: string;
        cuts: string;
        mappings: string;
        clusters: string;
        seed?: string;
        flavours: string;
      },
    ) => {
      const env = {
        ...process.env,
        KILLS: options.kills,
        ROUNDS: options.rounds,
        CUTS: options.cuts,
        TEST_FLAVOURS: options.flavours,
        FAULT_TIMEOUT_MS: String(TEST_TIMEOUT_MS),
        ...(options.seed === undefined ? {} : {SEED: options.seed}),
      };
      const program = join(root, 'node_modules/vitest/vitest.mjs');
      const run = (
        files: readonly string[],
        more: Readonly<Record<string, string>> = {},
        project = 'fault',
      ) => {
        const args = [program, 'run', `--project=${project}`, '--reporter=verbose', ...files, ...vitest];
        const child = spawn(process.execPath, args, {cwd: root, stdio: 'inherit', env: {...env, ...more}});
        return new Promise<number>(resolve => child.on('close', code => resolve(code ?? 1)));
      };
      const {kills, rounds, cuts} = options;
      let failed = [kills, rounds, cuts].every(count => Number(count) === 0) ? 0 : await run(FILES);
      if (Number(options.mappings) > 0) {
        // Without a seed, these tests draw the same each time.
        const SEED = options.seed ?? String(Math.floor(Math.random() * 1e9));
        failed = Math.max(failed, await run(MAPPINGS, {SEED, RUNS: options.mappings}, 'property'));
      }
      for (let i = 0; i < Number(options.clusters); i++) {
        const seed = options.seed === undefined ? {} : {SEED: String(Number(options.seed) + i)};
        failed = Math.max(failed, await run(CLUSTERS, seed));
      }
      process.exitCode = failed;
    },
  );
await command.parseAsync();
