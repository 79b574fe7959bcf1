/**
 * Tells people when health changes, by POST to a webhook: once a change, with the reasons, and when it is
 * over. Nothing here can slow the stream: what could not be sent yet is one small record, always the newest.
 */
import {Backoff, pause} from '../lifecycle/backoff.ts';
import type {Logger} from '../logger.ts';
import type {Operations, Status} from './operations.ts';

/** What is POSTed. `text` is what chat services show; the rest is for programs. */
export interface AlertMessage {
  readonly text: string;
  readonly name: string;
  readonly healthy: boolean;
  readonly reasons: readonly string[];
  readonly state: string;
  readonly timestamp: string;
}

type Sleep = typeof pause;

export interface AlertDeps {
  readonly operations: Pick<Operations, 'status' | 'subscribe'>;
  readonly config: {readonly name: string; readonly alertWebhookUrl: string | undefined};
  readonly logger: Logger;
  readonly fetch?: typeof fetch;
  readonly now?: () => number;
  readonly sleep?: Sleep;
  /** Between 0 and 1, for the jitter. */
  readonly random?: () => number;
}

/** Changes within it are told as one: a blip is one message, not two. */
const SETTLE_MS = 2000;
/** Where health flaps, each further message within ten minutes waits twice as long, up to this. */
const MAX_SETTLE_MS = 60_000;
const CALM_MS = 600_000;
/** A daemon that has just started is not ill for not having caught up yet. */
const START_GRACE_MS = 60_000;
const LOOK_MS = 500;
const TIMEOUT_MS = 10_000;
const RETRY_MS = 1000;
const MAX_RETRY_MS = 300_000;

/** What was last told, to compare with what is. */
export interface AlertState {
  readonly healthy: boolean;
  readonly halted: boolean;
  /** The run that waits for a confirmation. */
  readonly unconfirmedRun: string | null;
}
/** The point of departure: nobody is told that all is well. */
const WELL: AlertState = {healthy: true, halted: false, unconfirmedRun: null};

export function alertState(status: Status): AlertState {
  return {
    healthy: status.isHealthy,
    halted: status.replication.state === 'halted',
    unconfirmedRun: status.lastRun?.state === 'needs-confirmation' ? status.lastRun.runId : null,
  };
}

/**
 * The message for a change, or null where there is nothing new to tell. `blip` has the reasons of an
 * illness that came and went in between.
 */
export function alertFor(
  told: AlertState,
  status: Status,
  blip: readonly string[] | null,
): AlertMessage | null {
  const current = alertState(status);
  const parts: string[] = [];
  if (current.halted && !told.halted) parts.push('replication is HALTED');
  else if (!current.healthy && told.healthy) parts.push('NOT HEALTHY');
  if (current.healthy && !told.healthy) parts.push('healthy again');
  else if (current.healthy && told.healthy && blip !== null)
    parts.push('was not healthy for a moment, and is again');
  if (current.unconfirmedRun !== null && current.unconfirmedRun !== told.unconfirmedRun) {
    parts.push(
      `run ${current.unconfirmedRun} would delete too many rows and NEEDS CONFIRMATION (allowDeletes)`,
    );
  }
  if (parts.length === 0) return null;
  const reasons = current.healthy && blip !== null ? blip : status.reasons;
  const because = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
  const {fault} = status.replication;
  const toDo = current.healthy || fault === null ? '' : `. What to do: ${fault.action}`;
  return {
    text: `[laas-sync ${status.name}] ${parts.join(', ')}${because}${toDo}`,
    name: status.name,
    healthy: current.healthy,
    reasons,
    state: status.replication.state,
    timestamp: status.timestamp,
  };
}

/**
 * Watches and tells until the signal is set; without ALERT_WEBHOOK_URL it only waits. Never rejects for
 * what the webhook does.
 */
export async function runAlerts(deps: AlertDeps, signal: AbortSignal): Promise<void> {
  const {operations, config, now = Date.now, sleep = pause} = deps;
  const url = config.alertWebhookUrl;
  if (url === undefined) return untilAborted(signal);
  const watch = new Watch(now);
  // An illness that comes and goes between two looks is seen as well.
  const unsubscribe = operations.subscribe(event => {
    if (event.tag !== 'progress') watch.look(operations.status());
  });
  try {
    while (!signal.aborted) {
      // Health changes with time alone, as lag grows: nothing would ring for that.
      if (watch.look(operations.status())) {
        await sleep(watch.settleMs(), signal);
        await tell({...deps, sleep}, url, watch, signal);
      } else {
        await sleep(LOOK_MS, signal);
      }
    }
  } finally {
    unsubscribe();
  }
}

/** Tries until it has got through, each time with what is true then, or until there is nothing left to tell. */
async function tell(
  deps: AlertDeps & {sleep: Sleep},
  url: string,
  watch: Watch,
  signal: AbortSignal,
): Promise<void> {
  const backoff = new Backoff({firstMs: RETRY_MS, maxMs: MAX_RETRY_MS});
  while (!signal.aborted) {
    const status = deps.operations.status();
    const message = watch.message(status);
    if (message === null) return;
    const fault = await post(deps, url, message, signal);
    if (fault === null) {
      watch.told(status);
      deps.logger.info({event: 'alert.sent', healthy: message.healthy, state: message.state}, 'alert sent');
      return;
    }
    if (signal.aborted) return;
    const delayMs = Math.round(backoff.nextMs(deps.random));
    const attempt = backoff.failures;
    deps.logger.warn(
      {event: 'alert.failed', code: fault, attempt, delayMs},
      'an alert could not be sent; trying again',
    );
    await deps.sleep(delayMs, signal);
  }
}

/** Null where it was taken, else what went wrong. The address is as good as a password, so it is never told. */
async function post(
  deps: AlertDeps,
  url: string,
  message: AlertMessage,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const response = await (deps.fetch ?? fetch)(url, {
      method: 'POST',
      headers: {'content-type': 'application/json'},
      body: JSON.stringify(message),
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    await response.body?.cancel();
    return response.ok ? null : `http-${response.status}`;
  } catch (error) {
    // fetch's messages and causes name the address; its kind is enough.
    return error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : 'unreachable';
  }
}

/** What has been told, and what has been seen since. */
class Watch {
  readonly #now: () => number;
  readonly #startedAtMs: number;
  #told: AlertState = WELL;
  #blip: readonly string[] | null = null;
  #sentAtMs: readonly number[] = [];

  constructor(now: () => number) {
    this.#now = now;
    this.#startedAtMs = now();
  }

  /** True where there is something to tell. */
  look(status: Status): boolean {
    if (this.#starting(status)) return false;
    // It may be over before it is told, so its reasons are kept.
    if (!status.isHealthy && this.#told.healthy) this.#blip = status.reasons;
    return this.message(status) !== null;
  }

  message(status: Status): AlertMessage | null {
    return this.#starting(status) ? null : alertFor(this.#told, status, this.#blip);
  }

  told(status: Status): void {
    this.#sentAtMs = [...this.#sentAtMs, this.#now()];
    this.#blip = null;
    this.#told = alertState(status);
  }

  settleMs(): number {
    const since = this.#now() - CALM_MS;
    this.#sentAtMs = this.#sentAtMs.filter(atMs => atMs > since);
    return Math.min(SETTLE_MS * 2 ** Math.max(0, this.#sentAtMs.length - 1), MAX_SETTLE_MS);
  }

  #starting(status: Status): boolean {
    return status.replication.state === 'starting' && this.#now() - this.#startedAtMs < START_GRACE_MS;
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), {once: true});
  });
}
