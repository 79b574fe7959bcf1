/** Reads stored ownership: counts for the status, and owned keys for the verifier, which has no writer. */
import {IdSet} from '../src/apply/id-set.ts';
import {chunkOf, placeOf} from '../src/apply/owned-chunks.ts';
import {OwnedKeySets, readOwnedKeys} from '../src/apply/owned-keys.ts';
import {readClosed, type Query} from '../src/db/counted.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import type {RowKey} from '../src/mapping/key.ts';
import {perTable, type PerTable, type Plan} from '../src/mapping/plan.ts';

/** Counts the owned rows of each table. Companions share their primary's ownership. */
export async function ownedRows(query: Query, stream: string, plan: Plan): Promise<PerTable<number>> {
  const sizes = new Map<string, number>();
  for (const [what, table] of [
    ['SUM(size)', 'sync_owned'],
    ['COUNT(*)', 'sync_owned_key'],
  ]) {
    const rows = await query(`SELECT kind, ${what} FROM ${table} WHERE stream = ? GROUP BY kind`, [stream]);
    for (const [kind, size] of rows) sizes.set(String(kind), (sizes.get(String(kind)) ?? 0) + Number(size));
  }
  return perTable(plan, ({index}) => sizes.get(plan.entityOf[index]?.ownedAs ?? '') ?? 0);
}

/** Returns which of these keys are owned. */
export async function ownedAmong(
  query: Query,
  stream: string,
  entity: EntityPlan,
  keys: readonly RowKey[],
): Promise<Set<RowKey>> {
  if (!entity.key.endsInInteger) {
    const sets = new OwnedKeySets();
    await readOwnedKeys(sets, stream, entity, keys, query);
    return new Set(keys.filter(key => sets.has(entity, key) === true));
  }
  const owned = new Set<RowKey>();
  const sets = new Map<string, IdSet | null>();
  for (const key of keys) {
    const {scope, id} = entity.key.scopeOf(key);
    const chunk = chunkOf(id);
    const name = `${scope}/${chunk}`;
    let set = sets.get(name);
    if (set === undefined) sets.set(name, (set = await readSet(query, stream, entity, scope, chunk)));
    if (set?.has(placeOf(id, chunk)) === true) owned.add(key);
  }
  return owned;
}

async function readSet(
  query: Query,
  stream: string,
  {ownedAs}: EntityPlan,
  scope: string,
  chunk: number,
): Promise<IdSet | null> {
  const [row] = await readClosed(query, {
    columns: ['members'],
    from: 'sync_owned',
    where: 'stream = ? AND kind = ? AND scope = ? AND chunk = ?',
    values: [stream, ownedAs, scope, chunk],
  });
  return Buffer.isBuffer(row?.[0]) ? IdSet.decode(row[0]) : null;
}
