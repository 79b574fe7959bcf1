/** Ports of the loopback for servers and daemons of the tests. */
import {randomInt} from 'node:crypto';
import {createServer} from 'node:net';

/**
 * Below the ports that systems use for outgoing connections (Linux from 32768), any of which may be taken at
 * any time.
 */
const FIRST_PORT = 15_000;
const LAST_PORT = 32_000;

/** Returns a free port of the loopback. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (await isFree(port)) return port;
  }
  throw new Error('no port is free');
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
