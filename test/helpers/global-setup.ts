/**
 * One server of each flavour for all the tests that need one, started once for a whole run.
 *
 * Each vitest project calls this with module instances of its own, so what they share hangs on the process.
 */
import type {TestProject} from 'vitest/node';
import {FLAVOURS, type Flavour} from '../servers/provision.ts';
import {type ServerAddress, startServer, type TestServer} from '../servers/server.ts';

/** Flavours that TEST_FLAVOURS leaves out are missing. */
export type SharedServers = Partial<Record<Flavour, ServerAddress>>;

declare module 'vitest' {
  interface ProvidedContext {
    servers: SharedServers;
  }
}

interface Shared {
  readonly servers: Promise<TestServer[]>;
  users: number;
}

const KEY = Symbol.for('laas-sync.test.servers');
const registry: typeof globalThis & {[KEY]?: Shared | undefined} = globalThis;

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = (registry[KEY] ??= {servers: startAll(), users: 0});
  shared.users += 1;
  const servers = await shared.servers;
  project.provide('servers', Object.fromEntries(servers.map(server => [server.flavour, server.address])));
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    registry[KEY] = undefined;
    for (const server of servers) if (server.pid === undefined) tellOfEnd(server);
    await Promise.all(servers.map(server => server.dispose()));
  };
}

/** Nothing stops a shared server but its own fault, and its log goes with it. */
function tellOfEnd(server: TestServer): void {
  process.stderr.write(
    `The ${server.flavour} server of all tests ended before its time. The end of its log:\n${server.log().slice(-8000)}\n`,
  );
}

async function startAll(): Promise<TestServer[]> {
  const settled = await Promise.allSettled(wantedFlavours().map(flavour => startServer({flavour})));
  const servers = settled.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []));
  const failure = settled.find(result => result.status === 'rejected');
  if (failure === undefined) return servers;
  await Promise.all(servers.map(server => server.dispose()));
  throw failure.reason;
}

function wantedFlavours(): Flavour[] {
  const names = (process.env['TEST_FLAVOURS'] ?? FLAVOURS.join(',')).split(',').map(name => name.trim());
  const wanted = FLAVOURS.filter(flavour => names.includes(flavour));
  if (wanted.length === 0) throw new Error(`TEST_FLAVOURS names none of ${FLAVOURS.join(', ')}`);
  return wanted;
}
