/**
 * Compares every row of both sides and writes nothing. A row that differs is compared again until it either
 * agrees or stays the same: rows in flight are not drift.
 */
import type {Query} from '../src/db/counted.ts';
import type {Config} from '../src/config.ts';
import {connect, queryRows} from '../src/db/connection.ts';
import {readSourceSchema, readTargetSchema} from '../src/db/schema.ts';
import {throwIfStopped} from '../src/errors.ts';
import {pause} from '../src/lifecycle/backoff.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import {settled} from '../src/lifecycle/settled.ts';
import {buildPlan, perTable, type PerTable, type Plan} from '../src/mapping/plan.ts';
import {mapRow} from '../src/mapping/row.ts';
import type {Range} from '../src/mapping/sql/ranges.ts';
import {connectionQuery, createSourceReader} from '../src/source/reader.ts';
import type {TableVerdict, Verdict} from '../src/status/operations.ts';
import {compareRange} from './checksum.ts';
import {differingColumns} from './diff.ts';
import {comparePiece, type Difference, type CompareDeps, type Piece} from './compare-piece.ts';
import {batches, segments} from './segments.ts';
import {Stretches} from './stretches.ts';
import {Suspects} from './suspects.ts';
import {targetKeyPages} from './target-rows.ts';

const SAMPLE_KEYS = 10;
const LOOK_MS = 700;
const MAX_LOOKS = 20;

type Tally = {
  -readonly [K in keyof Omit<TableVerdict, 'sampleKeys' | 'differingColumns'>]: TableVerdict[K];
} & {sampleKeys: string[]; differing: Map<string, number>};

/** @throws SyncError if a server fails: a verification is then not possible */
export async function verifyTables(config: Config, signal: AbortSignal): Promise<Verdict> {
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
      return await new Verification(
        config,
        plan,
        connectionQuery(source),
        (sql, values) => queryRows('target', target, sql, values),
        signal,
      ).run();
    } finally {
      target.destroy();
    }
  } finally {
    source.destroy();
  }
}

class Verification {
  readonly #deps: CompareDeps;
  readonly #source: Query;
  readonly #batchRows: number;
  readonly #signal: AbortSignal;
  readonly #tables: PerTable<Tally>;

  constructor(config: Config, plan: Plan, source: Query, target: Query, signal: AbortSignal) {
    const keeps = config.deletes === 'keep';
    this.#deps = {
      plan,
      reader: createSourceReader(source),
      target,
      stream: config.name,
      newestWins: config.conflicts === 'newest',
      keeps,
    };
    this.#tables = perTable(plan, () => ({
      compared: 0,
      missing: 0,
      different: 0,
      extra: 0,
      deadLetters: 0,
      foreign: 0,
      ...(keeps ? {kept: 0} : {}),
      sampleKeys: [],
      differing: new Map(),
    }));
    this.#source = source;
    this.#batchRows = config.reconcile.batchRows;
    this.#signal = signal;
  }

  async run(): Promise<Verdict> {
    const startedMs = Date.now();
    const {plan} = this.#deps;
    for (const entity of plan.entities) await this.#verify(entity);
    const isDrift = ({missing, different, extra}: Tally) => missing + different + extra > 0;
    return {
      equal: !this.#tables.some(isDrift),
      tables: Object.fromEntries(
        plan.tables.map(({target, index}) => [target, verdictOf(this.#tallyOf(index))]),
      ),
      durationMs: Date.now() - startedMs,
    };
  }

  async #verify(entity: EntityPlan): Promise<void> {
    const source = this.#source;
    const {isOrderedAlike} = entity.walk;
    const stretches = new Stretches(isOrderedAlike ? Infinity : 1);
    const isEqual = async (range: Range) => isOrderedAlike && (await this.#isEqual(entity, range));
    for (const stretch of stretches.of(await segments(entity, source)))
      for await (const segment of stretches.differing(stretch, isEqual))
        for await (const range of batches(entity, segment, this.#batchRows, source))
          await this.#compareRows(entity, {range}, isOrderedAlike ? 'both sides' : 'the source');
    if (isOrderedAlike) return;
    for await (const keys of targetKeyPages(this.#deps.target, entity, this.#batchRows))
      await this.#compareRows(entity, {keys}, 'the target');
  }

  /** Compares by checksums. */
  async #isEqual(entity: EntityPlan, range: Range): Promise<boolean> {
    throwIfStopped(this.#signal);
    const compared = await compareRange(entity, range, {source: this.#source, target: this.#deps.target});
    if (!compared.every(({equal}) => equal)) return false;
    for (const {table, source} of compared) this.#tallyOf(table.index).compared += source.rows;
    return true;
  }

  /**
   * Compares until it is certain of each row that differs whether it is in flight.
   *
   * @param counted the entities of which the piece holds all rows: rows that only the other side has are counted
   *   elsewhere
   */
  async #compareRows(
    entity: EntityPlan,
    piece: Piece,
    counted: 'both sides' | 'the source' | 'the target',
  ): Promise<void> {
    let comparison = await comparePiece(this.#deps, entity, piece);
    const suspects = new Suspects(comparison.differences);
    for (let looks = 1; looks < MAX_LOOKS && !suspects.areSettled; looks++) {
      throwIfStopped(this.#signal);
      await pause(LOOK_MS, this.#signal);
      comparison = await comparePiece(this.#deps, entity, piece);
      suspects.compare(comparison.differences);
    }
    for (const {tally, table} of comparison.tallies) {
      const total = this.#tallyOf(table.index);
      if (counted !== 'the target') {
        total.compared += tally.compared;
        total.deadLetters += tally.deadLetters;
      }
      if (counted === 'the source') continue;
      total.foreign += tally.foreign;
      if (total.kept !== undefined) total.kept += tally.kept ?? 0;
    }
    for (const [id, difference] of comparison.differences) {
      const {table, key, kind} = difference;
      if (counted === (kind === 'extra' ? 'the source' : 'the target')) continue;
      const total = this.#tallyOf(table.index);
      if (kind !== 'extra') total.compared++;
      if (!suspects.isDrift(id)) continue;
      total[kind]++;
      countColumns(total.differing, difference);
      if (total.sampleKeys.length < SAMPLE_KEYS) total.sampleKeys.push(key);
    }
  }

  #tallyOf(index: number): Tally {
    const tally = this.#tables[index];
    if (tally === undefined) throw new RangeError(`a verification without the table ${index}`);
    return tally;
  }
}

function countColumns(counts: Map<string, number>, {table, sourceRow, targetRow}: Difference): void {
  if (sourceRow === null || targetRow === null) return;
  for (const name of differingColumns(table, mapRow(table, sourceRow), targetRow))
    counts.set(name, (counts.get(name) ?? 0) + 1);
}

function verdictOf({differing, ...tally}: Tally): TableVerdict {
  return differing.size === 0 ? tally : {...tally, differingColumns: Object.fromEntries(differing)};
}
