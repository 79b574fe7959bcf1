/** The commands. Standard output carries results, standard error logs; exit codes are the contract's. */
import {existsSync, readFileSync} from 'node:fs';
import {parseEnv} from 'node:util';
import {Command, Option} from 'commander';
import {isCronExpression} from '../../reconciler/schedule.ts';
import type * as MappingCommands from './mapping.ts';
import {loadConfig, type Config} from '../config.ts';
import {SyncError} from '../errors.ts';
import {leaveSoon} from '../lifecycle/leave.ts';
import {stopOnSignals} from '../lifecycle/signals.ts';
import {createLogger, describeError, type Logger} from '../logger.ts';
import {packageVersion} from '../version.ts';

// Each command imports what it needs when it is called: `status` has no use for the server's libraries.

/** What every command gets. */
export interface CommandContext {
  readonly config: Config;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const EXIT_FAULT = 1;
const EXIT_CONFIG = 78;
const EXIT_HELD = 75;

const program = new Command('laas-sync')
  .description('Replicates the LAAS database to the organizations database.')
  .addOption(new Option('--env <name>', 'read settings from .env.<name>; by default from .env, if it exists'))
  .version(packageVersion())
  .showHelpAfterError()
  .configureHelp({showGlobalOptions: true});

program
  .command('start')
  .description('run the daemon: replicate, reconcile nightly, serve status')
  .action(() =>
    run(async ({config, logger, signal}) => {
      const {startDaemon} = await import('../main.ts');
      await startDaemon(config, logger, signal);
      return 0;
    }),
  );

program
  .command('migrate')
  .description("create or update laas-sync's own tables, and create missing target tables")
  .option('--down', "drop laas-sync's own tables")
  .action((options: {down?: boolean}) =>
    run(async context => (await import('./migrate.ts')).migrateCommand(context, options.down === true)),
  );

program
  .command('sync')
  .description('run one reconcile: exit 75 while a daemon leads')
  .addOption(
    new Option('--mode <mode>', 'diff compares and repairs; full writes every row')
      .choices(['diff', 'full'])
      .default('diff'),
  )
  .option('--allow-deletes', 'delete even more rows than SYNC_MAX_DELETE_RATIO allows')
  .option('--json', 'print the run as JSON')
  .action((options: {mode: 'diff' | 'full'; allowDeletes?: boolean; json?: boolean}) =>
    run(async context => (await import('./sync.ts')).syncCommand(context, options)),
  );

program
  .command('verify')
  .description('compare every row, and write nothing: exit 0 equal, 1 drift, 2 unknown')
  .option('--json', 'print the verdict as JSON')
  .action((options: {json?: boolean}) =>
    run(async context => (await import('./verify.ts')).verifyCommand(context, options.json === true), 2),
  );

program
  .command('plan')
  .description(
    'show what a start with this mapping would change, and write nothing: exit 0 nothing to do, 1 changes, 2 unknown',
  )
  .option('--json', 'print it as JSON')
  .action((options: {json?: boolean}) =>
    run(async context => (await import('./plan.ts')).planCommand(context, options.json === true), 2),
  );

program
  .command('status')
  .description('show the state of the stream')
  .option('--json', 'print it as JSON')
  .action((options: {json?: boolean}) =>
    run(async context => (await import('./status.ts')).statusCommand(context, options.json === true)),
  );

program
  .command('doctor')
  .description(
    'check every precondition of both servers, and change nothing: exit 1 if something must be fixed',
  )
  .option('--json', 'print the findings as JSON')
  .action((options: {json?: boolean}) =>
    run(async context => (await import('./doctor.ts')).doctorCommand(context, options.json === true)),
  );

program
  .command('dead-letters')
  .description('list or retry the rows that cannot be written')
  .argument('[action]', 'list or retry', 'list')
  .option('--json', 'print them as JSON')
  .action((action: string, options: {json?: boolean}) =>
    run(async context =>
      (await import('./dead-letters.ts')).deadLettersCommand(context, action, options.json === true),
    ),
  );

const mapping = program.command('mapping').description('inspect a mapping file, without a database');
mapping
  .command('check')
  .description('check a file: exit 0 if it is valid, else 78 with every fault and its line')
  .argument('[file]', 'a YAML or JSON file; by default the one that SYNC_MAPPING names')
  .action((file?: string) =>
    withoutDatabase(({mappingCheck, mappingPath}) => mappingCheck(file ?? mappingPath(environment()))),
  );
mapping
  .command('show')
  .description('print the mapping in use as YAML, with every default written out')
  .action(() => withoutDatabase(({mappingShow, mappingPath}) => mappingShow(mappingPath(environment()))));
mapping
  .command('schema')
  .description('print the JSON Schema of the format, for editors')
  .action(() => withoutDatabase(({mappingSchema}) => mappingSchema()));

/** Runs a command that needs no configuration. */
async function withoutDatabase(command: (commands: typeof MappingCommands) => void): Promise<void> {
  try {
    command(await import('./mapping.ts'));
  } catch (error) {
    process.exitCode = exitCodeOf(error, EXIT_FAULT);
    process.stderr.write(`laas-sync: ${describe(error)}\n`);
  }
}

/** Loads the configuration, runs a command, and turns its result into an exit code. */
async function run(
  command: (context: CommandContext) => Promise<number>,
  faultCode = EXIT_FAULT,
): Promise<void> {
  let logger: Logger | null = null;
  try {
    const config = loadConfig(environment(), {
      terminal: process.stderr.isTTY === true,
      isCron: isCronExpression,
    });
    logger = createLogger(config);
    process.exitCode = await command({config, logger, signal: stopOnSignals(logger)});
  } catch (error) {
    process.exitCode = exitCodeOf(error, faultCode);
    if (logger === null || !(error instanceof SyncError))
      process.stderr.write(`laas-sync: ${describe(error)}\n`);
    else {
      logger.debug({event: 'failed', err: describeError(error)}, 'the command failed');
      process.stderr.write(`laas-sync: ${error.code}: ${error.message}\n`);
    }
  }
  leaveSoon(logger);
}

function exitCodeOf(error: unknown, faultCode: number): number {
  if (!(error instanceof SyncError)) return faultCode;
  if (error.code === 'config-invalid') return EXIT_CONFIG;
  return error.code === 'lease-held' ? EXIT_HELD : faultCode;
}

function describe(error: unknown): string {
  if (error instanceof SyncError) return error.message;
  const {code, at} = describeError(error);
  return `an unexpected fault (${String(code)})${at === undefined ? '' : ` ${String(at)}`}`;
}

/** The process's environment over the file's: what is set by hand wins. */
function environment(): Record<string, string | undefined> {
  const {env: name} = program.opts<{env?: string}>();
  const file = name === undefined ? '.env' : `.env.${name}`;
  if (!existsSync(file)) {
    if (name !== undefined) throw new SyncError('config-invalid', `there is no file ${file}`);
    return process.env;
  }
  return {...parseEnv(readFileSync(file, 'utf8')), ...process.env};
}

await program.parseAsync();
