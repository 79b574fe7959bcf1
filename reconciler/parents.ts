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

/** Returns the missing rows that have all their parents. */
export async function withParents(
  deps: ParentsDeps,
  {parents}: EntityPlan,
  keys: readonly RowKey[],
  sources: ReadonlyMap<RowKey, Row>,
): Promise<RowKey[]> {
  let left = [...keys];
  for (const edge of parents) {
    if (left.length === 0) break;
    const parentOf = (key: RowKey) => parentKeyOf(edge, key, sources.get(key) ?? null);
    const wanted = new Set(left.flatMap(key => parentOf(key) ?? []));
    const there = await replicated(deps, edge, [...wanted]);
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
