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

  /** Puts a value into a map, or takes it out if it is null; {@link undo} restores the map. */
  put<K, V>(map: Map<K, V>, key: K, value: V | null): void {
    const before = map.get(key);
    if (value === null) {
      if (before === undefined) return;
      map.delete(key);
    } else map.set(key, value);
    this.add(() => (before === undefined ? map.delete(key) : map.set(key, before)));
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
