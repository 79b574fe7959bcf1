/** The dependencies that all parts of the HTTP interface share, and the context of a request. */
import type {HttpBindings} from '@hono/node-server';
import type {OpenAPIHono} from '@hono/zod-openapi';
import type {Context} from 'hono';
import type {Config} from '../config.ts';
import type {Logger} from '../logger.ts';
import type {Metrics} from '../status/metrics.ts';
import type {Operations} from '../status/operations.ts';

/** `full` may do everything, `read` may only read. */
export type Access = 'full' | 'read';

/**
 * A daemon seen from another thread: it may be too busy to report its state, or hang. Code in the same thread
 * could report neither.
 */
export interface EdgeOperations extends Operations {
  /**
   * Resolves soon, whatever the daemon does. `status()` is then current, or the last known one if the daemon is
   * busy.
   */
  refresh(): Promise<void>;
  /** False once the daemon has not answered for so long that something is wrong with it. */
  isAnswering(): boolean;
}

/** The clock, passed in so that tests control it. */
export interface Clock {
  now(): number;
}
export const systemClock: Clock = {now: () => Date.now()};

export interface AppDeps {
  readonly operations: EdgeOperations;
  readonly metrics: Pick<Metrics, 'render' | 'contentType'>;
  readonly config: Pick<Config, 'http' | 'name' | 'maxLagSeconds' | 'mapping'>;
  readonly logger: Logger;
  /** Ends the app's background work: the lag history and the open event streams. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

export interface AppEnv {
  /** Absent if a test calls the app without a socket. */
  Bindings: Partial<HttpBindings>;
  Variables: {
    requestId: string;
    access: Access;
    /** Set when a problem was sent, so that the log line can name it. */
    problem?: string;
  };
}
export type App = OpenAPIHono<AppEnv>;
export type AppContext = Context<AppEnv>;

/** The address of the peer's socket. Forwarding headers are ignored, because anybody can send them. */
export function remoteAddress(c: AppContext): string {
  return c.env?.incoming?.socket.remoteAddress ?? 'unknown';
}
