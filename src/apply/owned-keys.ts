/**
 * Ownership of rows whose keys do not end in a number: one row of `sync_owned_key` for each. Text keys have no
 * neighbours to be stored with; the cost of this form does not depend on the size of the table.
 */
import {readClosed, type Query} from '../db/counted.ts';
import type {EntityPlan} from '../mapping/entities.ts';
import type {RowKey} from '../mapping/key.ts';
import {literal} from './sql-text.ts';

const KEYS_PER_QUERY = 1000;

/** The known ownership of some keys of each entity, and the changes of a transaction. */
export class OwnedKeySets {
  readonly #known = new Map<string, Map<RowKey, boolean>>();
  readonly #changed = new Map<string, Map<RowKey, boolean>>();

  /** Returns undefined for a key that was not read. */
  has({ownedAs}: Pick<EntityPlan, 'ownedAs'>, key: RowKey): boolean | undefined {
    return this.#changed.get(ownedAs)?.get(key) ?? this.#known.get(ownedAs)?.get(key);
  }

  /** The state that was read from the server, or that an earlier transaction left. */
  know({ownedAs}: Pick<EntityPlan, 'ownedAs'>, key: RowKey, isOwned: boolean): void {
    inner(this.#known, ownedAs).set(key, isOwned);
  }

  change(entity: Pick<EntityPlan, 'ownedAs'>, key: RowKey, isOwned: boolean): void {
    if (this.has(entity, key) === isOwned) return;
    inner(this.#changed, entity.ownedAs).set(key, isOwned);
  }

  /** Adds the keys that another view knows and this one does not. */
  merge(other: OwnedKeySets): void {
    for (const [kind, keys] of other.#known)
      for (const [key, isOwned] of keys) {
        const own = inner(this.#known, kind);
        if (!own.has(key)) own.set(key, isOwned);
      }
  }

  /** Returns the statements that store the changes. */
  statements(stream: string): string[] {
    const statements: string[] = [];
    for (const [kind, keys] of this.#changed) {
      const list = [...keys];
      for (let i = 0; i < list.length; i += KEYS_PER_QUERY) {
        const slice = list.slice(i, i + KEYS_PER_QUERY);
        const released = slice.filter(([, isOwned]) => !isOwned).map(([key]) => literal(key));
        const come = slice
          .filter(([, isOwned]) => isOwned)
          .map(([key]) => `(${literal(stream)},${literal(kind)},${literal(key)})`);
        const where = `stream = ${literal(stream)} AND kind = ${literal(kind)}`;
        if (released.length > 0)
          statements.push(`DELETE FROM sync_owned_key WHERE ${where} AND row_key IN (${released.join(',')})`);
        if (come.length > 0)
          statements.push(
            `INSERT INTO sync_owned_key (stream, kind, row_key) VALUES ${come.join(',')} ON DUPLICATE KEY UPDATE row_key = VALUES(row_key)`,
          );
      }
    }
    return statements;
  }

  /** Called when the changes are committed. */
  commit(): void {
    for (const [kind, keys] of this.#changed)
      for (const [key, isOwned] of keys) inner(this.#known, kind).set(key, isOwned);
    this.#changed.clear();
  }

  rollback(): void {
    this.#changed.clear();
  }
}

function inner(maps: Map<string, Map<RowKey, boolean>>, kind: string): Map<RowKey, boolean> {
  let map = maps.get(kind);
  if (map === undefined) maps.set(kind, (map = new Map()));
  return map;
}

/** Reads which of these keys are owned into `sets`. */
export async function readOwnedKeys(
  sets: OwnedKeySets,
  stream: string,
  entity: EntityPlan,
  keys: readonly RowKey[],
  query: Query,
): Promise<void> {
  for (let i = 0; i < keys.length; i += KEYS_PER_QUERY) {
    const slice = keys.slice(i, i + KEYS_PER_QUERY);
    const where = `stream = ${literal(stream)} AND kind = ${literal(entity.ownedAs)} AND row_key IN (${slice.map(literal).join(',')})`;
    const rows = await readClosed(query, {columns: ['row_key'], from: 'sync_owned_key', where});
    for (const key of slice) sets.know(entity, key, false);
    for (const [key] of rows) sets.know(entity, String(key), true);
  }
}
