/** Finds the rows that can be in the target: those whose parents are eligible and present. */
import type {Query} from '../src/db/counted.ts';
import {parentKeyOf, type Edge, type EntityPlan} from '../src/mapping/entities.ts';
import type {RowKey} from '../src/mapping/key.ts';
import {judge, sourceKey} from '../src/mapping/row.ts';
import type {Row} from '../src/mapping/values.ts';
import type {SourceReader} from '../src/source/reader.ts';
import {targetRowsByKey} from './target-rows.ts';

export interface ParentsDeps {
  readonly reader: Pick<SourceReader, 'byKeys'>;
  readonly target: Query;
}

/**
 * Returns the missing rows that have all their parents.
 *
 * @param parentsThere returns those of the keys whose rows count as parents
 */
export async function withParents(
  deps: ParentsDeps,
  {parents}: EntityPlan,
  keys: readonly RowKey[],
  sources: ReadonlyMap<RowKey, Row>,
  parentsThere: typeof replicated = replicated,
): Promise<RowKey[]> {
  let left = [...keys];
  for (const edge of parents) {
    if (left.length === 0) break;
    const parentOf = (key: RowKey) => parentKeyOf(edge, key, sources.get(key) ?? null);
    const wanted = new Set(left.flatMap(key => parentOf(key) ?? []));
    const there = await parentsThere(deps, edge, [...wanted]);
    left = left.filter(key => {
      const parent = parentOf(key);
      return parent === null || parent === undefined || there.has(parent);
    });
  }
  return left;
}

/** Returns the parents that are in the target and have an eligible source row. */
export async function replicated(
  {reader, target}: ParentsDeps,
  {parent, parentTable}: Edge,
  keys: readonly RowKey[],
): Promise<Set<RowKey>> {
  if (keys.length === 0) return new Set();
  const there = await targetRowsByKey(target, parent, parentTable, keys);
  const eligible = new Set<RowKey>();
  for (const row of await reader.byKeys(parent, keys)) {
    const key = sourceKey(parent, row);
    if (key !== null && there.has(key) && judge(parent, parent.primary, row) !== 'ineligible')
      eligible.add(key);
  }
  return eligible;
}

/**
 * The same, with keys that are written otherwise than that of their parent, but are equal to it by the collation of
 * the source: in another letter case, or with spaces at the end. Rows with such a reference are not replicated.
 */
export async function replicatedOrAlike(
  deps: ParentsDeps,
  edge: Edge,
  keys: readonly RowKey[],
): Promise<Set<RowKey>> {
  const there = await replicated(deps, edge, keys);
  if (edge.parent.key.columns.every(({family}) => family !== 'text')) return there;
  const others = keys.filter(key => !there.has(key));
  for (const key of await alike(deps, edge, others)) there.add(key);
  return there;
}

/** Few keys are alike, if any: they are found by halves. */
async function alike(deps: ParentsDeps, edge: Edge, keys: readonly RowKey[]): Promise<RowKey[]> {
  if (keys.length === 0) return [];
  const {parent} = edge;
  const own = new Set(keys);
  const found = (await deps.reader.byKeys(parent, keys))
    .flatMap(row => sourceKey(parent, row) ?? [])
    .filter(key => !own.has(key));
  if (found.length === 0) return [];
  if (keys.length === 1) return (await replicated(deps, edge, found)).size > 0 ? [...keys] : [];
  const middle = keys.length >> 1;
  return [
    ...(await alike(deps, edge, keys.slice(0, middle))),
    ...(await alike(deps, edge, keys.slice(middle))),
  ];
}
