/**
 * Prepared transactions (XA) that touched nothing of ours. The log has rows when they are prepared, and says only
 * later, when the rows are gone by, that they were committed: a commit that is not known to be one of others
 * asks for a reconcile. Pure.
 */

/** Many more than a server has open at once. What is forgotten costs a reconcile. */
const KEPT = 1000;

export class PreparedByOthers {
  readonly #ids = new Set<string>();

  prepared(id: string | null, touchesOurs: boolean): void {
    if (id === null) return;
    // An id may be used again: the last one counts.
    this.#ids.delete(id);
    if (touchesOurs) return;
    this.#ids.add(id);
    const [oldest] = this.#ids;
    if (this.#ids.size > KEPT && oldest !== undefined) this.#ids.delete(oldest);
  }

  /** @returns whether what ends here is known to have touched nothing of ours */
  ended(id: string | null): boolean {
    return id !== null && this.#ids.delete(id);
  }
}
