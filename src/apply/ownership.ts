/**
 * Which rows of the target are ours: written by us, or adopted since the source has the same key
 * (design.md §2.5). Only these are ever deleted, and a membership is written only between owned parents.
 *
 * Stored as one {@link IdSet} for each table and 65,536 ids, for memberships for each institute; kept in
 * memory up to a bound, which is safe since only the leader writes it. `user_auth` shares its user's.
 */
import {IdSet} from './id-set.ts';
import {literal} from './sql-text.ts';

/** What is owned: institutes and users by id, memberships by the user's id within an institute. */
export type OwnedKind = 'institute' | 'user' | 'membership';

export interface OwnedKey {
  readonly kind: OwnedKind;
  /** The institute of a membership; empty otherwise. */
  readonly scope: string;
  readonly id: string;
}

export const ownedInstitute = (id: string): OwnedKey => ({kind: 'institute', scope: '', id});
export const ownedUser = (id: string): OwnedKey => ({kind: 'user', scope: '', id});
export const ownedMembership = (instituteId: string, userId: string): OwnedKey => ({
  kind: 'membership',
  scope: instituteId,
  id: userId,
});

const CHUNK_BITS = 65_536;
const MAX_CACHE_BYTES = 16 * 1024 * 1024;
const CHUNKS_PER_QUERY = 500;

type Query = (sql: string) => Promise<unknown[][]>;

/** The name of a chunk, and an id's place in it; exact for every 64-bit id. */
function locate(id: string): {chunk: string; low: number} {
  if (id.length <= 15) {
    const number = Number(id);
    const chunk = Math.floor(number / CHUNK_BITS);
    return {chunk: String(chunk), low: number - chunk * CHUNK_BITS};
  }
  const number = BigInt(id);
  return {chunk: String(number >> 16n), low: Number(number & 0xffffn)};
}

/** The last id of the chunk in which `id` lies: ranges that end there share no chunk. */
export function chunkEnd(id: string): string {
  return String((BigInt(locate(id).chunk) + 1n) * BigInt(CHUNK_BITS) - 1n);
}

export class Ownership {
  readonly #stream: string;
  /** Least recently used first. */
  readonly #chunks = new Map<string, IdSet>();
  #bytes = 0;

  constructor(stream: string) {
    this.#stream = stream;
  }

  /** Forgets what is in memory: after a change of leadership or an unknown outcome. */
  clear(): void {
    this.#chunks.clear();
    this.#bytes = 0;
  }

  /** Brings the chunks of these keys into memory, so that {@link OwnershipView.has} can answer. */
  async view(keys: Iterable<OwnedKey>, query: Query): Promise<OwnershipView> {
    const wanted = new Map<string, IdSet>();
    const missing = new Map<string, {kind: OwnedKind; scope: string; chunk: string}>();
    for (const {kind, scope, id} of keys) {
      const {chunk} = locate(id);
      const name = chunkName(kind, scope, chunk);
      if (wanted.has(name) || missing.has(name)) continue;
      const cached = this.#chunks.get(name);
      if (cached === undefined) missing.set(name, {kind, scope, chunk});
      else {
        this.#chunks.delete(name);
        this.#chunks.set(name, cached);
        wanted.set(name, cached);
      }
    }
    const list = [...missing.values()];
    for (let i = 0; i < list.length; i += CHUNKS_PER_QUERY) {
      for (const [kind, scope, chunk, members] of await query(
        this.#select(list.slice(i, i + CHUNKS_PER_QUERY)),
      )) {
        const name = chunkName(String(kind) as OwnedKind, String(scope), String(chunk));
        wanted.set(
          name,
          IdSet.decode(Buffer.isBuffer(members) ? members : Buffer.from(String(members), 'latin1')),
        );
      }
    }
    for (const name of missing.keys()) {
      const set = wanted.get(name) ?? new IdSet();
      wanted.set(name, set);
      this.#keep(name, set);
    }
    return new OwnershipView(this.#stream, wanted, (name, set) => this.#keep(name, set));
  }

  #select(chunks: readonly {kind: OwnedKind; scope: string; chunk: string}[]): string {
    const groups = new Map<string, string[]>();
    for (const {kind, scope, chunk} of chunks) {
      const group = `kind = ${literal(kind)} AND scope = ${literal(scope)}`;
      groups.set(group, [...(groups.get(group) ?? []), chunk]);
    }
    const conditions = [...groups].map(([group, ids]) => `(${group} AND chunk IN (${ids.join(', ')}))`);
    return `SELECT kind, scope, chunk, members FROM sync_owned WHERE stream = ${literal(this.#stream)} AND (${conditions.join(' OR ')})`;
  }

  #keep(name: string, set: IdSet): void {
    this.#bytes -= this.#chunks.get(name)?.bytes ?? 0;
    this.#chunks.delete(name);
    this.#chunks.set(name, set);
    this.#bytes += set.bytes;
    for (const [oldest, {bytes}] of this.#chunks) {
      if (this.#bytes <= MAX_CACHE_BYTES || oldest === name) break;
      this.#chunks.delete(oldest);
      this.#bytes -= bytes;
    }
  }
}

/** Ownership as one transaction sees it: its changes are its own until {@link OwnershipView.commit}. */
export class OwnershipView {
  readonly #stream: string;
  readonly #chunks: Map<string, IdSet>;
  readonly #keep: (name: string, set: IdSet) => void;
  readonly #changed = new Map<string, IdSet>();

  constructor(stream: string, chunks: Map<string, IdSet>, keep: (name: string, set: IdSet) => void) {
    this.#stream = stream;
    this.#chunks = chunks;
    this.#keep = keep;
  }

  has({kind, scope, id}: OwnedKey): boolean {
    const {chunk, low} = locate(id);
    const name = chunkName(kind, scope, chunk);
    return (this.#changed.get(name) ?? this.#chunks.get(name))?.has(low) ?? false;
  }

  add(key: OwnedKey): void {
    if (!this.has(key)) this.#change(key).add(locate(key.id).low);
  }

  delete(key: OwnedKey): void {
    if (this.has(key)) this.#change(key).delete(locate(key.id).low);
  }

  /** Other keys, loaded later in the same transaction. */
  merge(other: OwnershipView): void {
    for (const [name, set] of other.#chunks) if (!this.#chunks.has(name)) this.#chunks.set(name, set);
  }

  /** What stores the changes; to be run in the transaction of the rows. */
  statements(): string[] {
    const rows = [...this.#changed].map(([name, set]) => {
      const [kind = '', scope = '', chunk = ''] = name.split('/');
      return `(${literal(this.#stream)},${literal(kind)},${literal(scope)},${chunk},${set.size},x'${set.encode().toString('hex')}')`;
    });
    const statements: string[] = [];
    for (let i = 0; i < rows.length; i += CHUNKS_PER_QUERY) {
      statements.push(
        `INSERT INTO sync_owned (stream, kind, scope, chunk, size, members) VALUES ${rows.slice(i, i + CHUNKS_PER_QUERY).join(',')} ` +
          'ON DUPLICATE KEY UPDATE size = VALUES(size), members = VALUES(members)',
      );
    }
    return statements;
  }

  /** Call when the transaction has committed. */
  commit(): void {
    for (const [name, set] of this.#changed) this.#keep(name, set);
    this.#changed.clear();
  }

  /** Call when it was rolled back and is tried again. */
  rollback(): void {
    this.#changed.clear();
  }

  #change({kind, scope, id}: OwnedKey): IdSet {
    const name = chunkName(kind, scope, locate(id).chunk);
    let set = this.#changed.get(name);
    if (set === undefined) {
      set = this.#chunks.get(name)?.clone() ?? new IdSet();
      this.#changed.set(name, set);
    }
    return set;
  }
}

function chunkName(kind: OwnedKind, scope: string, chunk: string): string {
  return `${kind}/${scope}/${chunk}`;
}
