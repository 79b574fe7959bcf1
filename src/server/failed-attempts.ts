/** Limits the rate of wrong tokens. */

/** A burst for an operator with typing errors, or a scraper with an old token; then one attempt every few seconds. */
const BURST = 20;
const REFILL_MS = 3000;
/** Beyond this number, the address that was seen first is removed, so that memory stays bounded under attack. */
const MAX_ADDRESSES = 10_000;

interface Bucket {
  failures: number;
  atMs: number;
}

/**
 * A leaky bucket of failures for each client address. If it is full, *any* token of that address must wait: to
 * answer a right one at once would leave the guessing rate unlimited.
 */
export class FailedAttempts {
  readonly #buckets = new Map<string, Bucket>();

  /** Returns how long this address must wait, in milliseconds; 0 if it need not wait. */
  waitMs(address: string, nowMs: number): number {
    const bucket = this.#leak(clientBlock(address), nowMs);
    return bucket === undefined || bucket.failures < BURST
      ? 0
      : Math.ceil((bucket.failures - BURST + 1) * REFILL_MS);
  }

  record(address: string, nowMs: number): void {
    const block = clientBlock(address);
    const bucket = this.#leak(block, nowMs) ?? {failures: 0, atMs: nowMs};
    bucket.failures += 1;
    this.#buckets.delete(block);
    this.#buckets.set(block, bucket);
    if (this.#buckets.size > MAX_ADDRESSES) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
  }

  get size(): number {
    return this.#buckets.size;
  }

  #leak(block: string, nowMs: number): Bucket | undefined {
    const bucket = this.#buckets.get(block);
    if (bucket === undefined) return undefined;
    bucket.failures -= Math.max(0, nowMs - bucket.atMs) / REFILL_MS;
    bucket.atMs = nowMs;
    if (bucket.failures > 0) return bucket;
    this.#buckets.delete(block);
    return undefined;
  }
}

/** One IPv4 address, or the /64 of an IPv6 address, because a single host has all of those. */
export function clientBlock(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const filled =
    tail === undefined
      ? groups
      : [...groups, ...Array<string>(Math.max(0, 8 - groups.length - after.length)).fill('0'), ...after];
  const block = filled.slice(0, 4).join(':');
  return block === '0:0:0:0' ? plain : `${block}::/64`;
}
