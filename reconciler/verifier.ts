/**
 * Compares every row of both sides and writes nothing. A row that differs is compared again until it either
 * agrees or stays the same: rows in flight are not drift.
 */
import type {Query} from '../src/db/counted.ts';
import type {Config} from '../src/config.ts';
import {shownKey} from '../src/mapping/key-text.ts';
import {perTable, type PerTable} from '../src/mapping/plan.ts';
import {mapRow} from '../src/mapping/row.ts';
import {createSourceReader} from '../src/source/reader.ts';
import type {TableVerdict, Verdict} from '../src/status/operations.ts';
import {withBothSides, type BothSides} from './both-sides.ts';
import type {RangeComparison} from './checksum.ts';
import {comparePiece, type CompareDeps, type Difference} from './compare-piece.ts';
import {compareUntilStable} from './compare-until-stable.ts';
import {differingColumns} from './diff.ts';
import {compareDiffering, inOrder, type DifferingPiece} from './pieces.ts';

const SAMPLE_KEYS = 10;

type Tally = {
  -readonly [K in keyof Omit<TableVerdict, 'sampleKeys' | 'differingColumns'>]: TableVerdict[K];
} & {sampleKeys: string[]; differing: Map<string, number>};

/** @throws SyncError if a server fails: a verification is then not possible */
export function verifyTables(config: Config, signal: AbortSignal): Promise<Verdict> {
  return withBothSides(config, sides => new Verification(config, sides, signal).run());
}

class Verification {
  readonly #deps: CompareDeps;
  readonly #source: Query;
  readonly #batchRows: number;
  readonly #signal: AbortSignal;
  readonly #tables: PerTable<Tally>;

  constructor(config: Config, {plan, source, target}: BothSides, signal: AbortSignal) {
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
    const pieces = {
      source: this.#source,
      target: this.#deps.target,
      batchRows: this.#batchRows,
      signal: this.#signal,
      onEqual: (compared: readonly RangeComparison[]) => this.#countEqual(compared),
    };
    await compareDiffering(plan.entities, pieces, piece => this.#compare(piece));
    const isDrift = ({missing, different, extra}: Tally) => missing + different + extra > 0;
    return {
      equal: !this.#tables.some(isDrift),
      tables: Object.fromEntries(
        plan.tables.map(({target, index}) => [target, verdictOf(this.#tallyOf(index))]),
      ),
      durationMs: Date.now() - startedMs,
    };
  }

  #countEqual(compared: readonly RangeComparison[]): void {
    for (const {table, source} of compared) this.#tallyOf(table.index).compared += source.rows;
  }

  async #compare({entity, piece, complete}: DifferingPiece): Promise<void> {
    const compare = () => comparePiece(this.#deps, entity, piece);
    const {comparison, isDrift} = await compareUntilStable(compare, this.#signal);
    for (const {tally, table} of comparison.tallies) {
      const total = this.#tallyOf(table.index);
      if (complete !== 'the target') {
        total.compared += tally.compared;
        total.deadLetters += tally.deadLetters;
      }
      if (complete === 'the source') continue;
      total.foreign += tally.foreign;
      if (total.kept !== undefined) total.kept += tally.kept ?? 0;
    }
    for (const [id, difference] of comparison.differences) {
      const {table, key, kind} = difference;
      if (complete === (kind === 'extra' ? 'the source' : 'the target')) continue;
      const total = this.#tallyOf(table.index);
      if (kind !== 'extra') total.compared++;
      if (!isDrift(id)) continue;
      total[kind]++;
      countColumns(total.differing, difference);
      if (total.sampleKeys.length < SAMPLE_KEYS) total.sampleKeys.push(shownKey(key));
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
  const verdict = {...tally, sampleKeys: inOrder(tally.sampleKeys)};
  return differing.size === 0 ? verdict : {...verdict, differingColumns: Object.fromEntries(differing)};
}
