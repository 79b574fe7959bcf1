/**
 * The desired state of the target, by entity and key: the last state of each source row that changed, with flags
 * for changes that the log does not show. The stream compacts transactions into one change set, the reconciler
 * builds one from differences; the applier accepts nothing else.
 */
import {parentKeyOf, type EntityPlan} from '../mapping/entities.ts';
import type {RowKey} from '../mapping/key.ts';
import type {SourceRow} from '../mapping/packed.ts';
import type {Plan} from '../mapping/plan.ts';
import type {Want} from './ownership.ts';

/**
 * Deleted or re-keyed within this change set: a foreign-key cascade, which the log does not record, may have
 * deleted its children.
 */
export const LEFT = 1;
/** First seen as an INSERT with foreign key checks on, so that no child row can be older. */
export const FRESH = 2;
/** The last image is incomplete, or does not show which row counts: read it from the source. */
export const REREAD = 4;
/** First seen as an INSERT. If the target has the row, a cascade has deleted it before, with its children. */
export const INSERTED = 8;

/**
 * The changes of one entity's rows. Keys, rows and flags are in parallel arrays, because an object for each row
 * would take as much memory as the row.
 */
export class EntityChanges {
  readonly #places = new Map<RowKey, number>();
  readonly #rows: (SourceRow | null)[] = [];
  readonly #flags: number[] = [];
  #rereads = 0;

  get size(): number {
    return this.#places.size;
  }

  /** Whether a row was deleted or re-keyed, for good or for a while. */
  get hasLeft(): boolean {
    return this.#rows.includes(null) || this.#flags.some(flags => (flags & LEFT) !== 0);
  }

  /** The number of changes that must be read from the source. */
  get rereads(): number {
    return this.#rereads;
  }

  keys(): IterableIterator<RowKey> {
    return this.#places.keys();
  }

  has(key: RowKey): boolean {
    return this.#places.has(key);
  }

  /** Whether the last change of a key deleted the row. */
  isDeleted(key: RowKey): boolean {
    const place = this.#places.get(key);
    return place !== undefined && this.#rows[place] === null;
  }

  /** Returns the flags of a key; 0 for a key without a change. */
  flagsOf(key: RowKey): number {
    const place = this.#places.get(key);
    return place === undefined ? 0 : (this.#flags[place] ?? 0);
  }

  /** @param row its last image; null if it is deleted */
  set(key: RowKey, row: SourceRow | null, flags = 0): void {
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.#rows.length;
      this.#places.set(key, place);
    } else if (((this.#flags[place] ?? 0) & REREAD) !== 0) this.#rereads--;
    this.#rows[place] = row;
    this.#flags[place] = flags;
    if ((flags & REREAD) !== 0) this.#rereads++;
  }

  forEach(each: (row: SourceRow | null, key: RowKey, flags: number) => void): void {
    this.#places.forEach((place, key) => each(this.#rows[place] ?? null, key, this.#flags[place] ?? 0));
  }
}

export class ChangeSet {
  readonly #entities: readonly EntityChanges[];

  constructor({entities}: Pick<Plan, 'entities'>) {
    this.#entities = entities.map(() => new EntityChanges());
  }

  of({index}: Pick<EntityPlan, 'index'>): EntityChanges {
    const changes = this.#entities[index];
    if (changes === undefined) throw new RangeError(`a change set without the entity ${index}`);
    return changes;
  }

  get size(): number {
    return this.#entities.reduce((sum, {size}) => sum + size, 0);
  }

  get rereads(): number {
    return this.#entities.reduce((sum, {rereads}) => sum + rereads, 0);
  }
}

/** Whether rows that an entity's rows may depend on, at any distance, left the source, for good or for a while. */
export function hasLeftAbove({parents}: EntityPlan, changes: ChangeSet): boolean {
  return parents.some(({parent}) => changes.of(parent).hasLeft || hasLeftAbove(parent, changes));
}

/** Yields the keys that a decision needs: those of the rows, and of the parents that they refer to. */
export function wantAll({entities}: Pick<Plan, 'entities'>, changes: ChangeSet, want: Want): void {
  for (const entity of entities) {
    changes.of(entity).forEach((row, key) => {
      want(entity, key);
      for (const edge of entity.parents) {
        const parent = parentKeyOf(edge, key, row);
        if (parent !== null && parent !== undefined) want(edge.parent, parent);
      }
    });
  }
}
