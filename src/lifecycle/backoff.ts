/** Exponential backoff with full jitter, and waits that a signal ends. */
import {setTimeout as delay} from 'node:timers/promises';

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Grows with each failure, and starts again after a success. */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  get failures(): number {
    return this.#failures;
  }

  reset(): void {
    this.#failures = 0;
  }

  /** Returns the wait after one more failure: between half of the step and the whole. */
  nextMs(random: () => number = Math.random): number {
    const step = Math.min(this.#options.maxMs, this.#options.firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    return step * (0.5 + random() / 2);
  }
}

/** Waits; a set signal ends the wait early and without an error. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, {signal});
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
