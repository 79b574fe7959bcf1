/**
 * Finds what starting with a mapping would do to the target, by reading both sides. It writes nothing, and does
 * not need the bookkeeping tables: without them no row is owned, and none would be deleted.
 */
import type {Query} from '../src/db/counted.ts';
import type {Config} from '../src/config.ts';
import {isLed} from '../src/db/leader.ts';
import type {TablePlan} from '../src/mapping/columns.ts';
import type {RowKey} from '../src/mapping/key.ts';
import {shownKey} from '../src/mapping/key-text.ts';
import {perTable, type PerTable} from '../src/mapping/plan.ts';
import {createSourceReader} from '../src/source/reader.ts';
import {withBothSides, type BothSides} from './both-sides.ts';
import {compareUntilStable} from './compare-until-stable.ts';
import {KeyConflicts, refusedBefore, type ConflictDeps} from './key-conflicts.ts';
import {compareDiffering, inOrder, type DifferingPiece} from './pieces.ts';
import {previewPiece, type PlannedChange, type PreviewDeps} from './preview-piece.ts';
import {ownedAmong} from './stored-ownership.ts';

const SAMPLE_KEYS = 10;

export interface TablePreview {
  readonly insert: number;
  readonly change: number;
  readonly delete: number;
  /** Eligible rows that cannot be written: they would become dead letters, or are such already. */
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
export function previewMapping(config: Config, signal: AbortSignal): Promise<Preview> {
  return withBothSides(config, async sides => {
    const {source, target} = sides;
    const reader = createSourceReader(source);
    const there = await bookkeeping(target, config);
    const owned = ownership(target, config, there);
    const keeps = config.deletes === 'keep';
    const deps: PreviewDeps = {
      reader,
      target,
      newestWins: config.conflicts === 'newest',
      keeps,
      owned,
      refused: refusals(target, config, there, {
        reader,
        target,
        deletable: (entity, keys) => (keeps ? Promise.resolve(new Set()) : owned(entity, keys)),
      }),
    };
    // While a daemon leads, a row that differs may only be in flight.
    const isMoving = await isLed(target, config.target.database, config.name);
    return new Previewing(config, sides, deps, {isMoving, signal}).run();
  });
}

/** Returns which of the bookkeeping tables exist. */
async function bookkeeping(target: Query, {target: {database}}: Config): Promise<ReadonlySet<string>> {
  const rows = await target(
    "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN ('sync_owned', 'sync_owned_key', 'sync_dead_letter')",
    [database],
  );
  return new Set(rows.map(([table]) => String(table).toLowerCase()));
}

function refusals(
  target: Query,
  {name}: Config,
  there: ReadonlySet<string>,
  deps: ConflictDeps,
): PreviewDeps['refused'] {
  const conflicts = new KeyConflicts(deps);
  const before = new Map<TablePlan, Promise<Set<RowKey>>>();
  return async (entity, table, {missing, different}) => {
    const known =
      before.get(table) ??
      (there.has('sync_dead_letter')
        ? refusedBefore(target, name, entity, table)
        : Promise.resolve(new Set<RowKey>()));
    before.set(table, known);
    const refused = await known;
    const fresh = missing.filter(key => !refused.has(key));
    const conflicting = await conflicts.among(entity, table, fresh);
    return new Set([...conflicting, ...[...missing, ...different].filter(key => refused.has(key))]);
  };
}

function ownership(target: Query, {name}: Config, there: ReadonlySet<string>): PreviewDeps['owned'] {
  return async (entity, keys) =>
    keys.length > 0 && there.has(entity.key.endsInInteger ? 'sync_owned' : 'sync_owned_key')
      ? ownedAmong(target, name, entity, keys)
      : new Set();
}

interface Tally {
  readonly counts: Record<PlannedChange['kind'], number>;
  readonly samples: Record<PlannedChange['kind'], string[]>;
  readonly columns: Map<string, number>;
}

class Previewing {
  readonly #sides: BothSides;
  readonly #deps: PreviewDeps;
  readonly #batchRows: number;
  readonly #isMoving: boolean;
  readonly #signal: AbortSignal;
  readonly #tallies: PerTable<Tally>;

  constructor(
    config: Config,
    sides: BothSides,
    deps: PreviewDeps,
    {isMoving, signal}: {isMoving: boolean; signal: AbortSignal},
  ) {
    this.#sides = sides;
    this.#deps = deps;
    this.#batchRows = config.reconcile.batchRows;
    this.#isMoving = isMoving;
    this.#signal = signal;
    this.#tallies = perTable(sides.plan, () => ({
      counts: {insert: 0, change: 0, delete: 0, setAside: 0},
      samples: {insert: [], change: [], delete: [], setAside: []},
      columns: new Map(),
    }));
  }

  async run(): Promise<Preview> {
    const startedMs = Date.now();
    const {plan, source, target} = this.#sides;
    const pieces = {source, target, batchRows: this.#batchRows, signal: this.#signal};
    await compareDiffering(plan.entities, pieces, piece => this.#compare(piece));
    return {
      nothingToDo: this.#tallies.every(({counts}) => counts.insert + counts.change + counts.delete === 0),
      tables: Object.fromEntries(
        plan.tables.map(({target, index}) => [target, previewOf(this.#tallyOf(index))]),
      ),
      durationMs: Date.now() - startedMs,
    };
  }

  async #compare({entity, piece, complete}: DifferingPiece): Promise<void> {
    const compare = async () => ({differences: await previewPiece(this.#deps, entity, piece)});
    const {comparison, isDrift} = await compareUntilStable(
      compare,
      this.#signal,
      this.#isMoving ? undefined : 1,
    );
    for (const [id, change] of comparison.differences) {
      if (complete === (change.kind === 'delete' ? 'the source' : 'the target')) continue;
      if (isDrift(id)) count(this.#tallyOf(change.table.index), change);
    }
  }

  #tallyOf(index: number): Tally {
    const tally = this.#tallies[index];
    if (tally === undefined) throw new RangeError(`a preview without the table ${index}`);
    return tally;
  }
}

function count({counts, samples, columns}: Tally, {kind, key, columns: differing}: PlannedChange): void {
  counts[kind]++;
  if (samples[kind].length < SAMPLE_KEYS) samples[kind].push(shownKey(key));
  for (const name of differing) columns.set(name, (columns.get(name) ?? 0) + 1);
}

function previewOf({counts, samples, columns}: Tally): TablePreview {
  const {insert, change, delete: deleted, setAside} = samples;
  return {
    ...counts,
    differingColumns: Object.fromEntries(columns),
    sampleKeys: {
      insert: inOrder(insert),
      change: inOrder(change),
      delete: inOrder(deleted),
      setAside: inOrder(setAside),
    },
  };
}
