/** The one way in which a test waits. */
import {setTimeout as sleep} from 'node:timers/promises';
import {inspect} from 'node:util';

export interface EventuallyOptions {
  /** 10 s by default. */
  readonly timeoutMs?: number;
  /** 20 ms by default. */
  readonly intervalMs?: number;
  /** The name of the condition, for the message of a failure. */
  readonly what?: string;
}

/**
 * Repeats the probe until it neither throws nor returns false or undefined, and returns its result. A probe of
 * assertions may end with `return true`. Past the time limit it throws, with the last error as its cause, or with
 * the last result.
 *
 * @example const row = await eventually(async () => (await query(target, 'SELECT …'))[0]);
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false | undefined | void>> {
  const {timeoutMs = 10_000, intervalMs = 20, what = 'the condition'} = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const attempt = await tryOnce(probe);
    if ('value' in attempt && isAnswer(attempt.value)) return attempt.value;
    if (performance.now() >= deadline) {
      const last = 'value' in attempt ? `last: ${inspect(attempt.value)}` : String(attempt.error);
      const cause = 'error' in attempt ? {cause: attempt.error} : undefined;
      throw new Error(`${what} did not hold within ${timeoutMs} ms; ${last}`, cause);
    }
    await sleep(intervalMs);
  }
}

async function tryOnce<T>(probe: () => T | Promise<T>): Promise<{value: T} | {error: unknown}> {
  try {
    return {value: await probe()};
  } catch (error) {
    return {error};
  }
}

function isAnswer<T>(value: T): value is Exclude<T, false | undefined | void> {
  return value !== false && value !== undefined;
}
