/**
 * Waits until all have ended, so that no work continues unnoticed after a fault, and returns their values.
 *
 * @throws the fault of the first in the list that failed
 */
export async function settled<const T extends readonly Promise<unknown>[]>(
  all: T,
): Promise<{-readonly [Index in keyof T]: Awaited<T[Index]>}> {
  for (const result of await Promise.allSettled(all)) if (result.status === 'rejected') throw result.reason;
  return Promise.all(all);
}
