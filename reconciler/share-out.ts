/** Shares work out among workers, each of which takes the next piece when it is done with one. */
import {throwIfStopped} from '../src/errors.ts';

/**
 * Ends when nothing is left, or all workers have ended after the first fault, so that nothing goes on behind the
 * caller's back.
 *
 * @throws the first worker's fault; StoppedError when the signal is set
 */
export async function shareOut<Item, Worker>(
  items: Iterator<Item> | AsyncIterator<Item>,
  workers: readonly Worker[],
  work: (worker: Worker, item: Item) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const results = await Promise.allSettled(
    workers.map(async worker => {
      for (;;) {
        throwIfStopped(signal);
        const {done, value} = await items.next(); // which queues those who ask at once
        if (done === true) return;
        await work(worker, value);
      }
    }),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
