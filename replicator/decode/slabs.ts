/**
 * Reuses the buffers in which row images wait to be decoded. With a buffer for each event, buffers would grow old
 * before they are released, and would wait for a full garbage collection.
 */

const SLAB_BYTES = 256 * 1024;
/** The number of unused buffers that are kept: as many as a full queue needs. */
const MAX_SPARE = 16;

/** A buffer that is filled piece by piece. */
export class Slab {
  readonly buffer: Buffer;
  readonly #owner: Slabs;
  #used = 0;
  /** The number of pieces that were not released. */
  #pieces = 0;

  constructor(owner: Slabs, size: number) {
    this.#owner = owner;
    this.buffer = Buffer.allocUnsafeSlow(size);
  }

  get room(): number {
    return this.buffer.length - this.#used;
  }

  /** @returns the offset at which the piece begins */
  add(bytes: Buffer, from: number, to: number): number {
    const start = this.#used;
    bytes.copy(this.buffer, start, from, to);
    this.#used += to - from;
    this.#pieces++;
    return start;
  }

  /** Releases a piece; to be called once for each. */
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

  /** Returns a slab with room for so many bytes. */
  withRoom(bytes: number): Slab {
    if (bytes > SLAB_BYTES) return new Slab(this, bytes);
    if (this.#current.room < bytes) this.#current = this.#spare.pop() ?? new Slab(this, SLAB_BYTES);
    return this.#current;
  }

  /** Takes back an empty slab. */
  giveBack(slab: Slab): void {
    const isUsual = slab.buffer.length === SLAB_BYTES;
    if (slab !== this.#current && isUsual && this.#spare.length < MAX_SPARE) this.#spare.push(slab);
  }
}
