/** Takes back changes in memory where the savepoint goes that the rows were written after. */
export class UndoLog {
  readonly #steps: (() => void)[] = [];

  /** @param step takes back one change that was made just now */
  add(step: () => void): void {
    this.#steps.push(step);
  }

  /** Adds a key to a set, and takes it out again by {@link undo}, unless it was there before. */
  include<T>(keys: Set<T>, key: T): void {
    if (keys.has(key)) return;
    keys.add(key);
    this.add(() => keys.delete(key));
  }

  /** What was changed before stays. */
  clear(): void {
    this.#steps.length = 0;
  }

  /** Takes back what was changed since {@link clear}, the last change first. */
  undo(): void {
    for (const step of this.#steps.splice(0).toReversed()) step();
  }
}
