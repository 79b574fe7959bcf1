/**
 * Cuts an entity's rows into ranges along its walk (by keyset, never by OFFSET): segments that share no chunk of
 * ownership, so that two workers never write the same chunk, and batches of rows within them.
 */
import type {Query} from '../src/db/counted.ts';
import {chunkEnd, CHUNK_IDS} from '../src/apply/owned-chunks.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import {exactSourceColumns} from '../src/mapping/key-columns.ts';
import {familyOf} from '../src/mapping/families.ts';
import {sourceFrom} from '../src/mapping/sql/columns.ts';
import {keyIsWhole} from '../src/mapping/sql/eligible.ts';
import {EVERYTHING, rangeCondition, walkOfSource, type Bound, type Range} from '../src/mapping/sql/ranges.ts';
import {toRow} from '../src/mapping/values.ts';

/** The minimum of rows that makes a checksum of its own worthwhile. */
const SEGMENT_ROWS = 20_000;

type Ends = 'at rows' | 'at ends of chunks';

/** The maximum number of bounds that one query finds: each costs the server a walk along the index. */
const MAX_BOUNDS_PER_QUESTION = 100;

/**
 * Returns segments from before the first row to beyond the last, which cover the whole key space. They are
 * computed up front: workers share this connection and would block each other.
 *
 * @param query over a connection that accepts several statements at once
 */
export async function segments(entity: EntityPlan, query: Query): Promise<Range[]> {
  const found: Range[] = [];
  let after: Bound | null = null;
  const ends = isChunked(entity) ? 'at ends of chunks' : 'at rows';
  for await (const bound of bounds(
    entity,
    EVERYTHING,
    SEGMENT_ROWS,
    entity.source.schema.rows,
    query,
    ends,
  )) {
    const to = atChunkEnd(entity, bound);
    // Several bounds may lie in one chunk.
    if (after !== null && isSame(after, to)) continue;
    found.push({after, to});
    after = to;
  }
  return [...found, {after, to: null}];
}

/**
 * Yields batches of about `rows` source rows within a range; the last ends where the range ends.
 *
 * @param query as for {@link segments}
 */
export async function* batches(
  entity: EntityPlan,
  range: Range,
  rows: number,
  query: Query,
): AsyncGenerator<Range> {
  let {after} = range;
  for await (const to of bounds(entity, range, rows, SEGMENT_ROWS, query)) {
    yield {after, to};
    after = to;
  }
  yield {after, to: range.to};
}

/**
 * Yields the key of each `rows`th row of a range, in order.
 *
 * @param expectedRows about how many rows the range has: so many bounds are asked for at once
 * @param ends 'at ends of chunks' counts on from the end of a bound's chunk, so that no two bounds lie in one chunk
 */
async function* bounds(
  entity: EntityPlan,
  range: Range,
  rows: number,
  expectedRows: number,
  query: Query,
  ends: Ends = 'at rows',
): AsyncGenerator<Bound> {
  const most = isWalkedByIntegers(entity)
    ? Math.min(MAX_BOUNDS_PER_QUESTION, Math.ceil(expectedRows / rows) + 1)
    : 1;
  let {after} = range;
  for (;;) {
    const found =
      most === 1
        ? await nextBound(entity, {after, to: range.to}, rows, query)
        : await nextBounds(entity, {after, to: range.to}, {rows, most, ends}, query);
    yield* found;
    after = found.at(-1) ?? null;
    if (found.length < most) return;
  }
}

function isWalkedByIntegers({walk, key, keyPlaces, source}: EntityPlan): boolean {
  return walk.parts.every(part => {
    const schema = source.schemas[keyPlaces[part] ?? 0];
    return schema !== undefined && familyOf(schema) === 'integer' && key.columns[part]?.family === 'integer';
  });
}

/**
 * Finds many bounds in one round trip: the server remembers each in variables, from which the next statement
 * continues. Past the end these are null, so that the remaining statements read nothing.
 */
async function nextBounds(
  entity: EntityPlan,
  range: Range,
  {rows, most, ends}: {readonly rows: number; readonly most: number; readonly ends: Ends},
  query: Query,
): Promise<Bound[]> {
  const found = entity.walk.parts.map((_, i) => `@laas_sync_bound${i}`);
  const before = entity.walk.parts.map((_, i) => `@laas_sync_before${i}`);
  const move = [...found.map((name, i) => `${before[i]} = ${name}`), ...found.map(name => `${name} = NULL`)];
  const last = found.at(-1) ?? '';
  // The end of a negative number's chunk may be that of the next one, which ends a chunk as well.
  const toEnd = `SET ${last} = ${last} + (${CHUNK_IDS - 1} - MOD(${last}, ${CHUNK_IDS}))`;
  const statements: string[] = [];
  for (let i = 0; i < most; i++) {
    const beyond = i === 0 ? range : {...range, after: before};
    statements.push(
      `SET ${(i === 0 ? found.map(name => `${name} = NULL`) : move).join(', ')}`,
      `${boundary(entity, beyond, rows)} INTO ${found.join(', ')}`,
      ...(ends === 'at ends of chunks' ? [toEnd] : []),
      `SELECT ${found.join(', ')}`,
    );
  }
  // The answer to a statement without rows is not a list.
  const answers = (await query(statements.join(';'))).filter(answer => Array.isArray(answer));
  const bounds: Bound[] = [];
  for (const [row] of answers as unknown[][][]) {
    if (row === undefined || row.some(cell => cell === null)) break;
    bounds.push(row.map(String));
  }
  return bounds;
}

async function nextBound(entity: EntityPlan, range: Range, rows: number, query: Query): Promise<Bound[]> {
  const [row] = await query(boundary(entity, range, rows));
  if (row === undefined) return [];
  const cells = toRow(row);
  return [
    entity.walkKey.split(
      entity.walkKey.of(
        cells,
        cells.map((_, i) => i),
      ) ?? '',
    ),
  ];
}

/** Selects the key of the `rows`th row of a range; no row if the range has fewer. */
function boundary(entity: EntityPlan, range: Range, rows: number): string {
  const columns = walkOfSource(entity);
  const exact = exactSourceColumns(
    entity.source,
    entity.walk.parts.map(part => entity.keyPlaces[part] ?? 0),
  );
  const where = [rangeCondition(entity, columns, range), ...keyIsWhole(entity)].join(' AND ');
  // Read the index alone; both servers walk it without reading whole rows.
  return `SELECT ${exact.join(', ')} FROM ${sourceFrom(entity.source)} WHERE ${where} ORDER BY ${columns.join(', ')} LIMIT ${rows - 1}, 1`;
}

function isSame(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.every((part, i) => part === other[i]);
}

/** Whether chunks of ownership are formed by the last column of the walk. */
function isChunked({walk, key}: EntityPlan): boolean {
  return key.endsInInteger && walk.parts.at(-1) === key.columns.length - 1;
}

/** Moves a bound to the end of its chunk. */
function atChunkEnd(entity: EntityPlan, bound: Bound): Bound {
  return isChunked(entity) ? [...bound.slice(0, -1), chunkEnd(bound.at(-1) ?? '0')] : bound;
}
