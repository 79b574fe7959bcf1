/** Reading one ahead: the next item is on its way while its forerunner is worked on. */

/**
 * Yields what `items` does, asking for each item before the one before it is done with. An item that nobody
 * takes, since the consumer has left, is given to `discard`.
 */
export async function* oneAhead<T>(items: AsyncGenerator<T>, discard: (item: T) => void): AsyncGenerator<T> {
  const ask = () => {
    const asked = items.next();
    // A failure is told where the item is taken; meanwhile it must not count as unhandled.
    asked.catch(() => undefined);
    return asked;
  };
  let next = ask();
  let isTaken = false;
  try {
    for (;;) {
      const {done, value} = await next;
      if (done === true) {
        isTaken = true;
        return;
      }
      next = ask();
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
