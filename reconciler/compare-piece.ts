/** Compares a batch of rows once for the verifier: counts the rows that are equal and finds those that differ. */
import type {Query} from '../src/db/counted.ts';
import type {TablePlan} from '../src/mapping/columns.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import type {RowKey} from '../src/mapping/key.ts';
import type {Plan} from '../src/mapping/plan.ts';
import type {Row} from '../src/mapping/values.ts';
import type {SourceReader} from '../src/source/reader.ts';
import type {TableVerdict} from '../src/status/operations.ts';
import {diffTable} from './diff.ts';
import {withOrphans} from './orphans.ts';
import {replicatedOrAlike, withParents} from './parents.ts';
import {sourceRowsOf, targetRowsOf, type Piece} from './pieces.ts';
import {ownedAmong} from './stored-ownership.ts';
import type {Sides} from './suspects.ts';
import {readDeadKeys, waits, type DeadKeys} from './waiting.ts';

export interface CompareDeps {
  readonly plan: Plan;
  readonly reader: SourceReader;
  readonly target: Query;
  readonly stream: string;
  readonly newestWins: boolean;
  /** SYNC_DELETES=keep: owned rows that the source does not have any more count as equal. */
  readonly keeps: boolean;
}

/** A row that differs between the two sides, as it was read. */
export interface Difference extends Sides {
  readonly table: TablePlan;
  readonly key: RowKey;
  readonly kind: 'missing' | 'different' | 'extra';
  readonly sourceRow: Row | null;
  readonly targetRow: Row | null;
}

type Tally = Pick<TableVerdict, 'compared' | 'deadLetters' | 'foreign' | 'kept'>;

export interface Comparison {
  readonly tallies: {readonly table: TablePlan; readonly tally: Tally}[];
  /** By table and key. */
  readonly differences: ReadonlyMap<string, Difference>;
}

/** What the tables of an entity are compared by. */
interface PieceRows {
  readonly entity: EntityPlan;
  readonly piece: Piece;
  readonly sources: ReadonlyMap<RowKey, Row>;
  readonly dead: DeadKeys;
}

export async function comparePiece(deps: CompareDeps, entity: EntityPlan, piece: Piece): Promise<Comparison> {
  const {plan, reader, target, stream} = deps;
  const sources = await sourceRowsOf(reader, entity, piece);
  const dead = await readDeadKeys(target, stream, plan);
  const tallies: Comparison['tallies'] = [];
  const differences = new Map<string, Difference>();
  for (const table of entity.tables) {
    const {tally, found} = await compareTable(deps, {entity, piece, sources, dead}, table);
    tallies.push({table, tally});
    for (const difference of found) differences.set(`${table.target}/${difference.key}`, difference);
  }
  return {tallies, differences};
}

async function compareTable(
  deps: CompareDeps,
  {entity, piece, sources, dead}: PieceRows,
  table: TablePlan,
): Promise<{tally: Tally; found: Difference[]}> {
  const {reader, target, stream, newestWins, keeps} = deps;
  const there = await targetRowsOf(target, entity, table, piece, sources);
  const orphanDeps = {
    reader,
    target,
    owned: (of: EntityPlan, keys: readonly RowKey[]) => ownedAmong(target, stream, of, keys),
    readDead: () => Promise.resolve(dead),
  };
  const compared = diffTable(entity, table, sources, there, {newestWins});
  const diff = await withOrphans(orphanDeps, entity, table, compared, sources);
  const owned = await ownedAmong(target, stream, entity, diff.extra);
  const isWaiting = (key: RowKey) => waits(entity, table, key, sources.get(key) ?? null, dead);
  const isDead = (key: RowKey) => dead[table.index]?.has(key) === true;
  const missing = diff.missing.filter(key => !isWaiting(key));
  const found = {
    missing: await withParents(deps, entity, missing, sources, replicatedOrAlike),
    different: diff.different.filter(key => !isWaiting(key)),
    extra: keeps ? [] : diff.extra.filter(key => owned.has(key) && !isWaiting(key)),
  };
  return {
    tally: {
      compared: diff.equal.length,
      deadLetters: diff.invalid.length + [...diff.missing, ...diff.different].filter(isDead).length,
      foreign: diff.extra.filter(key => !owned.has(key)).length,
      ...(keeps ? {kept: owned.size} : {}),
    },
    found: (['missing', 'different', 'extra'] as const).flatMap(kind =>
      found[kind].map(key =>
        differenceOf(table, kind, key, {source: sources.get(key), target: there.get(key)}),
      ),
    ),
  };
}

function differenceOf(
  table: TablePlan,
  kind: Difference['kind'],
  key: RowKey,
  {source, target}: {source: Row | undefined; target: Row | undefined},
): Difference {
  const text = (row: Row | undefined) => (row ?? []).join('\u001f');
  return {
    table,
    key,
    kind,
    source: text(source),
    target: text(target),
    sourceRow: source ?? null,
    targetRow: target ?? null,
  };
}
