/**
 * Starts one server of each edition for all tests of a run.
 *
 * Each vitest project calls this with its own module instances, so shared state is stored on the process.
 */
import type {TestProject} from 'vitest/node';
import {EDITION_NAMES, NotNeeded, ownLateMariadb, type Edition} from '../servers/provision.ts';
import {hasGalera} from '../servers/galera.ts';
import {hasGroups} from '../servers/group.ts';
import {provideHaproxy} from '../servers/haproxy.ts';
import {type ServerAddress, startServer, type TestServer} from '../servers/server.ts';
import {leaveOut} from './left-out.ts';

/** Editions that TEST_FLAVOURS leaves out, or that are not available here, are missing. */
export type SharedServers = Partial<Record<Edition, ServerAddress>>;

declare module 'vitest' {
  interface ProvidedContext {
    servers: SharedServers;
  }
}

interface Shared {
  readonly servers: Map<Edition, Promise<TestServer | null>>;
  users: number;
}

const KEY = Symbol.for('laas-sync.test.servers');
const registry: typeof globalThis & {[KEY]?: Shared | undefined} = globalThis;
/** Kinds of tests that take long, and whose subject hardly depends on a server's version. */
const LONG_KINDS = ['fault', 'e2e'];

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = (registry[KEY] ??= {servers: new Map(), users: 0});
  shared.users += 1;
  const {wanted, named} = await editionsFor(project.name);
  for (const edition of wanted)
    if (!shared.servers.has(edition)) shared.servers.set(edition, start(edition, named));
  const settled = await Promise.allSettled(wanted.map(edition => shared.servers.get(edition)));
  const release = async () => {
    shared.users -= 1;
    if (shared.users === 0) await stopAll(shared);
  };
  const servers = settled.flatMap(result =>
    result.status === 'fulfilled' && result.value != null ? [result.value] : [],
  );
  const failure = settled.find(result => result.status === 'rejected');
  if (failure !== undefined || servers.length === 0) {
    await release();
    throw failure === undefined ? new Error('no server can be run here: see above') : failure.reason;
  }
  if (process.env['TEST_SHORT'] === '1')
    leaveOut('some long tests on MySQL, and some on mariadb-11: TEST_SHORT=1 (test/helpers/flavours.ts)');
  if (project.name === 'fault' && !hasGalera)
    leaveOut(
      'tests on two nodes of Galera: the package galera-4 is not installed (apt-get install galera-4)',
    );
  if (project.name === 'fault' && !hasGroups)
    leaveOut('tests on a group of three members: they need a MySQL server outside of a container');
  if (project.name === 'fault' && (hasGalera || hasGroups)) {
    const why = await provideHaproxy();
    if (why !== null) leaveOut(`tests of clusters behind haproxy: ${why}`);
  }
  project.provide('servers', Object.fromEntries(servers.map(server => [server.edition, server.address])));
  return release;
}

/** Null if it is not available and was not requested by name. */
async function start(edition: Edition, named: boolean): Promise<TestServer | null> {
  try {
    return await startServer({edition});
  } catch (error) {
    if (named) throw error;
    const why = error instanceof Error ? error.message : String(error);
    if (!(error instanceof NotNeeded)) process.stderr.write(`${why}\n`);
    leaveOut(`tests on ${edition}: ${firstLine(why)}`);
    return null;
  }
}

async function stopAll({servers}: Shared): Promise<void> {
  registry[KEY] = undefined;
  const settled = await Promise.allSettled(servers.values());
  const started = settled.flatMap(result =>
    result.status === 'fulfilled' && result.value !== null ? [result.value] : [],
  );
  for (const server of started) if (server.pid === undefined) reportEnd(server);
  await Promise.all(started.map(server => server.dispose()));
}

/** A shared server stops only by a fault of its own, whose log would be lost with it. */
function reportEnd(server: TestServer): void {
  process.stderr.write(
    `The ${server.edition} server of all tests ended during the run. The end of its log:\n${server.log().slice(-8000)}\n`,
  );
}

async function editionsFor(kind: string): Promise<{wanted: readonly Edition[]; named: boolean}> {
  const list = process.env['TEST_FLAVOURS'];
  if (list === undefined) {
    if (!LONG_KINDS.includes(kind)) return {wanted: EDITION_NAMES, named: false};
    if ((await ownLateMariadb()) === undefined)
      leaveOut('fault and e2e tests on mariadb-11: they take long (TEST_FLAVOURS=mariadb-11 runs them)');
    return {wanted: EDITION_NAMES.filter(edition => edition !== 'mariadb-11'), named: false};
  }
  const names = list.split(',').map(name => name.trim());
  const wanted = EDITION_NAMES.filter(edition => names.includes(edition));
  if (wanted.length === 0) throw new Error(`TEST_FLAVOURS names none of ${EDITION_NAMES.join(', ')}`);
  const others = EDITION_NAMES.filter(edition => !wanted.includes(edition));
  if (others.length > 0) leaveOut(`tests on ${others.join(' and ')}: TEST_FLAVOURS=${list}`);
  return {wanted, named: true};
}

const firstLine = (text: string) => text.split('\n')[0] ?? '';
