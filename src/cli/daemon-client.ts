/** Sends a request to the HTTP interface of a running daemon, if one answers at HOST and PORT. */
import type {Config} from '../config.ts';

const TIMEOUT_MS = 3000;

/** @returns the parsed body, or null if no daemon answers */
export async function askDaemon(
  config: Config,
  method: 'GET' | 'POST',
  path: string,
  timeoutMs = TIMEOUT_MS,
): Promise<unknown> {
  const {host, port, apiToken, readToken} = config.http;
  const token = apiToken ?? readToken;
  const address = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  try {
    const response = await fetch(
      `http://${address.includes(':') ? `[${address}]` : address}:${port}${path}`,
      {
        method,
        headers: token === undefined ? {} : {authorization: `Bearer ${token}`},
        signal: AbortSignal.timeout(timeoutMs),
      },
    );
    return response.ok ? await response.json() : null;
  } catch {
    // No daemon listens there, so the caller reads the database instead.
    return null;
  }
}
