/**
 * Which rows of the target are ours: written by us, or adopted since the source has the same key
 * (docs/rules.md, Ownership). Only these are ever deleted, and a membership is written only between owned parents.
 *
 * Stored as one {@link IdSet} for each table and 65,536 ids, for memberships for each institute; kept in
 * memory up to a bound, which is safe since only the leader writes it. `user_auth` shares its user's.
 */
import {readClosed} from '../db/counted.ts';
import type {Pair} from '../mapping/row.ts';
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

/** The keys of a map, or a set of them, without an object for each. */
export interface Ids {
  forEach(each: (value: unknown, id: string) => void): void;
}

/** Many keys, without an object for each. */
export interface OwnedKeys {
  readonly userIds: Ids;
  readonly instituteIds: Ids;
  /** Memberships, and their users and institutes. */
  readonly pairs: Iterable<Pair>;
}

export const CHUNK_IDS = 65_536;
const MAX_CACHE_BYTES = 16 * 1024 * 1024;
const CHUNKS_PER_QUERY = 500;
const STORED = {columns: ['kind', 'scope', 'chunk', 'members'], from: 'sync_owned'};

type Query = (sql: string) => Promise<unknown[][]>;

/** Neighbouring ids of one kind and scope, whose ownership is stored together. */
interface Chunk {
  readonly kind: OwnedKind;
  readonly scope: string;
  /** The ids' upper bits; a 64-bit id leaves 48 of them, which a number holds exactly. */
  readonly number: number;
}

/** In which chunk an id lies; exact for every 64-bit id. */
function chunkOf(id: string): number {
  // Up to 15 digits a number is exact.
  return id.length <= 15 ? Math.floor(Number(id) / CHUNK_IDS) : Number(BigInt(id) >> 16n);
}

/** An id's place in its chunk. */
function placeOf(id: string, chunk: number): number {
  return id.length <= 15 ? Number(id) - chunk * CHUNK_IDS : Number(BigInt(id) & 0xffffn);
}

/** The last id of the chunk in which `id` lies: ranges that end there share no chunk. */
export function chunkEnd(id: string): string {
  return String((BigInt(chunkOf(id)) + 1n) * BigInt(CHUNK_IDS) - 1n);
}

/** Sets by chunk. They are asked for once a row, so that a look must not make a text of kind, scope and number. */
class ChunkMap {
  readonly #kinds: Readonly<Record<OwnedKind, Map<string, Map<number, IdSet>>>> = {
    institute: new Map(),
    user: new Map(),
    membership: new Map(),
  };

  get(kind: OwnedKind, scope: string, number: number): IdSet | undefined {
    return this.#kinds[kind].get(scope)?.get(number);
  }

  set({kind, scope, number}: Chunk, set: IdSet): void {
    let chunks = this.#kinds[kind].get(scope);
    if (chunks === undefined) this.#kinds[kind].set(scope, (chunks = new Map()));
    chunks.set(number, set);
  }

  *entries(): Generator<[Chunk, IdSet]> {
    for (const kind of ['institute', 'user', 'membership'] as const)
      for (const [scope, chunks] of this.#kinds[kind])
        for (const [number, set] of chunks) yield [{kind, scope, number}, set];
  }

  clear(): void {
    for (const chunks of Object.values(this.#kinds)) chunks.clear();
  }
}

export class Ownership {
  readonly #stream: string;
  /** Least recently used first. */
  readonly #chunks = new Map<string, IdSet>();
  #bytes = 0;
  /** Changes with what is in memory: what was read before is not to replace it. */
  #version = 0;

  constructor(stream: string) {
    this.#stream = stream;
  }

  /** Forgets what is in memory: after a change of leadership or an unknown outcome. */
  clear(): void {
    this.#version++;
    this.#chunks.clear();
    this.#bytes = 0;
  }

  /**
   * Brings the chunks of these keys into memory, so that {@link OwnershipView.has} can answer.
   *
   * @param before a transaction that has not ended: its changes are taken for committed
   */
  async view(
    keys: Iterable<OwnedKey> | OwnedKeys,
    query: Query,
    before: OwnershipView | null = null,
  ): Promise<OwnershipView> {
    const version = this.#version;
    const wanted = new ChunkMap();
    const missing: Chunk[] = [];
    const want = (kind: OwnedKind, scope: string, id: string) => {
      const number = chunkOf(id);
      if (wanted.get(kind, scope, number) !== undefined) return;
      const chunk = {kind, scope, number};
      const known = before?.changed(chunk) ?? this.#recall(chunk);
      if (known === undefined) missing.push(chunk);
      wanted.set(chunk, known ?? new IdSet());
    };
    if ('userIds' in keys) {
      keys.userIds.forEach((_, id) => want('user', '', id));
      keys.instituteIds.forEach((_, id) => want('institute', '', id));
      for (const {instituteId, userId} of keys.pairs) {
        want('user', '', userId);
        want('institute', '', instituteId);
        want('membership', instituteId, userId);
      }
    } else for (const {kind, scope, id} of keys) want(kind, scope, id);
    for (let i = 0; i < missing.length; i += CHUNKS_PER_QUERY) {
      const where = this.#condition(missing.slice(i, i + CHUNKS_PER_QUERY));
      for (const [kind, scope, number, members] of await readClosed(query, {...STORED, where})) {
        wanted.set(
          {kind: String(kind) as OwnedKind, scope: String(scope), number: Number(number)},
          IdSet.decode(Buffer.isBuffer(members) ? members : Buffer.from(String(members), 'latin1')),
        );
      }
    }
    if (version === this.#version) {
      for (const chunk of missing)
        this.#keep(chunk, wanted.get(chunk.kind, chunk.scope, chunk.number) ?? new IdSet());
    }
    return new OwnershipView(this.#stream, wanted, (chunk, set) => {
      this.#version++;
      this.#keep(chunk, set);
    });
  }

  #condition(chunks: readonly Chunk[]): string {
    const groups = new Map<string, number[]>();
    for (const {kind, scope, number} of chunks) {
      const group = `kind = ${literal(kind)} AND scope = ${literal(scope)}`;
      const numbers = groups.get(group);
      if (numbers === undefined) groups.set(group, [number]);
      else numbers.push(number);
    }
    const conditions = [...groups].map(
      ([group, numbers]) => `(${group} AND chunk IN (${numbers.join(', ')}))`,
    );
    return `stream = ${literal(this.#stream)} AND (${conditions.join(' OR ')})`;
  }

  /** What is in memory, as used last. */
  #recall(chunk: Chunk): IdSet | undefined {
    const name = chunkName(chunk);
    const set = this.#chunks.get(name);
    if (set === undefined) return undefined;
    this.#chunks.delete(name);
    this.#chunks.set(name, set);
    return set;
  }

  #keep(chunk: Chunk, set: IdSet): void {
    const name = chunkName(chunk);
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
  readonly #chunks: ChunkMap;
  readonly #keep: (chunk: Chunk, set: IdSet) => void;
  readonly #changed = new ChunkMap();

  constructor(stream: string, chunks: ChunkMap, keep: (chunk: Chunk, set: IdSet) => void) {
    this.#stream = stream;
    this.#chunks = chunks;
    this.#keep = keep;
  }

  has({kind, scope, id}: OwnedKey): boolean {
    const number = chunkOf(id);
    return this.#find(kind, scope, number)?.has(placeOf(id, number)) ?? false;
  }

  add({kind, scope, id}: OwnedKey): void {
    const number = chunkOf(id);
    const place = placeOf(id, number);
    if (this.#find(kind, scope, number)?.has(place) !== true) this.#own({kind, scope, number}).add(place);
  }

  delete({kind, scope, id}: OwnedKey): void {
    const number = chunkOf(id);
    const place = placeOf(id, number);
    if (this.#find(kind, scope, number)?.has(place) === true) this.#own({kind, scope, number}).delete(place);
  }

  /** A chunk that this transaction changes, as it leaves it. */
  changed({kind, scope, number}: Chunk): IdSet | undefined {
    return this.#changed.get(kind, scope, number);
  }

  /** Other keys, loaded later in the same transaction. */
  merge(other: OwnershipView): void {
    for (const [chunk, set] of other.#chunks.entries())
      if (this.#chunks.get(chunk.kind, chunk.scope, chunk.number) === undefined) this.#chunks.set(chunk, set);
  }

  /** What stores the changes; to be run in the transaction of the rows. */
  statements(): string[] {
    const rows = [...this.#changed.entries()].map(
      ([{kind, scope, number}, set]) =>
        `(${literal(this.#stream)},${literal(kind)},${literal(scope)},${number},${set.size},x'${set.encode().toString('hex')}')`,
    );
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
    for (const [chunk, set] of this.#changed.entries()) this.#keep(chunk, set);
    this.#changed.clear();
  }

  /** Call when it was rolled back and is tried again. */
  rollback(): void {
    this.#changed.clear();
  }

  #find(kind: OwnedKind, scope: string, number: number): IdSet | undefined {
    return this.#changed.get(kind, scope, number) ?? this.#chunks.get(kind, scope, number);
  }

  /** The chunk as this transaction has it. */
  #own(chunk: Chunk): IdSet {
    const {kind, scope, number} = chunk;
    let set = this.#changed.get(kind, scope, number);
    if (set === undefined) {
      set = this.#chunks.get(kind, scope, number)?.clone() ?? new IdSet();
      this.#changed.set(chunk, set);
    }
    return set;
  }
}

function chunkName({kind, scope, number}: Chunk): string {
  return `${kind}/${scope}/${number}`;
}
