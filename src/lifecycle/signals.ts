/** Handles requests to stop: the first finishes the current work, the second ends the process at once. */
import type {Logger} from '../logger.ts';

const DRAIN_MS = 30_000;
/** The exit code of a shell for a process that a signal ended. */
const SIGNAL_EXIT = 128;
const NUMBERS = {SIGINT: 2, SIGTERM: 15} as const;

/** @returns a signal that is set by the first SIGTERM or SIGINT; the second, or 30 s, ends the process */
export function stopOnSignals(logger: Logger): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(SIGNAL_EXIT + NUMBERS[name]);
      logger.info({event: 'stopping', signal: name}, 'stopping after the current transaction');
      controller.abort();
      setTimeout(() => {
        logger.error({event: 'drain.timeout'}, 'stopping took too long; exiting now');
        process.exit(1);
      }, DRAIN_MS).unref();
    });
  }
  return controller.signal;
}
