/**
 * Finds what starting with a mapping would do to the target, by reading both sides. It writes nothing, and does
 * not need the bookkeeping tables: without them no row is owned, and none would be deleted.
 */
import type {Query} from '../src/db/counted.ts';
import type {Config} from '../src/config.ts';
import {connect, queryRows, type Connection} from '../src/db/connection.ts';
import {isLed} from '../src/db/leader.ts';
import {readSourceSchema, readTargetSchema} from '../src/db/schema.ts';
import {throwIfStopped} from '../src/errors.ts';
import {pause} from '../src/lifecycle/backoff.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import {settled} from '../src/lifecycle/settled.ts';
import {buildPlan, perTable, type PerTable, type Plan} from '../src/mapping/plan.ts';
import type {Range} from '../src/mapping/sql/ranges.ts';
import {connectionQuery, createSourceReader} from '../src/source/reader.ts';
import {compareRange} from './checksum.ts';
import type {Piece} from './compare-piece.ts';
import {previewPiece, type PlannedChange, type PreviewDeps} from './preview-piece.ts';
import {batches, segments} from './segments.ts';
import {ownedAmong} from './stored-ownership.ts';
import {Stretches} from './stretches.ts';
import {Suspects} from './suspects.ts';
import {targetKeyPages} from './target-rows.ts';

const SAMPLE_KEYS = 10;
const LOOK_MS = 700;
const MAX_LOOKS = 20;

export interface TablePreview {
  readonly insert: number;
  readonly change: number;
  readonly delete: number;
  /** Eligible rows that cannot be written and would become dead letters. */
  readonly setAside: number;
  /** The number of changed rows in which each column differs. */
  readonly differingColumns: Readonly<Record<string, number>>;
  /** A few keys of each kind, without values. */
  readonly sampleKeys: Readonly<Record<PlannedChange['kind'], readonly string[]>>;
}

export interface Preview {
  /** Nothing is to be inserted, changed or deleted. */
  readonly nothingToDo: boolean;
  readonly tables: Readonly<Record<string, TablePreview>>;
  readonly durationMs: number;
}

/** @throws SyncError if a server fails or a schema does not fit the mapping: the preview is then not possible */
export async function previewMapping(config: Config, signal: AbortSignal): Promise<Preview> {
  const source = await connect('source', config.source);
  try {
    const target = await connect('target', config.target);
    try {
      const {mapping} = config;
      const [ofSource, ofTarget] = await settled([
        readSourceSchema(source, config.source.database, mapping),
        readTargetSchema(target, config.target.database, mapping, 'from its schema'),
      ]);
      const plan = buildPlan(mapping, ofSource, ofTarget);
      const query: Query = (sql, values) => queryRows('target', target, sql, values);
      const deps: PreviewDeps = {
        reader: createSourceReader(connectionQuery(source)),
        target: query,
        newestWins: config.conflicts === 'newest',
        keeps: config.deletes === 'keep',
        owned: await ownership(target, config, query),
      };
      const isMoving = await hasLeader(target, config);
      return await new Previewing(config, plan, connectionQuery(source), deps, {isMoving, signal}).run();
    } finally {
      target.destroy();
    }
  } finally {
    source.destroy();
  }
}

async function ownership(
  target: Connection,
  {target: {database}, name}: Config,
  query: Query,
): Promise<PreviewDeps['owned']> {
  const rows = await queryRows(
    'target',
    target,
    "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN ('sync_owned', 'sync_owned_key')",
    [database],
  );
  const there = new Set(rows.map(([table]) => String(table).toLowerCase()));
  return async (entity, keys) =>
    keys.length > 0 && there.has(entity.key.endsInInteger ? 'sync_owned' : 'sync_owned_key')
      ? ownedAmong(query, name, entity, keys)
      : new Set();
}

/** While a daemon leads, a row that differs may only be in flight. */
function hasLeader(target: Connection, {target: {database}, name}: Config): Promise<boolean> {
  return isLed((sql, values) => queryRows('target', target, sql, values), database, name);
}

interface Tally {
  readonly counts: Record<PlannedChange['kind'], number>;
  readonly samples: Record<PlannedChange['kind'], string[]>;
  readonly columns: Map<string, number>;
}

class Previewing {
  readonly #plan: Plan;
  readonly #source: Query;
  readonly #deps: PreviewDeps;
  readonly #batchRows: number;
  readonly #isMoving: boolean;
  readonly #signal: AbortSignal;
  readonly #tallies: PerTable<Tally>;

  constructor(
    config: Config,
    plan: Plan,
    source: Query,
    deps: PreviewDeps,
    {isMoving, signal}: {isMoving: boolean; signal: AbortSignal},
  ) {
    this.#plan = plan;
    this.#source = source;
    this.#deps = deps;
    this.#batchRows = config.reconcile.batchRows;
    this.#isMoving = isMoving;
    this.#signal = signal;
    this.#tallies = perTable(plan, () => ({
      counts: {insert: 0, change: 0, delete: 0, setAside: 0},
      samples: {insert: [], change: [], delete: [], setAside: []},
      columns: new Map(),
    }));
  }

  async run(): Promise<Preview> {
    const startedMs = Date.now();
    for (const entity of this.#plan.entities) await this.#preview(entity);
    return {
      nothingToDo: this.#tallies.every(({counts}) => counts.insert + counts.change + counts.delete === 0),
      tables: Object.fromEntries(
        this.#plan.tables.map(({target, index}) => [target, previewOf(this.#tallyOf(index))]),
      ),
      durationMs: Date.now() - startedMs,
    };
  }

  async #preview(entity: EntityPlan): Promise<void> {
    const source = this.#source;
    const {isOrderedAlike} = entity.walk;
    const stretches = new Stretches(isOrderedAlike ? Infinity : 1);
    const isEqual = async (range: Range) => isOrderedAlike && (await this.#isEqual(entity, range));
    for (const stretch of stretches.of(await segments(entity, source)))
      for await (const segment of stretches.differing(stretch, isEqual))
        for await (const range of batches(entity, segment, this.#batchRows, source))
          await this.#compare(entity, {range}, () => true);
    if (isOrderedAlike) return;
    // The two sides order their keys differently, so the rows that only the target has are found by the target's
    // own pages.
    for await (const keys of targetKeyPages(this.#deps.target, entity, this.#batchRows))
      await this.#compare(entity, {keys}, ({kind}) => kind === 'delete');
  }

  async #isEqual(entity: EntityPlan, range: Range): Promise<boolean> {
    throwIfStopped(this.#signal);
    const compared = await compareRange(entity, range, {source: this.#source, target: this.#deps.target});
    return compared.every(({equal}) => equal);
  }

  /** Compares until each row that differs is stable, if a daemon writes meanwhile. */
  async #compare(
    entity: EntityPlan,
    piece: Piece,
    counts: (change: PlannedChange) => boolean,
  ): Promise<void> {
    throwIfStopped(this.#signal);
    let changes = await previewPiece(this.#deps, entity, piece);
    const suspects = new Suspects(changes);
    for (let looks = 1; this.#isMoving && looks < MAX_LOOKS && !suspects.areSettled; looks++) {
      throwIfStopped(this.#signal);
      await pause(LOOK_MS, this.#signal);
      changes = await previewPiece(this.#deps, entity, piece);
      suspects.compare(changes);
    }
    for (const [id, change] of changes)
      if (counts(change) && suspects.isDrift(id)) count(this.#tallyOf(change.table.index), change);
  }

  #tallyOf(index: number): Tally {
    const tally = this.#tallies[index];
    if (tally === undefined) throw new RangeError(`a preview without the table ${index}`);
    return tally;
  }
}

function count({counts, samples, columns}: Tally, {kind, key, columns: differing}: PlannedChange): void {
  counts[kind]++;
  if (samples[kind].length < SAMPLE_KEYS) samples[kind].push(key);
  for (const name of differing) columns.set(name, (columns.get(name) ?? 0) + 1);
}

function previewOf({counts, samples, columns}: Tally): TablePreview {
  return {...counts, differingColumns: Object.fromEntries(columns), sampleKeys: samples};
}
