/**
 * Notifies people of changes of health by POST to a webhook: once per change, with the reasons, and when it is
 * over. Nothing here can slow the stream down: an unsent alert is one small record, always the newest.
 */
import {Backoff, pause} from '../lifecycle/backoff.ts';
import {untilAborted} from '../lifecycle/until-aborted.ts';
import type {Logger} from '../logger.ts';
import type {Operations, Status} from './operations.ts';

/** The body of the POST. Chat services show `text`; the rest is for programs. */
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

/** Changes within this time are reported together: a short fault is one message, not two. */
const SETTLE_MS = 2000;
/** If health changes repeatedly, each further message within ten minutes waits twice as long, up to this. */
const MAX_SETTLE_MS = 60_000;
const CALM_MS = 600_000;
/** A daemon that has just started is not unhealthy because it has not caught up yet. */
const START_GRACE_MS = 60_000;
const LOOK_MS = 500;
const TIMEOUT_MS = 10_000;
const RETRY_MS = 1000;
const MAX_RETRY_MS = 300_000;

/** The last reported state, for a comparison with the current one. */
export interface AlertState {
  readonly healthy: boolean;
  readonly halted: boolean;
  /** The run that waits for a confirmation. */
  readonly unconfirmedRun: string | null;
}
/** The initial state: nobody is notified that all is well. */
const WELL: AlertState = {healthy: true, halted: false, unconfirmedRun: null};

export function alertState(status: Status): AlertState {
  return {
    healthy: status.isHealthy,
    halted: status.replication.state === 'halted',
    unconfirmedRun: status.lastRun?.state === 'needs-confirmation' ? status.lastRun.runId : null,
  };
}

/**
 * Returns the message for a change, or null if there is nothing new. `blip` has the reasons of a fault that
 * began and ended in between.
 */
export function alertFor(
  reported: AlertState,
  status: Status,
  blip: readonly string[] | null,
): AlertMessage | null {
  const current = alertState(status);
  const parts: string[] = [];
  if (current.halted && !reported.halted) parts.push('replication is HALTED');
  else if (!current.healthy && reported.healthy) parts.push('NOT HEALTHY');
  if (current.healthy && !reported.healthy) parts.push('healthy again');
  else if (current.healthy && reported.healthy && blip !== null)
    parts.push('was unhealthy for a moment, and is healthy again');
  if (current.unconfirmedRun !== null && current.unconfirmedRun !== reported.unconfirmedRun) {
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
 * Watches and reports until the signal is set; without ALERT_WEBHOOK_URL it only waits. It never rejects because
 * of the webhook.
 */
export async function runAlerts(deps: AlertDeps, signal: AbortSignal): Promise<void> {
  const {operations, config, now = Date.now, sleep = pause} = deps;
  const url = config.alertWebhookUrl;
  if (url === undefined) return untilAborted(signal);
  const watch = new Watch(now);
  // A fault that begins and ends between two checks is seen as well.
  const unsubscribe = operations.subscribe(event => {
    if (event.tag !== 'progress') watch.look(operations.status());
  });
  try {
    while (!signal.aborted) {
      // Health also changes with time alone, as lag grows, and no event reports that.
      if (watch.look(operations.status())) {
        await sleep(watch.settleMs(), signal);
        await report({...deps, sleep}, url, watch, signal);
      } else {
        await sleep(LOOK_MS, signal);
      }
    }
  } finally {
    unsubscribe();
  }
}

/** Retries until the message is sent, each time with the current state, or until there is nothing left to report. */
async function report(
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
      watch.reported(status);
      deps.logger.info({event: 'alert.sent', healthy: message.healthy, state: message.state}, 'alert sent');
      return;
    }
    if (signal.aborted) return;
    const delayMs = Math.round(backoff.nextMs(deps.random));
    const attempt = backoff.failures;
    deps.logger.warn(
      {event: 'alert.failed', code: fault, attempt, delayMs},
      'an alert could not be sent; retrying',
    );
    await deps.sleep(delayMs, signal);
  }
}

/** Null if it was accepted, otherwise the reason. The address is a secret like a password, so it is never logged. */
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
    // fetch's messages and causes contain the address; the error's kind is enough.
    return error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : 'unreachable';
  }
}

/** The state that was reported, and the changes since. */
class Watch {
  readonly #now: () => number;
  readonly #startedAtMs: number;
  #reported: AlertState = WELL;
  #blip: readonly string[] | null = null;
  #sentAtMs: readonly number[] = [];

  constructor(now: () => number) {
    this.#now = now;
    this.#startedAtMs = now();
  }

  /** True if there is something to report. */
  look(status: Status): boolean {
    if (this.#starting(status)) return false;
    // The fault may be over before it is reported, so its reasons are kept.
    if (!status.isHealthy && this.#reported.healthy) this.#blip = status.reasons;
    return this.message(status) !== null;
  }

  message(status: Status): AlertMessage | null {
    return this.#starting(status) ? null : alertFor(this.#reported, status, this.#blip);
  }

  reported(status: Status): void {
    this.#sentAtMs = [...this.#sentAtMs, this.#now()];
    this.#blip = null;
    this.#reported = alertState(status);
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
