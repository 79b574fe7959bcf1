/**
 * Separates drift from rows in flight. A row that differs is compared again until it has agreed once, or has
 * stayed the same for several comparisons. Beside a busy stream, other rows differ in each comparison, but they
 * agreed before. Pure.
 */

/** A row as it was read on both sides, as text. */
export interface Sides {
  readonly source: string;
  readonly target: string;
}

/**
 * A row whose difference is unchanged for this many comparisons in a row is drift. Rows that leave and enter again,
 * with a row above them, differ in the same way each time: with three comparisons, one verification in forty beside
 * such rows reported them.
 */
const STILL_COMPARISONS = 8;

interface Suspect extends Sides {
  readonly comparisons: number;
  /** The target's side has changed, so something is still writing it. */
  readonly moved: boolean;
}

export class Suspects {
  #suspects: ReadonlyMap<string, Suspect>;

  constructor(differences: ReadonlyMap<string, Sides>) {
    this.#suspects = new Map(
      [...differences].map(([id, {source, target}]) => [id, {source, target, comparisons: 1, moved: false}]),
    );
  }

  /** Whether no further comparison would give more information. */
  get areSettled(): boolean {
    return [...this.#suspects.values()].every(isStill);
  }

  compare(differences: ReadonlyMap<string, Sides>): void {
    const next = new Map<string, Suspect>();
    for (const [id, before] of this.#suspects) {
      const now = differences.get(id);
      if (now === undefined) continue;
      const isSame = now.source === before.source && now.target === before.target;
      next.set(id, {
        source: now.source,
        target: now.target,
        comparisons: isSame ? before.comparisons + 1 : 1,
        moved: before.moved || now.target !== before.target,
      });
    }
    this.#suspects = next;
  }

  /**
   * Whether a row that differed in the last comparison is drift. A row that is still being written, or that
   * agreed before, is not.
   */
  isDrift(id: string): boolean {
    const suspect = this.#suspects.get(id);
    return suspect !== undefined && (isStill(suspect) || !suspect.moved);
  }
}

function isStill({comparisons}: Suspect): boolean {
  return comparisons >= STILL_COMPARISONS;
}
