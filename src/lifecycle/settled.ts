/**
 * Waits until all have ended, so that nothing runs on unnoticed after a fault, and returns their values.
 *
 * @throws the fault of the first in the list that failed
 */
export async function settled<T extends readonly unknown[]>(
  all: readonly [...{[Index in keyof T]: Promise<T[Index]>}],
): Promise<T> {
  for (const result of await Promise.allSettled(all)) if (result.status === 'rejected') throw result.reason;
  return (await Promise.all(all)) as unknown as T;
}
