/** Event subscribers: every change as it happens, and the status once a second. */
import {pause} from '../lifecycle/backoff.ts';
import type {OperationEvent, Status} from './operations.ts';

const STATUS_PUSH_MS = 1000;

export class Subscribers {
  readonly #listeners = new Set<(event: OperationEvent) => void>();
  readonly #status: () => Status;

  constructor(status: () => Status) {
    this.#status = status;
  }

  /** @returns a function that ends the subscription */
  add(listener: (event: OperationEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: OperationEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  async pushStatus(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#listeners.size > 0) this.emit({tag: 'status', status: this.#status()});
      await pause(STATUS_PUSH_MS, signal);
    }
  }
}
