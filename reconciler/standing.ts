/** Finds which parent rows would be in the target once a mapping is applied, whether they exist yet or not. */
import type {Query} from '../src/db/counted.ts';
import {parentKeyOf, type EntityPlan} from '../src/mapping/entities.ts';
import type {RowKey} from '../src/mapping/key.ts';
import type {TablePlan} from '../src/mapping/columns.ts';
import {judge} from '../src/mapping/row.ts';
import type {Row} from '../src/mapping/values.ts';
import type {SourceReader} from '../src/source/reader.ts';
import {bySourceKey} from './diff.ts';
import {targetRowsByKey} from './target-rows.ts';

/** `waits`: the row is eligible, but it or one of its parents cannot be written. `gone`: the row is not eligible. */
export type Standing = 'there' | 'waits' | 'gone';

export interface StandingDeps {
  readonly reader: Pick<SourceReader, 'byKeys'>;
  readonly target: Query;
}

/** Returns the state of the parents of some source rows; a row without parents counts as `there`. */
export async function parentStandings(
  deps: StandingDeps,
  entity: EntityPlan,
  sources: ReadonlyMap<RowKey, Row>,
): Promise<Map<RowKey, Standing>> {
  const standings = new Map<RowKey, Standing>();
  for (const key of sources.keys()) standings.set(key, 'there');
  for (const edge of entity.parents) {
    const wanted = new Map<RowKey, RowKey>();
    for (const [key, row] of sources) {
      const parent = parentKeyOf(edge, key, row);
      if (parent !== null && parent !== undefined) wanted.set(key, parent);
    }
    const found = await rowStandings(deps, edge.parent, edge.parentTable, [...new Set(wanted.values())]);
    for (const [key, parent] of wanted)
      standings.set(key, worse(standings.get(key) ?? 'there', found.get(parent) ?? 'gone'));
  }
  return standings;
}

async function rowStandings(
  deps: StandingDeps,
  entity: EntityPlan,
  table: TablePlan,
  keys: readonly RowKey[],
): Promise<Map<RowKey, Standing>> {
  if (keys.length === 0) return new Map();
  const sources = bySourceKey(entity, await deps.reader.byKeys(entity, keys));
  const standings = await parentStandings(deps, entity, sources);
  const invalid = new Set<RowKey>();
  for (const [key, row] of sources) {
    const verdict = judge(entity, table, row);
    if (verdict === 'ineligible') standings.set(key, 'gone');
    else if (verdict !== 'row' || judge(entity, entity.primary, row) !== 'row') invalid.add(key);
  }
  // The target keeps what it already has of a row that cannot be written.
  const kept = await targetRowsByKey(deps.target, entity, table, [...invalid]);
  for (const key of invalid)
    if (!kept.has(key)) standings.set(key, worse(standings.get(key) ?? 'there', 'waits'));
  return standings;
}

function worse(a: Standing, b: Standing): Standing {
  if (a === 'gone' || b === 'gone') return 'gone';
  return a === 'waits' || b === 'waits' ? 'waits' : 'there';
}
