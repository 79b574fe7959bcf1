/**
 * Tells drift from rows in flight: rows that differ are looked at until each has agreed once, or has stood
 * still for some looks. Beside a busy stream others differ at every look: those agreed before. Pure.
 */

/** A row as it was found on both sides, as text. */
export interface Sides {
  readonly source: string;
  readonly target: string;
}

/** A row whose difference stands still for this many looks in a row is drift. */
const STILL_LOOKS = 3;

interface Suspect extends Sides {
  readonly looks: number;
  /** The target's side has changed: something goes on writing it. */
  readonly moved: boolean;
}

export class Suspects {
  #suspects: ReadonlyMap<string, Suspect>;

  constructor(differences: ReadonlyMap<string, Sides>) {
    this.#suspects = new Map([...differences].map(([id, sides]) => [id, {...sides, looks: 1, moved: false}]));
  }

  /** No further look would tell more. */
  get areSettled(): boolean {
    return [...this.#suspects.values()].every(isStill);
  }

  look(differences: ReadonlyMap<string, Sides>): void {
    const next = new Map<string, Suspect>();
    for (const [id, before] of this.#suspects) {
      const now = differences.get(id);
      if (now === undefined) continue;
      const isSame = now.source === before.source && now.target === before.target;
      next.set(id, {
        source: now.source,
        target: now.target,
        looks: isSame ? before.looks + 1 : 1,
        moved: before.moved || now.target !== before.target,
      });
    }
    this.#suspects = next;
  }

  /** Whether a row that differed in the last look is drift. One that is still written is not, nor one that agreed before. */
  isDrift(id: string): boolean {
    const suspect = this.#suspects.get(id);
    return suspect !== undefined && (isStill(suspect) || !suspect.moved);
  }
}

function isStill({looks}: Suspect): boolean {
  return looks >= STILL_LOOKS;
}
