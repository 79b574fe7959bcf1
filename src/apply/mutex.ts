/**
 * Keeps the stream and the reconciler apart while they write: the stream alone, or reconciler chunks, of
 * which several may write at once since their key ranges are disjoint.
 */
export class ApplyLock {
  #chunks = 0;
  #streaming = false;
  readonly #waiting: {readonly kind: 'stream' | 'chunk'; readonly enter: () => void}[] = [];

  /** Runs `task` while nothing else writes. */
  stream<T>(task: () => Promise<T>): Promise<T> {
    return this.#run('stream', task);
  }

  /** Runs `task` while at most other chunks write. */
  chunk<T>(task: () => Promise<T>): Promise<T> {
    return this.#run('chunk', task);
  }

  async #run<T>(kind: 'stream' | 'chunk', task: () => Promise<T>): Promise<T> {
    await new Promise<void>(enter => {
      this.#waiting.push({kind, enter});
      this.#admit();
    });
    try {
      return await task();
    } finally {
      if (kind === 'stream') this.#streaming = false;
      else this.#chunks--;
      this.#admit();
    }
  }

  /** In order of arrival, so that neither side starves. */
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
