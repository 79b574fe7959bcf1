/** Cuts an entity's rows into the pieces that verifier and preview compare, and reads both sides of a piece. */
import type {Query} from '../src/db/counted.ts';
import {throwIfStopped} from '../src/errors.ts';
import type {TablePlan} from '../src/mapping/columns.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import type {RowKey} from '../src/mapping/key.ts';
import type {Range} from '../src/mapping/sql/ranges.ts';
import type {Row} from '../src/mapping/values.ts';
import type {SourceReader} from '../src/source/reader.ts';
import {compareRange, type RangeComparison} from './checksum.ts';
import {bySourceKey} from './diff.ts';
import {batches, segments} from './segments.ts';
import {shareOut} from './share-out.ts';
import {Stretches} from './stretches.ts';
import {targetKeyPages, targetRows, targetRowsByKey} from './target-rows.ts';

/** What is compared: a range of an entity's walk, or certain keys of the target. */
export type Piece = {readonly range: Range} | {readonly keys: readonly RowKey[]};

/** Whose rows a piece holds completely. Rows that only the other side has are counted with another piece. */
export type Completeness = 'both sides' | 'the source' | 'the target';

export interface PiecesDeps {
  readonly source: Query;
  readonly target: Query;
  readonly batchRows: number;
  readonly signal: AbortSignal;
  /** Called with the checksums of a range that is equal, and is therefore no piece. */
  readonly onEqual?: (compared: readonly RangeComparison[]) => void;
}

export interface DifferingPiece {
  readonly entity: EntityPlan;
  readonly piece: Piece;
  readonly complete: Completeness;
}

/** A piece is compared until it is stable, which is mostly waiting. */
const AT_ONCE = 8;

/**
 * Compares the pieces in which the two sides may differ, several at a time and parents first. Together they have as
 * many rows as a batch, because each holds the rows of both sides.
 *
 * @throws what `compare` throws, once no comparison runs any more
 */
export function compareDiffering(
  entities: readonly EntityPlan[],
  deps: PiecesDeps,
  compare: (piece: DifferingPiece) => Promise<void>,
): Promise<void> {
  const batchRows = Math.ceil(deps.batchRows / AT_ONCE);
  const pieces = async function* () {
    for (const entity of entities) yield* differingPieces(entity, {...deps, batchRows});
  };
  const workers = Array.from({length: AT_ONCE}, (_, i) => i);
  return shareOut(pieces(), workers, (_, piece) => compare(piece), deps.signal);
}

/** Orders sample keys, which come in the order in which the comparisons of their pieces end. */
export function inOrder(keys: readonly string[]): string[] {
  return keys.toSorted((a, b) => a.localeCompare(b, 'en', {numeric: true}));
}

async function* differingPieces(
  entity: EntityPlan,
  {source, target, batchRows, signal, onEqual}: PiecesDeps,
): AsyncGenerator<DifferingPiece> {
  const {isOrderedAlike} = entity.walk;
  const isEqual = async (range: Range) => {
    throwIfStopped(signal);
    if (!isOrderedAlike) return false;
    const compared = await compareRange(entity, range, {source, target});
    if (!compared.every(({equal}) => equal)) return false;
    onEqual?.(compared);
    return true;
  };
  const stretches = new Stretches(isOrderedAlike ? Infinity : 1);
  for (const stretch of stretches.of(await segments(entity, source)))
    for await (const segment of stretches.differing(stretch, isEqual))
      for await (const range of batches(entity, segment, batchRows, source))
        yield {entity, piece: {range}, complete: isOrderedAlike ? 'both sides' : 'the source'};
  if (isOrderedAlike) return;
  // The two sides order their keys differently, so the rows that only the target has are found by the target's
  // own pages.
  for await (const keys of targetKeyPages(target, entity, batchRows))
    yield {entity, piece: {keys}, complete: 'the target'};
}

/** Reads the source rows of a piece, by key. */
export async function sourceRowsOf(
  reader: SourceReader,
  entity: EntityPlan,
  piece: Piece,
): Promise<ReadonlyMap<RowKey, Row>> {
  const rows =
    'range' in piece ? await reader.range(entity, piece.range) : await reader.byKeys(entity, piece.keys);
  return bySourceKey(entity, rows);
}

/**
 * Reads the rows of a table that belong to a piece, by key.
 *
 * @param sources the piece's source rows
 */
export function targetRowsOf(
  target: Query,
  entity: EntityPlan,
  table: TablePlan,
  piece: Piece,
  sources: ReadonlyMap<RowKey, Row>,
): Promise<ReadonlyMap<RowKey, Row>> {
  return 'range' in piece && entity.walk.isOrderedAlike
    ? targetRows(target, entity, table, piece.range)
    : targetRowsByKey(target, entity, table, 'keys' in piece ? piece.keys : [...sources.keys()]);
}
