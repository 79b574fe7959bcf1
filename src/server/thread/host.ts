/** The HTTP server as a service of the daemon's thread, which does not serve itself: it answers the server's thread. */
import {setFlagsFromString} from 'node:v8';
import {Worker} from 'node:worker_threads';
import {SyncError} from '../../errors.ts';
import {describeError, type Logger} from '../../logger.ts';
import type {Metrics} from '../../status/metrics.ts';
import type {Operations} from '../../status/operations.ts';
import type {Address} from '../server.ts';
import {fromFault, toFault, type Fault} from './faults.ts';
import type {Answers, Call, Known, Said, ThreadConfig, ThreadData, ToDaemon, ToServer} from './messages.ts';

/** An event loop with less use than this is idle. */
const SILENT_AFTER_MS = 10_000;
/** The heap limit of the server's thread: an hour of samples and the current requests need 13 MB. */
const LIMITS = {maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64};
const SCRIPT = new URL('./worker.js', import.meta.url);

export interface ServerThreadOptions {
  readonly operations: Operations;
  readonly metrics: Pick<Metrics, 'render' | 'contentType'>;
  readonly config: ThreadConfig;
  readonly logger: Logger;
  readonly onListening?: (address: Address) => void;
  /** The daemon counts as hanging after this long without an answer. */
  readonly silentAfterMs?: number;
  /** The built file that the thread runs. */
  readonly script?: URL;
}

/**
 * Serves from a thread of its own until the signal is set, then lets it end the current requests and resolves.
 *
 * @throws SyncError `config-invalid` if HOST and PORT cannot be bound; `internal` if the thread ends by itself
 * @example
 * await runServerThread({operations: daemon, metrics, config, logger}, signal);
 */
export async function runServerThread(options: ServerThreadOptions, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const {
    operations,
    metrics,
    logger,
    onListening,
    silentAfterMs = SILENT_AFTER_MS,
    script = SCRIPT,
  } = options;
  const {http, name, mapping, maxLagSeconds, logLevel, logFormat} = options.config;
  const data: ThreadData = {
    config: {http, name, mapping, maxLagSeconds, logLevel, logFormat},
    metricsType: metrics.contentType,
    isTerminal: process.stderr.isTTY === true,
    silentAfterMs,
    known: knownOf(operations),
  };
  // The daemon's own limits are flags (cli.ts). They apply to its heap by now, and must not apply to the
  // thread's.
  for (const flag of ['--max-old-space-size=0', '--max-semi-space-size=0']) setFlagsFromString(flag);
  // The environment holds passwords that the server's thread does not need.
  const worker = new Worker(script, {workerData: data, resourceLimits: LIMITS, env: {}});
  const answers = new Answerer({operations, metrics, logger, post: message => worker.postMessage(message)});
  const stop = () => worker.postMessage({tag: 'stop'} satisfies ToServer);
  signal.addEventListener('abort', stop, {once: true});
  try {
    await new Promise<void>((resolve, reject) => {
      let ended: Fault | 'stopped' | null = null;
      let crash: unknown;
      worker.on('message', (message: ToDaemon) => {
        if (message.tag === 'ended') ended = message.fault ?? 'stopped';
        else if (message.tag === 'listening') onListening?.(message.address);
        else answers.receive(message);
      });
      worker.on('error', error => (crash = error));
      worker.on('exit', () => {
        if (ended === 'stopped') resolve();
        else reject(ended === null ? crashed(crash, logger) : fromFault(ended));
      });
    });
  } finally {
    signal.removeEventListener('abort', stop);
    answers.close();
  }
}

function crashed(cause: unknown, logger: Logger): SyncError {
  logger.error({event: 'http.crashed', err: describeError(cause)}, 'the thread of the HTTP server ended');
  return new SyncError('internal', 'the thread of the HTTP server ended unexpectedly', {cause});
}

function knownOf(operations: Operations): Known {
  return {status: operations.status(), isReady: operations.isReady()};
}

interface AnswererDeps extends Pick<ServerThreadOptions, 'operations' | 'metrics' | 'logger'> {
  readonly post: (message: ToServer) => void;
}

/** Handles the requests of the server's thread. */
class Answerer {
  readonly #deps: AnswererDeps;
  readonly #verifications = new Map<number, AbortController>();
  #unsubscribe: (() => void) | null = null;

  constructor(deps: AnswererDeps) {
    this.#deps = deps;
  }

  receive(message: Exclude<ToDaemon, {tag: 'ended' | 'listening'}>): void {
    switch (message.tag) {
      case 'probe':
        this.#say({tag: 'probed', id: message.id});
        break;
      case 'call':
        void this.#answer(message.id, message.call);
        break;
      case 'abort':
        this.#verifications.get(message.id)?.abort();
        break;
      case 'watch':
        this.#watch(message.on);
        break;
    }
  }

  /** Ends the operations that only the server's thread was waiting for. */
  close(): void {
    this.#watch(false);
    for (const verification of this.#verifications.values()) verification.abort();
  }

  async #answer(id: number, call: Call): Promise<void> {
    try {
      this.#say({tag: 'answer', id, value: await this.#perform(id, call)});
    } catch (error) {
      const fault = toFault(error);
      if (fault.kind === 'foreign')
        this.#deps.logger.error(
          {event: 'call.failed', method: call.method, err: fault.described},
          'a call of the HTTP thread failed',
        );
      this.#say({tag: 'fault', id, fault});
    }
  }

  async #perform(id: number, call: Call): Promise<Answers[keyof Answers]> {
    const {operations, metrics} = this.#deps;
    switch (call.method) {
      case 'trigger': {
        const {runId, ended} = await operations.trigger(call.request);
        void ended.then(run => this.#say({tag: 'run-ended', id, run}));
        return runId;
      }
      case 'verify':
        return await this.#verify(id);
      case 'pause':
        return await operations.pause();
      case 'resume':
        return await operations.resume();
      case 'runs':
        return await operations.runs(call.page);
      case 'run':
        return await operations.run(call.runId);
      case 'deadLetters':
        return await operations.deadLetters(call.page);
      case 'retryDeadLetters':
        return await operations.retryDeadLetters();
      case 'metrics':
        return await metrics.render(operations.status());
    }
  }

  async #verify(id: number): Promise<Answers['verify']> {
    const ended = new AbortController();
    this.#verifications.set(id, ended);
    try {
      return await this.#deps.operations.verify(ended.signal);
    } finally {
      this.#verifications.delete(id);
    }
  }

  #watch(on: boolean): void {
    this.#unsubscribe?.();
    this.#unsubscribe = on
      ? this.#deps.operations.subscribe(event =>
          this.#say(event.tag === 'status' ? {tag: 'status'} : {tag: 'event', event}),
        )
      : null;
  }

  #say(said: Said): void {
    this.#deps.post({...said, known: knownOf(this.#deps.operations)});
  }
}
