/** Compares a batch of rows once for the preview: what a mapping would insert, change, delete and set aside. */
import type {Query} from '../src/db/counted.ts';
import type {TablePlan} from '../src/mapping/columns.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import type {RowKey} from '../src/mapping/key.ts';
import {judge, mapRow} from '../src/mapping/row.ts';
import type {Row} from '../src/mapping/values.ts';
import type {SourceReader} from '../src/source/reader.ts';
import {diffTable, differingColumns} from './diff.ts';
import {sourceRowsOf, targetRowsOf, type Piece} from './pieces.ts';
import {parentStandings, type Standing} from './standing.ts';
import type {Sides} from './suspects.ts';

export interface PreviewDeps {
  readonly reader: SourceReader;
  readonly target: Query;
  readonly newestWins: boolean;
  /** SYNC_DELETES=keep. */
  readonly keeps: boolean;
  /** Returns which of these target rows are owned; none if nothing has run yet. */
  readonly owned: (entity: EntityPlan, keys: readonly RowKey[]) => Promise<ReadonlySet<RowKey>>;
  /** Returns those of the rows that differ which the target would not take. */
  readonly refused: (
    entity: EntityPlan,
    table: TablePlan,
    rows: {readonly missing: readonly RowKey[]; readonly different: readonly RowKey[]},
  ) => Promise<ReadonlySet<RowKey>>;
}

export type ChangeKind = 'insert' | 'change' | 'delete' | 'setAside';

export interface PlannedChange extends Sides {
  readonly table: TablePlan;
  readonly key: RowKey;
  readonly kind: ChangeKind;
  /** The columns that differ, for a change. */
  readonly columns: readonly string[];
}

/** By table and key. */
export async function previewPiece(
  deps: PreviewDeps,
  entity: EntityPlan,
  piece: Piece,
): Promise<Map<string, PlannedChange>> {
  const sources = await sourceRowsOf(deps.reader, entity, piece);
  const standings = await parentStandings(deps, entity, sources);
  const changes = new Map<string, PlannedChange>();
  for (const table of entity.tables)
    for (const change of await changesOf(deps, entity, table, piece, sources, standings))
      changes.set(`${table.target}/${change.key}`, change);
  return changes;
}

async function changesOf(
  deps: PreviewDeps,
  entity: EntityPlan,
  table: TablePlan,
  piece: Piece,
  sources: ReadonlyMap<RowKey, Row>,
  standings: ReadonlyMap<RowKey, Standing>,
): Promise<PlannedChange[]> {
  const there = await targetRowsOf(deps.target, entity, table, piece, sources);
  const isGone = (key: RowKey) => standings.get(key) === 'gone';
  const eligible = new Map([...sources].filter(([key]) => !isGone(key)));
  const diff = diffTable(entity, table, eligible, there, {newestWins: deps.newestWins});
  const waits = (key: RowKey) => {
    const row = sources.get(key);
    const isCompanion = table !== entity.primary && row !== undefined;
    return standings.get(key) === 'waits' || (isCompanion && judge(entity, entity.primary, row) !== 'row');
  };
  const missing = diff.missing.filter(key => !waits(key));
  const different = diff.different.filter(key => !waits(key));
  const refused = await deps.refused(entity, table, {missing, different});
  const isTaken = (key: RowKey) => !refused.has(key);
  const owned = deps.keeps ? new Set<RowKey>() : await deps.owned(entity, diff.extra);
  const make = (kind: ChangeKind, keys: readonly RowKey[]) =>
    keys.map(key => planned(table, key, kind, sources.get(key), there.get(key)));
  return [
    ...make('insert', missing.filter(isTaken)),
    ...make('change', different.filter(isTaken)),
    ...make(
      'delete',
      diff.extra.filter(key => owned.has(key)),
    ),
    ...make('setAside', [...diff.invalid, ...refused]),
  ];
}

function planned(
  table: TablePlan,
  key: RowKey,
  kind: ChangeKind,
  source: Row | undefined,
  target: Row | undefined,
): PlannedChange {
  const text = (row: Row | undefined) => JSON.stringify(row ?? null);
  const isChange = kind === 'change' && source !== undefined && target !== undefined;
  return {
    table,
    key,
    kind,
    columns: isChange ? differingColumns(table, mapRow(table, source), target) : [],
    source: text(source),
    target: text(target),
  };
}
