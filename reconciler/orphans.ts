/**
 * Finds orphans: rows that agree with their source row, but whose parent is not replicated. Where the target
 * has no foreign key, only this finds them.
 */
import type {TablePlan} from '../src/mapping/columns.ts';
import {parentKeyOf, type Edge, type EntityPlan} from '../src/mapping/entities.ts';
import type {RowKey} from '../src/mapping/key.ts';
import type {Row} from '../src/mapping/values.ts';
import type {TableDiff} from './diff.ts';
import {replicated, type ParentsDeps} from './parents.ts';
import {presentKeys} from './target-rows.ts';
import {waits, type DeadKeys} from './waiting.ts';

export interface OrphanDeps extends ParentsDeps {
  /** Returns which of these rows are owned. */
  readonly owned: (entity: EntityPlan, keys: readonly RowKey[]) => Promise<ReadonlySet<RowKey>>;
  /** Reads the dead letters; called only if there are suspects. */
  readonly readDead: () => Promise<DeadKeys>;
}

type Sources = ReadonlyMap<RowKey, Row>;

/**
 * Moves the orphans among the equal and the different rows to those without an eligible source row. The parents
 * must have been compared before.
 */
export async function withOrphans(
  deps: OrphanDeps,
  entity: EntityPlan,
  table: TablePlan,
  diff: TableDiff,
  sources: Sources,
): Promise<TableDiff> {
  const suspects = new Set<RowKey>();
  for (const edge of entity.parents)
    for (const key of await lackParent(deps, edge, [...diff.equal, ...diff.different], sources))
      suspects.add(key);
  if (suspects.size === 0) return diff;
  const dead = await deps.readDead();
  const isOrphan = (key: RowKey) =>
    suspects.has(key) && !waits(entity, table, key, sources.get(key) ?? null, dead);
  return {
    ...diff,
    equal: diff.equal.filter(key => !isOrphan(key)),
    different: diff.different.filter(key => !isOrphan(key)),
    extra: [...diff.extra, ...[...suspects].filter(isOrphan)],
  };
}

/** Returns the rows whose parent is not in the target, or is a foreign row there. */
async function lackParent(
  deps: OrphanDeps,
  edge: Edge,
  keys: readonly RowKey[],
  sources: Sources,
): Promise<RowKey[]> {
  const parents = parentsOf(edge, keys, sources);
  if (parents.size === 0) return [];
  const {parent, parentTable} = edge;
  const present = await presentKeys(deps.target, parent, parentTable, [...new Set(parents.values())]);
  const owned = await deps.owned(parent, [...present]);
  // A row that is not owned may be adopted later in the run.
  const adoptable = await replicated(
    deps,
    edge,
    [...present].filter(key => !owned.has(key)),
  );
  return [...parents].filter(([, key]) => !owned.has(key) && !adoptable.has(key)).map(([key]) => key);
}

/** Returns the parent of each row that refers to one. */
function parentsOf(edge: Edge, keys: readonly RowKey[], sources: Sources): Map<RowKey, RowKey> {
  const parents = new Map<RowKey, RowKey>();
  for (const key of keys) {
    const parent = parentKeyOf(edge, key, sources.get(key) ?? null);
    if (parent !== null && parent !== undefined) parents.set(key, parent);
  }
  return parents;
}
