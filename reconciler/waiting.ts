/** Finds rows that wait: a dead letter, their own or a parent's, explains their difference. */
import {readClosed, type Query} from '../src/db/counted.ts';
import type {TablePlan} from '../src/mapping/columns.ts';
import {parentKeyOf, type EntityPlan} from '../src/mapping/entities.ts';
import type {RowKey} from '../src/mapping/key.ts';
import {perTable, tableNamed, type PerTable, type Plan} from '../src/mapping/plan.ts';
import type {Row} from '../src/mapping/values.ts';

/** The keys of dead letters. */
export type DeadKeys = PerTable<Set<RowKey>>;

export async function readDeadKeys(query: Query, stream: string, plan: Plan): Promise<DeadKeys> {
  const dead = perTable(plan, () => new Set<RowKey>());
  const selection = {
    columns: ['target_table', 'row_key'],
    from: 'sync_dead_letter',
    where: 'stream = ?',
    values: [stream],
  };
  for (const [table, key] of await readClosed(query, selection)) {
    const known = tableNamed(plan, String(table));
    if (known !== undefined) dead[known.index]?.add(String(key));
  }
  return dead;
}

/** @param row the source row, if it exists: a reference may lie outside the key */
export function waits(
  entity: EntityPlan,
  {index}: TablePlan,
  key: RowKey,
  row: Row | null,
  dead: DeadKeys,
): boolean {
  if (dead[index]?.has(key) === true || dead[entity.primary.index]?.has(key) === true) return true;
  return entity.parents.some(edge => {
    const parent = parentKeyOf(edge, key, row);
    return (
      parent !== null && parent !== undefined && waits(edge.parent, edge.parentTable, parent, null, dead)
    );
  });
}
