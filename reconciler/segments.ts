/**
 * Cuts an entity's rows into ranges along its walk (by keyset, never by OFFSET): segments that share no chunk of
 * ownership, so that two workers never write the same chunk, and batches of rows within them.
 */
import {chunkEnd} from '../src/apply/owned-chunks.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import {exactSourceColumns} from '../src/mapping/key-columns.ts';
import {
  keyIsWhole,
  rangeCondition,
  sourceFrom,
  walkOfSource,
  type Bound,
  type Range,
} from '../src/mapping/sql.ts';
import {toRow} from '../src/mapping/values.ts';
import type {QueryPort} from '../src/source/reader.ts';

/** The minimum of rows that makes a checksum of its own worthwhile. */
const SEGMENT_ROWS = 20_000;

/**
 * Returns segments from before the first row to beyond the last, which cover the whole key space. They are
 * computed up front: workers share this connection and would block each other.
 */
export async function segments(entity: EntityPlan, query: QueryPort): Promise<Range[]> {
  const found: Range[] = [];
  let after: Bound | null = null;
  for (;;) {
    const bound = await boundary(entity, {after, to: null}, SEGMENT_ROWS, query);
    const to: Bound | null = bound === null ? null : atChunkEnd(entity, bound);
    found.push({after, to});
    if (to === null) return found;
    after = to;
  }
}

/** Yields batches of about `rows` source rows within a range; the last ends where the range ends. */
export async function* batches(
  entity: EntityPlan,
  range: Range,
  rows: number,
  query: QueryPort,
): AsyncGenerator<Range> {
  let {after} = range;
  for (;;) {
    const bound = await boundary(entity, {after, to: range.to}, rows, query);
    if (bound === null) {
      yield {after, to: range.to};
      return;
    }
    yield {after, to: bound};
    after = bound;
  }
}

/** Returns the key of the `rows`th row of a range, or null if the range has fewer rows. */
async function boundary(
  entity: EntityPlan,
  range: Range,
  rows: number,
  query: QueryPort,
): Promise<Bound | null> {
  const columns = walkOfSource(entity);
  const list = columns.join(', ');
  const exact = exactSourceColumns(
    entity.source,
    entity.walk.parts.map(part => entity.keyPlaces[part] ?? 0),
  );
  const where = [rangeCondition(entity, columns, range), ...keyIsWhole(entity)].join(' AND ');
  // Read the index alone; both servers walk it without reading whole rows.
  const [row] = await query(
    `SELECT ${exact.join(', ')} FROM ${sourceFrom(entity.source)} WHERE ${where} ORDER BY ${list} LIMIT ${rows - 1}, 1`,
  );
  return row === undefined
    ? null
    : entity.walkKey.split(
        entity.walkKey.of(
          toRow(row),
          columns.map((_, i) => i),
        ) ?? '',
      );
}

/** Moves a bound to the end of its chunk, if chunks are formed by the last column of the walk. */
function atChunkEnd({walk, key}: EntityPlan, bound: Bound): Bound {
  const last = key.columns.length - 1;
  const isChunked = key.endsInInteger && walk.parts.at(-1) === last;
  return isChunked ? [...bound.slice(0, -1), chunkEnd(bound.at(-1) ?? '0')] : bound;
}
