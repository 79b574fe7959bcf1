/**
 * The pending reconcile, for changes that were logged without row images: runs automatically, and again until it
 * succeeds.
 */
import type {Checkpoint} from './apply/checkpoint.ts';
import {Backoff, pause} from './lifecycle/backoff.ts';
import {Pace} from './lifecycle/pace.ts';
import {describeError, type Logger} from './logger.ts';
import type {ReconcileRunner} from './reconcile-runner.ts';

export interface PendingReconcileDeps {
  readonly runner: Pick<ReconcileRunner, 'idle' | 'start'>;
  /** The saved state: a pending reconcile outlives the process. */
  readonly checkpoint: () => Promise<Checkpoint | null>;
  readonly logger: Logger;
  readonly now: () => number;
}

export class PendingReconcile {
  readonly #deps: PendingReconcileDeps;
  #isPending = false;
  #isRequestedAgain = false;
  readonly #pace = new Pace();
  #wake: (() => void) | null = null;

  constructor(deps: PendingReconcileDeps) {
    this.#deps = deps;
  }

  /** A reconcile is pending or running. */
  get isPending(): boolean {
    return this.#isPending;
  }

  /** How long a reconcile waits because another ended a short while ago, in milliseconds; 0 if it need not wait. */
  get waitMs(): number {
    return this.#pace.waitMs(this.#deps.now());
  }

  /** Call it after a pending reconcile was saved. */
  request(): void {
    this.#isPending = true;
    this.#isRequestedAgain = true;
    this.#wake?.();
  }

  /**
   * Runs the pending reconcile as soon as no other runs, until the signal is set. If one is requested soon after
   * another ended, it waits, longer each time, and covers all that happens meanwhile.
   */
  async run(signal: AbortSignal): Promise<void> {
    const {runner, checkpoint, logger, now} = this.#deps;
    const backoff = new Backoff({firstMs: 1000, maxMs: 60_000});
    while (!signal.aborted) {
      if (!this.#isPending) {
        await this.#untilPending(signal);
        continue;
      }
      try {
        await pause(this.waitMs, signal);
        if (signal.aborted) return;
        await runner.idle();
        this.#isRequestedAgain = false;
        // The run that just ended may have covered it.
        const pending = (await checkpoint())?.pending ?? '';
        if (pending === '') {
          // A request during the read is handled in the next round.
          this.#isPending = this.#isRequestedAgain;
          continue;
        }
        const startedMs = now();
        const {ended} = await runner.start('recovery', {
          mode: pending === 'load' ? 'full' : 'diff',
          allowDeletes: false,
        });
        const run = await ended;
        this.#pace.ran(startedMs, now());
        if (run.state === 'failed') await pause(backoff.nextMs(), signal);
        else backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        logger.debug({event: 'recovery.waits', err: describeError(error)}, 'the pending reconcile waits');
        await pause(backoff.nextMs(), signal);
      }
    }
  }

  #untilPending(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, {once: true});
    });
  }
}
