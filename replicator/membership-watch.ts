/** Checks while the stream runs whether the source still belongs to its cluster. */
import {SyncError} from '../src/errors.ts';
import {pause} from '../src/lifecycle/backoff.ts';

const CHECK_MS = 2000;

/**
 * @param whyNot returns why the source cannot be used now, or null
 * @param fail called once, with the reason or with the error of the check
 * @returns when the signal is set, or after a failure
 */
export async function watchMembership(
  whyNot: () => Promise<string | null>,
  fail: (error: Error) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await pause(CHECK_MS, signal);
    if (signal.aborted) return;
    try {
      const reason = await whyNot();
      if (reason === null) continue;
      return fail(new SyncError('source-unreachable', reason, {answersAtOnce: true}));
    } catch (error) {
      return fail(error instanceof Error ? error : new SyncError('internal', 'an unexpected fault'));
    }
  }
}
