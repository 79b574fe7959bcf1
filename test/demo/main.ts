/** `npm run demo`: laas-sync at work between two throwaway servers; it leaves nothing behind. */
import {rmSync} from 'node:fs';
import {parseArgs} from 'node:util';
import {setInterval as ticks, setTimeout as sleep} from 'node:timers/promises';
import {eventually} from '../helpers/eventually.ts';
import {connect, withConnection} from '../servers/databases.ts';
import {makeWorkDir} from '../servers/places.ts';
import {EDITION_NAMES, type Edition} from '../servers/provision.ts';
import {freePort} from '../servers/ports.ts';
import {startServer, type TestServer} from '../servers/server.ts';
import {Daemon, runCommand, type Settings} from './command.ts';
import {describeProgress} from './progress.ts';
import {runOperator} from './operator.ts';
import {seededRandom} from './random.ts';
import {fillSource} from './sample-data.ts';
import {runWorkload} from './workload.ts';

const HELP = `usage: npm run demo [-- options]
  --seconds N      stop by itself after N seconds, and verify that both sides are equal
  --flavour NAME   ${EDITION_NAMES.join(', ')}, for source and target (mariadb)
  --users N        how many users to begin with (500)
  --port N         of the dashboard (a free one)
  --verbose        show the daemon's log
`;
const LINE_EVERY_MS = 3000;
const READY_MS = 60_000;
const EQUAL_MS = 30_000;
/** ^C arrives more than once, from the terminal and from npm: only a later one means impatience. */
const IMPATIENCE_MS = 2000;
const PASSWORD = 'demo';

interface Options {
  readonly seconds: number | undefined;
  readonly edition: Edition;
  readonly users: number;
  readonly port: number | undefined;
  readonly verbose: boolean;
}

type Release = () => Promise<unknown> | void;

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === 'number') return options;
  const stop = stopOnSignal();
  const releases: Release[] = [];
  try {
    return await show(options, stop.signal, releases);
  } catch (error) {
    if (stop.signal.aborted) return 0;
    say(error instanceof Error ? error.message : String(error));
    return 1;
  } finally {
    stop.abort();
    for (const release of releases.reverse()) await release();
    say('stopped; nothing is left behind');
  }
}

async function show(options: Options, signal: AbortSignal, releases: Release[]): Promise<number> {
  const {edition} = options;
  say(`starting two throwaway ${edition} servers, one to play LAAS and one for the Organization Service`);
  const source = await startServer({edition});
  releases.push(() => source.dispose());
  signal.throwIfAborted();
  const target = await startServer({edition});
  releases.push(() => target.dispose());
  signal.throwIfAborted();
  say(`source and target: ${source.version}, ports ${source.port} and ${target.port}`);

  const random = seededRandom(2026);
  await prepare(source, target);
  await withConnection(source, 'laas', connection => fillSource(connection, random, options.users));

  const port = options.port ?? (await freePort());
  const settings = settingsFor(source, target, port);
  const workDir = makeWorkDir('');
  process.once('exit', () => rmSync(workDir, {recursive: true, force: true})); // impatience, too
  releases.push(() => rmSync(workDir, {recursive: true, force: true}));
  const migrated = await runCommand(['migrate'], settings, workDir);
  if (migrated.code !== 0) throw new Error(`laas-sync migrate failed:\n${migrated.stdout}${migrated.stderr}`);
  signal.throwIfAborted();

  const daemon = new Daemon(settings, workDir, options.verbose);
  releases.push(async () => say(`the daemon: ${await daemon.stop()}`));
  const url = `http://127.0.0.1:${port}`;
  await untilReady(daemon, url, signal);
  say(`\n  dashboard: ${url}/\n`);
  say(options.seconds === undefined ? '^C stops everything' : `stops after ${options.seconds} seconds`);

  const writer = await connect(source, 'laas');
  releases.push(() => writer.end());
  const enough = AbortSignal.any([
    signal,
    ...(options.seconds === undefined ? [] : [timeLimit(options.seconds)]),
  ]);
  const ended = daemon.ended.then(how => {
    if (!enough.aborted)
      throw new Error(`the daemon ended by itself (${how}):\n${daemon.log().slice(-3000)}`);
  });
  const work = Promise.all([
    runWorkload(writer, random, enough),
    runOperator(target, url, enough),
    report(source, target, url, enough),
  ]);
  await Promise.race([work, ended]);
  return signal.aborted ? 0 : await verify(settings, workDir);
}

/** Creates the databases, and on each server an account with exactly the privileges that laas-sync needs. */
async function prepare(source: TestServer, target: TestServer): Promise<void> {
  await withConnection(source, undefined, connection =>
    connection.query(`
      CREATE DATABASE laas CHARACTER SET utf8mb4;
      CREATE USER 'laas_reader'@'%' IDENTIFIED BY '${PASSWORD}';
      GRANT SELECT ON laas.* TO 'laas_reader'@'%';
      GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'laas_reader'@'%'`),
  );
  await withConnection(target, undefined, connection =>
    connection.query(`
      CREATE DATABASE organizations CHARACTER SET utf8mb4;
      CREATE USER 'laas_sync'@'%' IDENTIFIED BY '${PASSWORD}';
      GRANT ALL PRIVILEGES ON organizations.* TO 'laas_sync'@'%'`),
  );
}

function settingsFor(source: TestServer, target: TestServer, port: number): Settings {
  return {
    DB_HOST: source.host,
    DB_PORT: String(source.port),
    DB_USERNAME: 'laas_reader',
    DB_PASSWORD: PASSWORD,
    DB_DATABASE: 'laas',
    ORG_DB_HOST: target.host,
    ORG_DB_PORT: String(target.port),
    ORG_DB_USERNAME: 'laas_sync',
    ORG_DB_PASSWORD: PASSWORD,
    ORG_DB_DATABASE: 'organizations',
    SYNC_NAME: 'demo',
    HOST: '127.0.0.1',
    PORT: String(port),
  };
}

async function untilReady(daemon: Daemon, url: string, signal: AbortSignal): Promise<void> {
  const asked = eventually(
    async () => {
      if (!daemon.running || signal.aborted) return true;
      return (await fetch(`${url}/readyz`)).ok;
    },
    {timeoutMs: READY_MS, intervalMs: 50, what: 'that the daemon is ready'},
  );
  await asked.catch((error: unknown) => {
    throw new Error(`${String(error)}\n${daemon.log().slice(-3000)}`);
  });
  signal.throwIfAborted();
  if (!daemon.running) throw new Error(`the daemon did not start (${await daemon.ended}):\n${daemon.log()}`);
}

async function report(
  source: TestServer,
  target: TestServer,
  url: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const _ of ticks(LINE_EVERY_MS, undefined, {signal})) {
      say(await describeProgress(source, target, url));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The last commits may still be in flight. */
async function verify(settings: Settings, workDir: string): Promise<number> {
  const result = await eventually(
    async () => {
      const verified = await runCommand(['verify'], settings, workDir);
      if (verified.code !== 0) throw new Error(verified.stdout + verified.stderr);
      return verified;
    },
    {timeoutMs: EQUAL_MS, intervalMs: 500, what: 'that both sides are equal'},
  );
  say(`laas-sync verify: exit 0\n${result.stdout.trim()}`);
  return 0;
}

function timeLimit(seconds: number): AbortSignal {
  const controller = new AbortController();
  void sleep(seconds * 1000, undefined, {ref: false}).then(() => controller.abort());
  return controller.signal;
}

function stopOnSignal(): AbortController {
  const controller = new AbortController();
  let firstAt: number | undefined;
  process.stdout.on('error', () => controller.abort()); // the output is closed
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      firstAt ??= Date.now();
      // The watchdogs remove the servers.
      if (Date.now() - firstAt > IMPATIENCE_MS) process.exit(130);
      if (!controller.signal.aborted) say('stopping');
      controller.abort();
    });
  }
  return controller;
}

/** Returns the exit code if there is nothing to show. */
function readOptions(): Options | number {
  try {
    const {values} = parseArgs({
      options: {
        seconds: {type: 'string'},
        flavour: {type: 'string', default: 'mariadb'},
        users: {type: 'string'},
        port: {type: 'string'},
        verbose: {type: 'boolean', default: false},
        help: {type: 'boolean', default: false},
      },
    });
    if (values.help) {
      say(HELP);
      return 0;
    }
    const edition = EDITION_NAMES.find(name => name === values.flavour);
    if (edition === undefined) throw new Error(`'${values.flavour}' is not a flavour`);
    const {
      users = 500,
      seconds,
      port,
    } = {
      users: readNumber(values.users),
      seconds: readNumber(values.seconds),
      port: readNumber(values.port),
    };
    return {seconds, edition, users, port, verbose: values.verbose};
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return 64;
  }
}

function readNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`'${text}' is not a whole number above 0`);
  return value;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

process.exitCode = await main();
