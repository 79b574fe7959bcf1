/** Reads stored ownership: counts for the status, and owned keys for the verifier, which has no writer. */
import {IdSet} from '../src/apply/id-set.ts';
import {chunkOf, idAt, placeOf} from '../src/apply/owned-chunks.ts';
import {OwnedKeySets, readOwnedKeys} from '../src/apply/owned-keys.ts';
import {readClosed, type Query} from '../src/db/counted.ts';
import {settled} from '../src/lifecycle/settled.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import type {RowKey} from '../src/mapping/key.ts';
import {perTable, type PerTable, type Plan} from '../src/mapping/plan.ts';

/** Counts the owned rows of each table. Companions share their primary's ownership. */
export async function ownedRows(query: Query, stream: string, plan: Plan): Promise<PerTable<number>> {
  const sizes = new Map<string, number>();
  const sum = (what: string, table: string) =>
    query(`SELECT kind, ${what} FROM ${table} WHERE stream = ? GROUP BY kind`, [stream]);
  const found = await settled([sum('SUM(size)', 'sync_owned'), sum('COUNT(*)', 'sync_owned_key')]);
  for (const [kind, size] of found.flat())
    sizes.set(String(kind), (sizes.get(String(kind)) ?? 0) + Number(size));
  return perTable(plan, ({index}) => sizes.get(plan.entityOf[index]?.ownedAs ?? '') ?? 0);
}

/** The keys that are handed on together, and the stored sets that are read together. */
const KEYS_PER_PAGE = 1000;
const SETS_PER_READ = 50;

/** Yields the keys of all owned rows of an entity. */
export async function* ownedKeyPages(
  query: Query,
  stream: string,
  {ownedAs, key}: EntityPlan,
): AsyncGenerator<RowKey[]> {
  const where = 'WHERE stream = ? AND kind = ?';
  if (!key.endsInInteger) {
    for (let after: string | null = null; ;) {
      const past = after === null ? '' : ' AND row_key > ?';
      const rows: unknown[][] = await query(
        `SELECT row_key FROM sync_owned_key ${where}${past} ORDER BY row_key LIMIT ${KEYS_PER_PAGE}`,
        [stream, ownedAs, ...(after === null ? [] : [after])],
      );
      const keys = rows.map(([text]) => String(text));
      if (keys.length === 0) return;
      yield keys;
      after = keys.at(-1) ?? null;
    }
  }
  let page: RowKey[] = [];
  for (let after: readonly [string, number] | null = null; ;) {
    const past = after === null ? '' : ' AND (scope > ? OR (scope = ? AND chunk > ?))';
    const rows: unknown[][] = await query(
      `SELECT scope, chunk, members FROM sync_owned ${where}${past} ORDER BY scope, chunk LIMIT ${SETS_PER_READ}`,
      [stream, ownedAs, ...(after === null ? [] : [after[0], ...after])],
    );
    for (const [scope, chunk, members] of rows) {
      after = [String(scope), Number(chunk)];
      if (!Buffer.isBuffer(members)) continue;
      for (const place of IdSet.decode(members).values()) {
        const id = idAt(Number(chunk), place);
        page.push(key.within(String(scope), id));
        if (page.length < KEYS_PER_PAGE) continue;
        yield page;
        page = [];
      }
    }
    if (rows.length === 0) break;
  }
  if (page.length > 0) yield page;
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
