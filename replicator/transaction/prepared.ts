/**
 * Remembers prepared transactions (XA) without mapped rows. The log has the rows when a transaction is prepared;
 * its commit comes later, without them. A commit that is not known to be without mapped rows requests a
 * reconcile. Pure.
 */

/** Many more than a server has open at once. A forgotten one costs a reconcile. */
const KEPT = 1000;

export class PreparedByOthers {
  readonly #ids = new Set<string>();

  prepared(id: string | null, touchesOurs: boolean): void {
    if (id === null) return;
    // An id may be used again; the last one counts.
    this.#ids.delete(id);
    if (touchesOurs) return;
    this.#ids.add(id);
    const [oldest] = this.#ids;
    if (this.#ids.size > KEPT && oldest !== undefined) this.#ids.delete(oldest);
  }

  /** @returns whether the transaction that ends here is known to have no mapped rows */
  ended(id: string | null): boolean {
    return id !== null && this.#ids.delete(id);
  }
}
