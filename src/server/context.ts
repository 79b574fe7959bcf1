/** What every part of the HTTP edge shares: its dependencies and what a request carries along. */
import type {HttpBindings} from '@hono/node-server';
import type {OpenAPIHono} from '@hono/zod-openapi';
import type {Context} from 'hono';
import type {Config} from '../config.ts';
import type {Logger} from '../logger.ts';
import type {Metrics} from '../status/metrics.ts';
import type {Operations} from '../status/operations.ts';

/** `full` may do everything, `read` only look. */
export type Access = 'full' | 'read';

/**
 * A daemon seen from another thread: it may be too busy to say how it is, or hang. In one thread with it
 * neither could be told.
 */
export interface EdgeOperations extends Operations {
  /** Resolves soon, whatever the daemon does. `status()` is then of now, or of a moment ago where it is busy. */
  refresh(): Promise<void>;
  /** False once the daemon has not answered for so long that something is wrong with it. */
  isAnswering(): boolean;
}

/** The time, passed in so that tests own it. */
export interface Clock {
  now(): number;
}
export const systemClock: Clock = {now: () => Date.now()};

export interface AppDeps {
  readonly operations: EdgeOperations;
  readonly metrics: Pick<Metrics, 'render' | 'contentType'>;
  readonly config: Pick<Config, 'http' | 'name' | 'maxLagSeconds' | 'mapping'>;
  readonly logger: Logger;
  /** Ends what the app does in the background: the lag history and the open event streams. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

export interface AppEnv {
  /** Absent where a test calls the app without a socket. */
  Bindings: Partial<HttpBindings>;
  Variables: {
    requestId: string;
    access: Access;
    /** Set once a problem was answered, so that the log line can name it. */
    problem?: string;
  };
}
export type App = OpenAPIHono<AppEnv>;
export type AppContext = Context<AppEnv>;

/** The address of the peer's socket. Forwarding headers are not believed: anybody can send them. */
export function remoteAddress(c: AppContext): string {
  return c.env?.incoming?.socket.remoteAddress ?? 'unknown';
}
