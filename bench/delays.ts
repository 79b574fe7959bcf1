/**
 * A process between the daemon and the servers that delays what passes. It does not limit the bandwidth: delayed
 * bytes wait in memory, up to 4 MiB each way, which is 50 MB/s or more at 80 ms.
 */
import {fork} from 'node:child_process';
import {once} from 'node:events';
import {fileURLToPath} from 'node:url';
import {startProxy, type Endpoint} from '../test/servers/proxy.ts';

/** A server, and the delay in each direction, in milliseconds. */
interface Distant {
  readonly host: string;
  readonly port: number;
  readonly delayMs: number;
}

export interface Delays extends AsyncDisposable {
  /** The addresses of the delayed servers, in the order in which they were given. */
  readonly ports: readonly number[];
}

/** Starts the process. */
export async function startDelays(servers: readonly Distant[]): Promise<Delays> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(servers)], {execArgv: []});
  const [ports] = (await once(child, 'message')) as [number[]];
  return {
    ports,
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

async function serve(servers: readonly Distant[]): Promise<void> {
  const ports: number[] = [];
  for (const {delayMs, ...endpoint} of servers) {
    const proxy = await startProxy(endpoint satisfies Endpoint);
    proxy.delay(delayMs);
    ports.push(proxy.port);
  }
  process.on('disconnect', () => process.exit(0));
  process.send?.(ports);
}

if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url))
  await serve(JSON.parse(process.argv[2] ?? '[]') as Distant[]);
