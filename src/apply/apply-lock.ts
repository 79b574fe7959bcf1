/**
 * A fair read-write lock between the stream and the reconciler: the stream writes alone, while several reconciler
 * batches may write at once, because their key ranges are disjoint.
 */

/** A place in the queue, held from the request on. */
export interface Turn {
  readonly entered: Promise<void>;
  /** Ends the turn, or cancels it before it came. */
  readonly leave: () => void;
}

interface Place {
  readonly kind: 'stream' | 'chunk';
  readonly enter: () => void;
}

export class ApplyLock {
  #chunks = 0;
  #streaming = false;
  readonly #waiting: Place[] = [];

  /**
   * Runs `task` while nothing else writes.
   *
   * @param turn one that was reserved for it
   */
  exclusive<T>(task: () => Promise<T>, turn?: Turn): Promise<T> {
    return inTurn(turn ?? this.#queue('stream'), task);
  }

  /** Runs `task` while at most other reconciler batches write. */
  shared<T>(task: () => Promise<T>): Promise<T> {
    return inTurn(this.#queue('chunk'), task);
  }

  /** Reserves the stream's next turn, if nobody else waits before it. The turn must be used or cancelled. */
  reserve(): Turn | null {
    return this.#waiting.length > 0 ? null : this.#queue('stream');
  }

  #queue(kind: Place['kind']): Turn {
    let enter: () => void = () => undefined;
    const entered = new Promise<void>(resolve => (enter = resolve));
    const place: Place = {kind, enter};
    let isOver = false;
    this.#waiting.push(place);
    this.#admit();
    return {
      entered,
      leave: () => {
        if (isOver) return;
        isOver = true;
        const at = this.#waiting.indexOf(place);
        if (at >= 0) this.#waiting.splice(at, 1);
        else if (kind === 'stream') this.#streaming = false;
        else this.#chunks--;
        this.#admit();
      },
    };
  }

  /** Grants turns in order of arrival, so that neither side starves. */
  #admit(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || this.#streaming || (next.kind === 'stream' && this.#chunks > 0)) return;
      this.#waiting.shift();
      if (next.kind === 'stream') this.#streaming = true;
      else this.#chunks++;
      next.enter();
    }
  }
}

async function inTurn<T>({entered, leave}: Turn, task: () => Promise<T>): Promise<T> {
  await entered;
  try {
    return await task();
  } finally {
    leave();
  }
}
