/** GET /sync/events: pushes changes to all watchers, at a cost that does not grow with the stream. */
import {createRoute, z} from '@hono/zod-openapi';
import type {OperationEvent, Operations} from '../status/operations.ts';
import type {App, AppDeps, Clock} from './context.ts';
import {ProblemError} from './problem.ts';
import {problems} from './schemas.ts';

/** A busy stream changes its status a thousand times per second; a person reads one per second. */
const STATUS_MS = 1000;
/** A status is sent this often even without a change, so that a page can distinguish silence from a lost server. */
const QUIET_STATUS_MS = 5000;
const HEARTBEAT_MS = 15_000;
/** After this time the client reconnects, and its session is checked again. */
const MAX_AGE_MS = 3_600_000;
/** The maximum amount of data that a client may leave unread: about 50 statuses. */
const BUFFER_BYTES = 128 * 1024;
const MAX_WATCHERS = 64;
const RETRY_MS = 2000;

interface Watcher {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly expiresAtMs: number;
}

/**
 * One subscription and one timer for all clients, and neither while there are none. Each event is serialised
 * once. A client that does not read is disconnected; nothing is buffered for it.
 */
export class EventHub {
  readonly #operations: Operations;
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  readonly #watchers = new Set<Watcher>();
  readonly #encoder = new TextEncoder();
  #stop: (() => void) | null = null;
  #lastStatus = '';
  #lastStatusAtMs = 0;
  #lastBeatAtMs = 0;
  #lastPhase = '';

  constructor(operations: Operations, signal: AbortSignal, clock: Clock) {
    this.#clock = clock;
    this.#operations = operations;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#closeAll(), {once: true});
  }

  get size(): number {
    return this.#watchers.size;
  }

  /** @throws ProblemError 503 if there are too many watchers, or the server stops. */
  open(): ReadableStream<Uint8Array> {
    if (this.#signal.aborted) throw new ProblemError(503, 'stopping', 'The server is stopping.');
    if (this.#watchers.size >= MAX_WATCHERS) {
      throw new ProblemError(503, 'too-many-watchers', `There are ${MAX_WATCHERS} watchers already.`, {
        headers: {'Retry-After': '30'},
      });
    }
    let watcher: Watcher | undefined;
    return new ReadableStream<Uint8Array>(
      {
        start: controller => {
          watcher = {controller, expiresAtMs: this.#clock.now() + MAX_AGE_MS};
          this.#watchers.add(watcher);
          this.#start();
          this.#send(watcher, this.#encoder.encode(`retry: ${RETRY_MS}\n\n`));
          this.#send(watcher, this.#frame('status', JSON.stringify(this.#operations.status())));
        },
        cancel: () => {
          if (watcher !== undefined) this.#remove(watcher);
        },
      },
      new ByteLengthQueuingStrategy({highWaterMark: BUFFER_BYTES}),
    );
  }

  #start(): void {
    if (this.#stop !== null) return;
    const unsubscribe = this.#operations.subscribe(event => this.#changed(event));
    const timer = setInterval(() => this.#tick(), STATUS_MS).unref();
    this.#lastBeatAtMs = this.#clock.now();
    this.#stop = () => {
      unsubscribe();
      clearInterval(timer);
      this.#stop = null;
    };
  }

  #changed(event: OperationEvent): void {
    switch (event.tag) {
      case 'run':
        this.#broadcast(this.#frame('run', JSON.stringify(event.run)));
        this.#pushStatus(true);
        break;
      case 'progress':
        this.#broadcast(this.#frame('progress', JSON.stringify(event.progress)));
        break;
      case 'status': {
        // A new state is sent at once; numbers alone wait for the tick.
        const phase = `${event.status.replication.state} ${event.status.isHealthy}`;
        if (phase !== this.#lastPhase) this.#pushStatus(true);
        break;
      }
    }
  }

  #tick(): void {
    const nowMs = this.#clock.now();
    for (const watcher of this.#watchers) if (watcher.expiresAtMs <= nowMs) this.#close(watcher);
    this.#pushStatus(nowMs - this.#lastStatusAtMs >= QUIET_STATUS_MS);
    if (nowMs - this.#lastBeatAtMs < HEARTBEAT_MS) return;
    this.#lastBeatAtMs = nowMs;
    this.#broadcast(this.#encoder.encode(': heartbeat\n\n'));
  }

  #pushStatus(always: boolean): void {
    const status = this.#operations.status();
    const content = JSON.stringify({...status, timestamp: ''});
    if (!always && content === this.#lastStatus) return;
    this.#lastStatus = content;
    this.#lastStatusAtMs = this.#clock.now();
    this.#lastPhase = `${status.replication.state} ${status.isHealthy}`;
    this.#broadcast(this.#frame('status', JSON.stringify(status)));
  }

  #frame(event: OperationEvent['tag'], data: string): Uint8Array {
    return this.#encoder.encode(`event: ${event}\ndata: ${data}\n\n`);
  }

  #broadcast(bytes: Uint8Array): void {
    for (const watcher of this.#watchers) this.#send(watcher, bytes);
  }

  #send(watcher: Watcher, bytes: Uint8Array): void {
    if ((watcher.controller.desiredSize ?? 0) <= 0) this.#close(watcher);
    else watcher.controller.enqueue(bytes);
  }

  #close(watcher: Watcher): void {
    if (!this.#watchers.has(watcher)) return;
    this.#remove(watcher);
    watcher.controller.close();
  }

  #closeAll(): void {
    for (const watcher of this.#watchers) this.#close(watcher);
  }

  #remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) this.#stop?.();
  }
}

export function eventRoutes(app: App, {operations, signal, clock}: AppDeps & {readonly clock: Clock}): void {
  const hub = new EventHub(operations, signal, clock);
  app.openapi(
    createRoute({
      method: 'get',
      path: '/sync/events',
      tags: ['state'],
      summary: 'Server-sent events',
      description:
        'Events `status` (a Status, at once and then about once a second where it changes), `run` (a Run, as it begins and ends) and `progress` (a RunProgress).',
      security: [{token: []}],
      responses: {
        200: {description: 'An endless stream.', content: {'text/event-stream': {schema: z.string()}}},
        ...problems(401, 429, 503),
      },
    }),
    async c => {
      await operations.refresh();
      return c.body(hub.open(), 200, {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'Cache-Control': 'no-store',
        'Transfer-Encoding': 'chunked',
        // Proxies that buffer responses would delay the events.
        'X-Accel-Buffering': 'no',
      });
    },
  );
}
