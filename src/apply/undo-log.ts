/** Reverts changes in memory when a transaction is rolled back to the savepoint after which they were made. */
export class UndoLog {
  readonly #steps: (() => void)[] = [];

  /** @param step reverts one change that was just made */
  add(step: () => void): void {
    this.#steps.push(step);
  }

  /** Adds a key to a set; {@link undo} removes it again, unless it was there before. */
  include<T>(keys: Set<T>, key: T): void {
    if (keys.has(key)) return;
    keys.add(key);
    this.add(() => keys.delete(key));
  }

  /** Makes the changes so far permanent. */
  clear(): void {
    this.#steps.length = 0;
  }

  /** Reverts what was changed since {@link clear}, the last change first. */
  undo(): void {
    for (const step of this.#steps.splice(0).toReversed()) step();
  }
}
