/**
 * Ownership of rows whose keys end in a number: one {@link IdSet} for each entity and 65,536 neighbouring
 * numbers, by the parts of the key before them. Pure.
 */
import type {EntityPlan} from '../mapping/entities.ts';
import type {IdSet} from './id-set.ts';

export const CHUNK_IDS = 65_536;

/** Neighbouring numbers of one entity and scope, whose ownership is stored together. */
export interface Chunk {
  readonly entity: EntityPlan;
  /** The key without its last part; empty for a key of one part. */
  readonly scope: string;
  /** The upper bits; a 64-bit number leaves 48 of them, which a JavaScript number holds exactly. */
  readonly number: number;
}

/** Returns the chunk of a number; exact for every 64-bit number. */
export function chunkOf(id: string): number {
  // Up to 15 digits a number is exact.
  return id.length <= 15 ? Math.floor(Number(id) / CHUNK_IDS) : Number(BigInt(id) >> 16n);
}

/** Returns a number's place in its chunk. */
export function placeOf(id: string, chunk: number): number {
  return id.length <= 15 ? Number(id) - chunk * CHUNK_IDS : Number(BigInt(id) & 0xffffn);
}

/** Returns the number at a place of a chunk: the reverse of {@link chunkOf} and {@link placeOf}. */
export function idAt(chunk: number, place: number): string {
  const id = chunk * CHUNK_IDS + place;
  return Number.isSafeInteger(id) ? String(id) : String(BigInt(chunk) * BigInt(CHUNK_IDS) + BigInt(place));
}

/** Returns the last number of the chunk that holds `id`: ranges that end there share no chunk. */
export function chunkEnd(id: string): string {
  return String((BigInt(chunkOf(id)) + 1n) * BigInt(CHUNK_IDS) - 1n);
}

/**
 * Sets by chunk. They are looked up once per row, so that a lookup must not build a text of entity, scope and
 * number.
 */
export class ChunkMap {
  readonly #entities: {readonly entity: EntityPlan; readonly scopes: Map<string, Map<number, IdSet>>}[] = [];

  get({index}: Pick<EntityPlan, 'index'>, scope: string, number: number): IdSet | undefined {
    return this.#entities[index]?.scopes.get(scope)?.get(number);
  }

  set({entity, scope, number}: Chunk, set: IdSet): void {
    const own = (this.#entities[entity.index] ??= {entity, scopes: new Map()});
    let chunks = own.scopes.get(scope);
    if (chunks === undefined) own.scopes.set(scope, (chunks = new Map()));
    chunks.set(number, set);
  }

  *entries(): Generator<[Chunk, IdSet]> {
    for (const own of this.#entities)
      if (own !== undefined)
        for (const [scope, chunks] of own.scopes)
          for (const [number, set] of chunks) yield [{entity: own.entity, scope, number}, set];
  }

  clear(): void {
    this.#entities.length = 0;
  }
}

export function chunkName({entity, scope, number}: Chunk): string {
  return `${entity.index}/${scope}/${number}`;
}
