/** Prefetch: reads the next item while the current one is processed. */

/**
 * Yields what `items` yields, and requests each item before the previous one is finished. An item that nobody
 * takes, because the consumer has left, is passed to `discard`.
 */
export async function* prefetch<T>(items: AsyncGenerator<T>, discard: (item: T) => void): AsyncGenerator<T> {
  const request = () => {
    const item = items.next();
    // The failure is reported when the item is taken; until then it must not count as unhandled.
    item.catch(() => undefined);
    return item;
  };
  let next = request();
  let isTaken = false;
  try {
    for (;;) {
      const {done, value} = await next;
      if (done === true) {
        isTaken = true;
        return;
      }
      next = request();
      yield value;
    }
  } finally {
    if (!isTaken) {
      const left = await next.catch(() => undefined);
      if (left !== undefined && left.done !== true) discard(left.value);
      await items.return(undefined);
    }
  }
}
