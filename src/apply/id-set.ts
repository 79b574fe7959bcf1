/**
 * A set of 16-bit numbers, the low halves of up to 65,536 neighbouring ids, small in memory and smaller when
 * stored: ownership must not cost one stored row per target row. The forms are those of
 * Roaring bitmaps: a sorted array while sparse, a bitmap when dense, and runs on disk.
 */

const BITMAP_WORDS = 2048;
/** Up to this size, an array takes no more memory than a bitmap. */
const MAX_ARRAY = 4096;
const RUNS = 1;
const ARRAY = 2;
const BITMAP = 3;

export class IdSet {
  #array: Uint16Array = new Uint16Array(8);
  #bitmap: Uint32Array | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The approximate size in memory. */
  get bytes(): number {
    return 64 + (this.#bitmap === null ? this.#array.byteLength : BITMAP_WORDS * 4);
  }

  has(low: number): boolean {
    if (this.#bitmap !== null) return ((this.#bitmap[low >>> 5] ?? 0) & (1 << (low & 31))) !== 0;
    const at = this.#find(low);
    return at < this.#size && this.#array[at] === low;
  }

  add(low: number): void {
    if (this.#bitmap === null && this.#size >= MAX_ARRAY) this.#bitmap = this.#toBitmap();
    if (this.#bitmap !== null) {
      if (this.has(low)) return;
      this.#bitmap[low >>> 5] = (this.#bitmap[low >>> 5] ?? 0) | (1 << (low & 31));
      this.#size++;
      return;
    }
    const at = this.#find(low);
    if (at < this.#size && this.#array[at] === low) return;
    if (this.#size === this.#array.length) {
      const grown = new Uint16Array(Math.min(MAX_ARRAY, this.#array.length * 2));
      grown.set(this.#array);
      this.#array = grown;
    }
    this.#array.copyWithin(at + 1, at, this.#size);
    this.#array[at] = low;
    this.#size++;
  }

  delete(low: number): void {
    if (!this.has(low)) return;
    if (this.#bitmap === null) this.#array.copyWithin(this.#find(low), this.#find(low) + 1, this.#size);
    else this.#bitmap[low >>> 5] = (this.#bitmap[low >>> 5] ?? 0) & ~(1 << (low & 31));
    this.#size--;
  }

  clone(): IdSet {
    const copy = new IdSet();
    copy.#array = this.#array.slice();
    copy.#bitmap = this.#bitmap === null ? null : this.#bitmap.slice();
    copy.#size = this.#size;
    return copy;
  }

  /** The members in ascending order. */
  values(): Uint16Array {
    if (this.#bitmap === null) return this.#array.subarray(0, this.#size);
    const values = new Uint16Array(this.#size);
    let at = 0;
    for (let word = 0; word < BITMAP_WORDS; word++) {
      let bits = this.#bitmap[word] ?? 0;
      while (bits !== 0) {
        values[at++] = word * 32 + 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
      }
    }
    return values;
  }

  /** Returns the smallest of the three stored forms. */
  encode(): Buffer {
    const values = this.values();
    const runs: number[] = [];
    // Past that, runs are not the smallest form.
    const limit = Math.min(values.length, BITMAP_WORDS * 2);
    for (let from = 0, to = 0; from < values.length && runs.length <= limit; from = ++to) {
      const start = values[from] ?? 0;
      while (to + 1 < values.length && values[to + 1] === start + to + 1 - from) to++;
      runs.push(start, to - from);
    }
    if (runs.length <= limit) return words(RUNS, runs);
    if (values.length <= BITMAP_WORDS * 2) return words(ARRAY, values);
    const buffer = Buffer.alloc(1 + BITMAP_WORDS * 4);
    buffer[0] = BITMAP;
    (this.#bitmap ?? this.#toBitmap()).forEach((word, i) => buffer.writeUInt32LE(word, 1 + i * 4));
    return buffer;
  }

  /** @throws RangeError for bytes that {@link encode} did not write */
  static decode(buffer: Buffer): IdSet {
    const set = new IdSet();
    const tag = buffer[0];
    const length = buffer.length - 1;
    if (tag === BITMAP && length === BITMAP_WORDS * 4) {
      const bitmap = new Uint32Array(BITMAP_WORDS);
      for (let i = 0; i < BITMAP_WORDS; i++) bitmap[i] = buffer.readUInt32LE(1 + i * 4);
      set.#bitmap = bitmap;
      for (const word of bitmap) set.#size += bitCount(word);
      return set;
    }
    if (tag === ARRAY && length % 2 === 0) {
      for (let i = 1; i < buffer.length; i += 2) set.add(buffer.readUInt16LE(i));
      return set;
    }
    if (tag === RUNS && length % 4 === 0) {
      for (let i = 1; i < buffer.length; i += 4) {
        const start = buffer.readUInt16LE(i);
        const end = start + buffer.readUInt16LE(i + 2);
        for (let low = start; low <= end; low++) set.add(low);
      }
      return set;
    }
    throw new RangeError('not an encoded set of ids');
  }

  /** Returns the index of `low`, or the index at which it would be inserted. */
  #find(low: number): number {
    let from = 0;
    let to = this.#size;
    // Ids mostly come in ascending order.
    if (to > 0 && (this.#array[to - 1] ?? 0) < low) return to;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#array[middle] ?? 0) < low) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #toBitmap(): Uint32Array {
    const bitmap = new Uint32Array(BITMAP_WORDS);
    for (let i = 0; i < this.#size; i++) {
      const low = this.#array[i] ?? 0;
      bitmap[low >>> 5] = (bitmap[low >>> 5] ?? 0) | (1 << (low & 31));
    }
    return bitmap;
  }
}

function words(tag: number, numbers: ArrayLike<number>): Buffer {
  const buffer = Buffer.alloc(1 + numbers.length * 2);
  buffer[0] = tag;
  for (let i = 0; i < numbers.length; i++) buffer.writeUInt16LE(numbers[i] ?? 0, 1 + i * 2);
  return buffer;
}

function bitCount(word: number): number {
  let bits = word;
  let count = 0;
  while (bits !== 0) {
    bits &= bits - 1;
    count++;
  }
  return count;
}
