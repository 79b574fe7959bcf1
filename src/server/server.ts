/** The service that listens for HTTP requests. */
import type {AddressInfo, Socket} from 'node:net';
import {Server} from 'node:http';
import {createAdaptorServer} from '@hono/node-server';
import type {Config} from '../config.ts';
import {SyncError} from '../errors.ts';
import type {Logger} from '../logger.ts';
import type {App} from './context.ts';

/** How long current requests may take to end once the server stops. */
const DRAIN_MS = 5000;

/** The address on which the server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly url: string;
}

export interface ServerOptions {
  readonly app: Pick<App, 'fetch'>;
  readonly config: Pick<Config, 'http'>;
  readonly logger: Logger;
  /** Called once with the bound address, the only way to know the port with PORT 0. */
  readonly onListening?: (address: Address) => void;
}

/**
 * Listens until the signal is set, then ends the current requests and resolves.
 *
 * @throws SyncError `config-invalid` if HOST and PORT cannot be bound; it names the wrong one.
 * @example
 * const app = createApp({operations, metrics, config, logger, signal});
 * await runServer({app, config, logger}, signal);
 */
export async function runServer(options: ServerOptions, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const {app, config, logger, onListening} = options;
  const server = createAdaptorServer({fetch: app.fetch});
  if (!(server instanceof Server)) throw new SyncError('internal', 'the HTTP server has an unexpected type');
  server.requestTimeout = 30_000;
  server.headersTimeout = 10_000;
  server.keepAliveTimeout = 15_000;

  await listen(server, config.http);
  const address = describeAddress(server.address(), config.http.host);
  logger.info({event: 'http.listening', address: address.url}, 'the HTTP server is listening');
  onListening?.(address);
  await untilStopped(server, signal);
  logger.info({event: 'http.stopped'}, 'the HTTP server stopped');
}

function listen(server: Server, {host, port}: Config['http']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', error => reject(bindFault(error, host, port)));
    server.listen({host, port, exclusive: true}, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

/** Resolves once every connection is closed; rejects if the server fails before. */
function untilStopped(server: Server, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    // Browsers open connections ahead of need. Node does not count them as idle before their first request.
    const unused = new Set<Socket>();
    server.on('connection', socket => {
      unused.add(socket);
      socket.once('close', () => unused.delete(socket));
    });
    // A connection that is in use at the stop would be kept alive after its answer.
    server.on('request', (request, response) => {
      unused.delete(request.socket);
      response.once('close', () => {
        if (stopping) setImmediate(() => server.closeIdleConnections());
      });
    });
    const stop = () => {
      stopping = true;
      const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      server.closeIdleConnections();
      // Read what has arrived by now first.
      setImmediate(() => {
        for (const socket of unused) if (socket.bytesRead === 0) socket.destroy();
      });
    };
    server.once('error', error =>
      reject(new SyncError('internal', 'the HTTP server failed', {cause: error})),
    );
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, {once: true});
  });
}

function bindFault(error: NodeJS.ErrnoException, host: string, port: number): SyncError {
  switch (error.code) {
    case 'EADDRINUSE':
      return new SyncError('config-invalid', `PORT: ${port} on ${host} is in use by another process`, {
        cause: error,
      });
    case 'EACCES':
      return new SyncError('config-invalid', `PORT: ${port} may not be bound by this account`, {
        cause: error,
      });
    default:
      return new SyncError(
        'config-invalid',
        `HOST: the server cannot listen on ${host} (${error.code ?? 'unknown'})`,
        {cause: error},
      );
  }
}

function describeAddress(address: AddressInfo | string | null, host: string): Address {
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return {host, port, url: `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}/`};
}
