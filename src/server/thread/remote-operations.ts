/** The daemon as the server's thread sees it: queried by messages, and known from its latest message. */
import type {
  OperationEvent,
  EndedRun,
  Run,
  StartedRun,
  Status,
  TriggerRequest,
  Verdict,
} from '../../status/operations.ts';
import type {EdgeOperations} from '../context.ts';
import {fromFault} from './faults.ts';
import type {Answers, Call, Known, ToDaemon, ToServer} from './messages.ts';

/** A recent status in time is worth more than a current one that is late. */
const PROBE_WAIT_MS = 2;
/** The probe interval without requests, so that it is always known whether the daemon answers. */
const PROBE_EVERY_MS = 1000;
/**
 * While the daemon is busy, nobody waits for its answers: probes are so frequent that the last answer is good
 * enough.
 */
const PROBE_WHEN_BUSY_MS = 50;
/** The daemon counts as busy for this long after a late answer: between two late ones there are always some in time. */
const BUSY_FOR_MS = 1000;
/** Bounds the probes outstanding against a hung daemon; further requests wait for the last of them. */
const MAX_PROBES = 64;

interface Probe {
  readonly id: number;
  readonly atMs: number;
  readonly done: Set<() => void>;
}
interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export interface RemoteOptions {
  readonly post: (message: ToDaemon) => void;
  readonly known: Known;
  readonly silentAfterMs: number;
}

export class RemoteOperations implements EdgeOperations {
  readonly #post: (message: ToDaemon) => void;
  readonly #silentAfterMs: number;
  readonly #probes: Probe[] = [];
  readonly #calls = new Map<number, Pending>();
  readonly #runs = new Map<number, (run: EndedRun) => void>();
  readonly #listeners = new Set<(event: OperationEvent) => void>();
  #known: Known;
  /** When an answer was last late. */
  #lateAtMs = -Infinity;
  #lastId = 0;

  constructor({post, known, silentAfterMs}: RemoteOptions) {
    this.#post = post;
    this.#known = known;
    this.#silentAfterMs = silentAfterMs;
  }

  /** Probes at intervals until the signal is set. */
  start(signal: AbortSignal): void {
    let timer: NodeJS.Timeout;
    const probe = () => {
      this.#probe();
      timer = setTimeout(probe, this.#isBusy() ? PROBE_WHEN_BUSY_MS : PROBE_EVERY_MS).unref();
    };
    timer = setTimeout(probe, PROBE_EVERY_MS).unref();
    signal.addEventListener('abort', () => clearTimeout(timer), {once: true});
  }

  /** Handles a message of the daemon's thread. */
  receive(message: Exclude<ToServer, {tag: 'stop'}>): void {
    this.#known = message.known;
    switch (message.tag) {
      case 'probed':
        while ((this.#probes[0]?.id ?? Infinity) <= message.id) {
          const probe = this.#probes.shift();
          if (performance.now() - (probe?.atMs ?? 0) > PROBE_WAIT_MS) this.#lateAtMs = performance.now();
          probe?.done.forEach(done => done());
        }
        break;
      case 'answer':
        this.#calls.get(message.id)?.resolve(message.value);
        this.#calls.delete(message.id);
        break;
      case 'fault':
        this.#calls.get(message.id)?.reject(fromFault(message.fault));
        this.#calls.delete(message.id);
        this.#runs.delete(message.id);
        break;
      case 'run-ended':
        this.#runs.get(message.id)?.(message.run);
        this.#runs.delete(message.id);
        break;
      case 'status':
        this.#emit({tag: 'status', status: this.status()});
        break;
      case 'event':
        this.#emit(message.event);
        break;
    }
  }

  async refresh(): Promise<void> {
    // A wait would only cause two more waits for a processor that is busy.
    if (this.#isBusy()) {
      if (this.#probes.length === 0) this.#probe();
      return;
    }
    const {done} = this.#probe();
    await new Promise<void>(resolve => {
      const end = () => {
        clearTimeout(late);
        done.delete(end);
        resolve();
      };
      const late = setTimeout(() => {
        this.#lateAtMs = performance.now();
        end();
      }, PROBE_WAIT_MS);
      done.add(end);
    });
  }

  isAnswering(): boolean {
    return this.#silentMs() < this.#silentAfterMs;
  }

  status(): Status {
    const {status} = this.#known;
    if (this.isAnswering()) return status;
    const reason = `the daemon has not answered for ${Math.round(this.#silentMs() / 1000)} s`;
    return {
      ...status,
      isHealthy: false,
      reasons: [reason, ...status.reasons],
      // The last known state may not be true any more.
      replication: {...status.replication, lagSeconds: null, lagBytes: null},
    };
  }

  isReady(): boolean {
    return this.isAnswering() && this.#known.isReady;
  }

  async trigger(request: TriggerRequest): Promise<StartedRun> {
    const id = this.#newId();
    const ended = new Promise<EndedRun>(resolve => this.#runs.set(id, resolve));
    return {runId: await this.#call({method: 'trigger', request}, id), ended};
  }

  async verify(signal: AbortSignal): Promise<Verdict> {
    const id = this.#newId();
    const abort = () => this.#post({tag: 'abort', id});
    const verdict = this.#call({method: 'verify'}, id);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, {once: true});
    try {
      return await verdict;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  pause(): Promise<void> {
    return this.#call({method: 'pause'});
  }

  resume(): Promise<void> {
    return this.#call({method: 'resume'});
  }

  runs(page: Parameters<EdgeOperations['runs']>[0]): Promise<Answers['runs']> {
    return this.#call({method: 'runs', page});
  }

  run(runId: string): Promise<Run | null> {
    return this.#call({method: 'run', runId});
  }

  deadLetters(page: Parameters<EdgeOperations['deadLetters']>[0]): Promise<Answers['deadLetters']> {
    return this.#call({method: 'deadLetters', page});
  }

  retryDeadLetters(): Promise<Answers['retryDeadLetters']> {
    return this.#call({method: 'retryDeadLetters'});
  }

  /** The metrics in the text format of Prometheus, from the thread that counts. */
  metrics(): Promise<string> {
    return this.#call({method: 'metrics'});
  }

  subscribe(listener: (event: OperationEvent) => void): () => void {
    if (this.#listeners.size === 0) this.#post({tag: 'watch', on: true});
    this.#listeners.add(listener);
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0)
        this.#post({tag: 'watch', on: false});
    };
  }

  #emit(event: OperationEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #probe(): Probe {
    const last = this.#probes.at(-1);
    if (last !== undefined && this.#probes.length >= MAX_PROBES) return last;
    const probe: Probe = {id: this.#newId(), atMs: performance.now(), done: new Set()};
    this.#probes.push(probe);
    this.#post({tag: 'probe', id: probe.id});
    return probe;
  }

  #isBusy(): boolean {
    return performance.now() - this.#lateAtMs < BUSY_FOR_MS;
  }

  /** How long the oldest probe has waited. */
  #silentMs(): number {
    const oldest = this.#probes[0];
    return oldest === undefined ? 0 : performance.now() - oldest.atMs;
  }

  #call<C extends Call>(call: C, id = this.#newId()): Promise<Answers[C['method']]> {
    return new Promise((resolve, reject) => {
      // The daemon's side answers each call with the result of its own method.
      this.#calls.set(id, {resolve: value => resolve(value as Answers[C['method']]), reject});
      this.#post({tag: 'call', id, call});
    });
  }

  #newId(): number {
    return ++this.#lastId;
  }
}
