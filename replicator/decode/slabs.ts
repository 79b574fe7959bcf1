/**
 * Where row images wait as bytes until they are read: buffers that are used again, since one for each event
 * would be old by the time it is let go, and wait for the collector as long as everything else that is old.
 */

const SLAB_BYTES = 256 * 1024;
/** Of those that nobody uses, as many are kept as a full queue takes. */
const MAX_SPARE = 16;

/** A buffer that is filled piece by piece. */
export class Slab {
  readonly buffer: Buffer;
  readonly #owner: Slabs;
  #used = 0;
  /** Pieces that were not released. */
  #pieces = 0;

  constructor(owner: Slabs, size: number) {
    this.#owner = owner;
    this.buffer = Buffer.allocUnsafeSlow(size);
  }

  get room(): number {
    return this.buffer.length - this.#used;
  }

  /** @returns where it begins */
  add(bytes: Buffer, from: number, to: number): number {
    const start = this.#used;
    bytes.copy(this.buffer, start, from, to);
    this.#used += to - from;
    this.#pieces++;
    return start;
  }

  /** A piece is not looked at any more; to be called once for each. */
  release(): void {
    this.#pieces--;
    if (this.#pieces > 0) return;
    this.#used = 0;
    this.#owner.giveBack(this);
  }
}

export class Slabs {
  readonly #spare: Slab[] = [];
  #current = new Slab(this, SLAB_BYTES);

  /** One with room for so many bytes. */
  withRoom(bytes: number): Slab {
    if (bytes > SLAB_BYTES) return new Slab(this, bytes);
    if (this.#current.room < bytes) this.#current = this.#spare.pop() ?? new Slab(this, SLAB_BYTES);
    return this.#current;
  }

  /** For a slab that is empty. */
  giveBack(slab: Slab): void {
    const isUsual = slab.buffer.length === SLAB_BYTES;
    if (slab !== this.#current && isUsual && this.#spare.length < MAX_SPARE) this.#spare.push(slab);
  }
}
