/** Checks while the stream runs whether the source still belongs to its cluster. */
import {SyncError} from '../src/errors.ts';
import {pause} from '../src/lifecycle/backoff.ts';

const CHECK_MS = 2000;

export interface MembershipWatch {
  /** Returns why the source cannot be used now, or null. */
  readonly whyNot: () => Promise<string | null>;
  /** Called once, with the reason or with the error of the check. */
  readonly fail: (error: Error) => void;
  readonly signal: AbortSignal;
  readonly wait?: typeof pause;
}

/** @returns when the signal is set, or after a failure */
export async function watchMembership({whyNot, fail, signal, wait = pause}: MembershipWatch): Promise<void> {
  while (!signal.aborted) {
    await wait(CHECK_MS, signal);
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
