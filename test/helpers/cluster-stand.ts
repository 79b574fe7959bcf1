/** The common parts of suites on clusters: two addresses of one node, and a daemon that has loaded. */
import {expect} from 'vitest';
import type {ServerAddress} from '../servers/server.ts';
import {startProxy, type FaultProxy} from '../servers/proxy.ts';
import type {Stand} from './fault-stand.ts';
import type {Writers} from './fault-writers.ts';

/** The time in which rows must arrive again after a fault. */
export const CONTINUES_MS = 10_000;

export interface TwoAddresses {
  /** The address of the daemon. */
  readonly proxy: FaultProxy;
  /** The address of the test's own reads. */
  readonly eye: FaultProxy;
  /** The node, as the test's own reads reach it. */
  readonly seen: ServerAddress;
}

export async function openAddresses(node: ServerAddress): Promise<TwoAddresses> {
  const [proxy, eye] = [await startProxy(node), await startProxy(node)];
  return {proxy, eye, seen: {...node, host: eye.host, port: eye.port}};
}

/** Starts the daemon, and waits for its first load. */
export async function startLoaded(stand: Stand): Promise<void> {
  // The test's own rows get greater keys than those of the writers.
  await stand.source.query("INSERT INTO institutes (id, name) VALUES (9000, 'last')");
  await stand.start();
  await stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
}

/**
 * Waits until the stream continues in time. Every row is then right, and nothing halted or became a dead letter.
 *
 * @param writers stopped before the rows are compared
 */
export async function continues(stand: Stand, writers?: Writers): Promise<void> {
  await stand.explained(stand.daemon.until('streaming', CONTINUES_MS));
  await stand.caughtUp(CONTINUES_MS);
  await writers?.stop();
  await stand.equal();
  expect(await stand.letters()).toEqual([]);
  expect(stand.logText()).not.toMatch(/"state":"halted"|"position-lost"|"internal"/);
}
