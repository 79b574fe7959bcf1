/**
 * Which rows of the target are owned: written by this program, or adopted because the source has the same key.
 * Only owned rows are ever deleted, and a row is written only if its parents are owned. Companions share the
 * ownership of their primary.
 *
 * Keys that end in a number are stored as sets ({@link ChunkMap}) and cached up to a bound. The cache is safe,
 * because only the leader writes them. Other keys are stored one by one ({@link OwnedKeySets}).
 */
import {readClosed, type Query} from '../db/counted.ts';
import type {EntityPlan} from '../mapping/entities.ts';
import type {RowKey} from '../mapping/key.ts';
import {IdSet} from './id-set.ts';
import {ChunkMap, chunkName, chunkOf, placeOf, type Chunk} from './owned-chunks.ts';
import {OwnedKeySets, readOwnedKeys} from './owned-keys.ts';
import {literal} from './sql-text.ts';

const MAX_CACHE_BYTES = 16 * 1024 * 1024;
const CHUNKS_PER_QUERY = 500;
const STORED = {columns: ['kind', 'scope', 'chunk', 'members'], from: 'sync_owned'};

/** Receives a key that will be looked up. */
export type Want = (entity: EntityPlan, key: RowKey) => void;

export class Ownership {
  readonly #stream: string;
  /** The least recently used come first. */
  readonly #chunks = new Map<string, IdSet>();
  #bytes = 0;
  /** Changes with the cache: an older read must not replace it. */
  #version = 0;

  constructor(stream: string) {
    this.#stream = stream;
  }

  /** Clears the cache, after a change of leadership or an unknown outcome. */
  clear(): void {
    this.#version++;
    this.#chunks.clear();
    this.#bytes = 0;
  }

  /**
   * Reads the ownership of some keys, so that {@link OwnershipView.has} can answer.
   *
   * @param each calls its argument with each of the keys, without an object for each
   * @param before a transaction that has not ended: its changes count as committed
   */
  async view(
    each: (want: Want) => void,
    query: Query,
    before: OwnershipView | null = null,
  ): Promise<OwnershipView> {
    const version = this.#version;
    const wanted = new ChunkMap();
    const missing: Chunk[] = [];
    const keys = new OwnedKeySets();
    const toRead = new Map<EntityPlan, Set<RowKey>>();
    each((entity, key) => {
      if (entity.key.endsInInteger) {
        const {scope, id} = entity.key.scopeOf(key);
        const number = chunkOf(id);
        if (wanted.get(entity, scope, number) !== undefined) return;
        const chunk = {entity, scope, number};
        const known = before?.changed(chunk) ?? this.#recall(chunk);
        if (known === undefined) missing.push(chunk);
        wanted.set(chunk, known ?? new IdSet());
        return;
      }
      const known = before?.hasKey(entity, key);
      if (known !== undefined) return keys.know(entity, key, known);
      let set = toRead.get(entity);
      if (set === undefined) toRead.set(entity, (set = new Set()));
      set.add(key);
    });
    await this.#readChunks(missing, wanted, query);
    if (version === this.#version) {
      for (const chunk of missing)
        this.#keep(chunk, wanted.get(chunk.entity, chunk.scope, chunk.number) ?? new IdSet());
    }
    for (const [entity, set] of toRead) await readOwnedKeys(keys, this.#stream, entity, [...set], query);
    return new OwnershipView(this.#stream, wanted, keys, (chunk, set) => {
      this.#version++;
      this.#keep(chunk, set);
    });
  }

  async #readChunks(missing: readonly Chunk[], into: ChunkMap, query: Query): Promise<void> {
    const entities = new Map(missing.map(({entity}) => [entity.ownedAs, entity]));
    for (let i = 0; i < missing.length; i += CHUNKS_PER_QUERY) {
      const where = this.#condition(missing.slice(i, i + CHUNKS_PER_QUERY));
      for (const [kind, scope, number, members] of await readClosed(query, {...STORED, where})) {
        const entity = entities.get(String(kind));
        if (entity === undefined) continue;
        into.set(
          {entity, scope: String(scope), number: Number(number)},
          IdSet.decode(Buffer.isBuffer(members) ? members : Buffer.from(String(members), 'latin1')),
        );
      }
    }
  }

  #condition(chunks: readonly Chunk[]): string {
    const groups = new Map<string, number[]>();
    for (const {entity, scope, number} of chunks) {
      const group = `kind = ${literal(entity.ownedAs)} AND scope = ${literal(scope)}`;
      const numbers = groups.get(group);
      if (numbers === undefined) groups.set(group, [number]);
      else numbers.push(number);
    }
    const conditions = [...groups].map(
      ([group, numbers]) => `(${group} AND chunk IN (${numbers.join(', ')}))`,
    );
    return `stream = ${literal(this.#stream)} AND (${conditions.join(' OR ')})`;
  }

  /** Returns a cached chunk, and marks it as recently used. */
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

/** Ownership in one transaction: its changes are private until {@link OwnershipView.commit}. */
export class OwnershipView {
  readonly #stream: string;
  readonly #chunks: ChunkMap;
  readonly #keys: OwnedKeySets;
  readonly #keep: (chunk: Chunk, set: IdSet) => void;
  readonly #changed = new ChunkMap();

  constructor(
    stream: string,
    chunks: ChunkMap,
    keys: OwnedKeySets,
    keep: (chunk: Chunk, set: IdSet) => void,
  ) {
    this.#stream = stream;
    this.#chunks = chunks;
    this.#keys = keys;
    this.#keep = keep;
  }

  has(entity: EntityPlan, key: RowKey): boolean {
    if (!entity.key.endsInInteger) return this.#keys.has(entity, key) ?? false;
    const at = entity.key.lastAt(key);
    const scope = entity.key.scopeBefore(key, at);
    const id = at === 0 ? key : key.slice(at);
    const number = chunkOf(id);
    return this.#find(entity, scope, number)?.has(placeOf(id, number)) ?? false;
  }

  add(entity: EntityPlan, key: RowKey): void {
    this.#change(entity, key, true);
  }

  delete(entity: EntityPlan, key: RowKey): void {
    this.#change(entity, key, false);
  }

  /** A chunk that this transaction changes, with its new state. */
  changed({entity, scope, number}: Chunk): IdSet | undefined {
    return this.#changed.get(entity, scope, number);
  }

  /** Whether a key that is stored by itself is owned; undefined if this view does not know. */
  hasKey(entity: EntityPlan, key: RowKey): boolean | undefined {
    return this.#keys.has(entity, key);
  }

  /** Adds other keys, loaded later in the same transaction. */
  merge(other: OwnershipView): void {
    for (const [chunk, set] of other.#chunks.entries())
      if (this.#chunks.get(chunk.entity, chunk.scope, chunk.number) === undefined)
        this.#chunks.set(chunk, set);
    this.#keys.merge(other.#keys);
  }

  /** Returns the statements that store the changes, to be run in the transaction of the rows. */
  statements(): string[] {
    const rows = [...this.#changed.entries()].map(
      ([{entity, scope, number}, set]) =>
        `(${literal(this.#stream)},${literal(entity.ownedAs)},${literal(scope)},${number},${set.size},x'${set.encode().toString('hex')}')`,
    );
    const statements: string[] = [];
    for (let i = 0; i < rows.length; i += CHUNKS_PER_QUERY) {
      statements.push(
        `INSERT INTO sync_owned (stream, kind, scope, chunk, size, members) VALUES ${rows.slice(i, i + CHUNKS_PER_QUERY).join(',')} ` +
          'ON DUPLICATE KEY UPDATE size = VALUES(size), members = VALUES(members)',
      );
    }
    return [...statements, ...this.#keys.statements(this.#stream)];
  }

  /** Call when the transaction has committed. */
  commit(): void {
    for (const [chunk, set] of this.#changed.entries()) this.#keep(chunk, set);
    this.#changed.clear();
    this.#keys.commit();
  }

  /** Call when it was rolled back and is retried. */
  rollback(): void {
    this.#changed.clear();
    this.#keys.rollback();
  }

  #change(entity: EntityPlan, key: RowKey, isOwned: boolean): void {
    if (!entity.key.endsInInteger) return this.#keys.change(entity, key, isOwned);
    const {scope, id} = entity.key.scopeOf(key);
    const number = chunkOf(id);
    const place = placeOf(id, number);
    if ((this.#find(entity, scope, number)?.has(place) ?? false) === isOwned) return;
    const set = this.#own({entity, scope, number});
    if (isOwned) set.add(place);
    else set.delete(place);
  }

  #find(entity: EntityPlan, scope: string, number: number): IdSet | undefined {
    return this.#changed.get(entity, scope, number) ?? this.#chunks.get(entity, scope, number);
  }

  /** Returns the chunk as this transaction has it. */
  #own(chunk: Chunk): IdSet {
    const {entity, scope, number} = chunk;
    let set = this.#changed.get(entity, scope, number);
    if (set === undefined) {
      set = this.#chunks.get(entity, scope, number)?.clone() ?? new IdSet();
      this.#changed.set(chunk, set);
    }
    return set;
  }
}
