/** Distributes work among workers. Each worker takes the next piece when it has finished one. */
import {throwIfStopped} from '../src/errors.ts';

/**
 * Ends when nothing is left, or when all workers have ended after the first fault, so that no work continues
 * unnoticed.
 *
 * @throws the first worker's fault; StoppedError when the signal is set
 */
export async function shareOut<Item, Worker>(
  items: Iterator<Item> | AsyncIterator<Item>,
  workers: readonly Worker[],
  work: (worker: Worker, item: Item) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let hasFailed = false;
  const results = await Promise.allSettled(
    workers.map(async worker => {
      try {
        while (!hasFailed) {
          throwIfStopped(signal);
          const {done, value} = await items.next(); // The generator queues concurrent requests.
          if (done === true) return;
          await work(worker, value);
        }
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
