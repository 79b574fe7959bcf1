/** Stale rows: the target has them as they were, while they wait with a dead letter (docs/rules.md, Dead letters). */
import type {TablePlan} from '../mapping/columns.ts';
import {parentKeyOf, type EntityPlan} from '../mapping/entities.ts';
import type {RowKey} from '../mapping/key.ts';
import type {PerTable} from '../mapping/plan.ts';
import type {DependantsContext} from './dependants.ts';

/** Finds owned rows that wait with a dead letter, their own or that of a row they depend on. */
export async function staleAmong(
  context: DependantsContext,
  entity: EntityPlan,
  table: TablePlan,
  keys: readonly RowKey[],
): Promise<Set<RowKey>> {
  if (!context.mayDelete) return new Set();
  await context.loadKnowledge(entity, new Map(keys.map(key => [key, null])));
  const dead = context.dead();
  return new Set(keys.filter(key => context.owned.has(entity, key) && waits(entity, table, key, dead)));
}

function waits(
  entity: EntityPlan,
  {index}: TablePlan,
  key: RowKey,
  dead: PerTable<ReadonlySet<RowKey>>,
): boolean {
  if (dead[index]?.has(key) === true || dead[entity.primary.index]?.has(key) === true) return true;
  return entity.parents.some(edge => {
    const parent = parentKeyOf(edge, key, null);
    return parent !== null && parent !== undefined && waits(edge.parent, edge.parentTable, parent, dead);
  });
}
