/**
 * Compares every row of both sides and writes nothing. What differs is looked at again until it either
 * agrees or stands still: rows in flight are no drift.
 */
import {perTable, type PerTable} from '../src/apply/change-set.ts';
import type {Config} from '../src/config.ts';
import {connect, queryRows} from '../src/db/connection.ts';
import {readSourceSchema, readTargetSchema} from '../src/db/schema.ts';
import {throwIfStopped} from '../src/errors.ts';
import {pause} from '../src/lifecycle/backoff.ts';
import {buildPlan, type Plan} from '../src/mapping/plan.ts';
import {TARGET_TABLES} from '../src/mapping/tables.ts';
import {connectionQuery, createSourceReader, type QueryPort} from '../src/source/reader.ts';
import type {TableVerdict, Verdict} from '../src/status/operations.ts';
import {compareRange} from './checksum.ts';
import {look, type LookDeps} from './look.ts';
import {batches, segments, type Range, type Scope} from './segments.ts';
import {Stretches} from './stretches.ts';
import {Suspects} from './suspects.ts';

const SAMPLE_KEYS = 10;
const LOOK_MS = 700;
const MAX_LOOKS = 20;

type Tally = {
  -readonly [K in keyof Omit<TableVerdict, 'sampleKeys'>]: TableVerdict[K];
} & {sampleKeys: string[]};

/** @throws SyncError where a server fails: then nothing can be told */
export async function verifyTables(config: Config, signal: AbortSignal): Promise<Verdict> {
  const source = await connect('source', config.source);
  try {
    const target = await connect('target', config.target);
    try {
      const plan = buildPlan(
        await readSourceSchema(source, config.source.database),
        await readTargetSchema(target, config.target.database, 'from its schema'),
      );
      return await new Verification(
        config,
        plan,
        connectionQuery(source),
        sql => queryRows('target', target, sql),
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
  readonly #deps: LookDeps;
  readonly #source: QueryPort;
  readonly #batchRows: number;
  readonly #signal: AbortSignal;
  readonly #tables: PerTable<Tally>;

  constructor(config: Config, plan: Plan, source: QueryPort, target: QueryPort, signal: AbortSignal) {
    this.#deps = {
      plan,
      reader: createSourceReader(plan, source),
      target,
      stream: config.name,
      newestWins: config.conflicts === 'newest',
      keeps: config.deletes === 'keep',
    };
    this.#tables = perTable(() => ({
      compared: 0,
      missing: 0,
      different: 0,
      extra: 0,
      deadLetters: 0,
      foreign: 0,
      ...(this.#deps.keeps ? {kept: 0} : {}),
      sampleKeys: [],
    }));
    this.#source = source;
    this.#batchRows = config.reconcile.batchRows;
    this.#signal = signal;
  }

  async run(): Promise<Verdict> {
    const startedMs = Date.now();
    const {plan} = this.#deps;
    const source = this.#source;
    for (const scope of ['institutes', 'users'] as const) {
      const stretches = new Stretches(Infinity);
      for (const stretch of stretches.of(await segments(plan, scope, source)))
        for await (const segment of stretches.differing(stretch, range => this.#isEqual(scope, range)))
          for await (const batch of batches(plan, scope, segment, this.#batchRows, source))
            await this.#compareRows(scope, batch);
    }
    const isDrift = ({missing, different, extra}: Tally) => missing + different + extra > 0;
    return {
      equal: !TARGET_TABLES.some(table => isDrift(this.#tables[table])),
      tables: this.#tables,
      durationMs: Date.now() - startedMs,
    };
  }

  /** By checksums. */
  async #isEqual(scope: Scope, range: Range): Promise<boolean> {
    throwIfStopped(this.#signal);
    const {plan, target} = this.#deps;
    const compared = await compareRange(plan, scope, range, {source: this.#source, target});
    if (!compared.every(({equal}) => equal)) return false;
    for (const {table, source} of compared) this.#tables[table].compared += source.rows;
    return true;
  }

  /** Looks until it is clear of each row that differs whether it is in flight. */
  async #compareRows(scope: Scope, range: Range): Promise<void> {
    let sight = await look(this.#deps, scope, range);
    const suspects = new Suspects(sight.differences);
    for (let looks = 1; looks < MAX_LOOKS && !suspects.areSettled; looks++) {
      throwIfStopped(this.#signal);
      await pause(LOOK_MS, this.#signal);
      sight = await look(this.#deps, scope, range);
      suspects.look(sight.differences);
    }
    for (const {tally, table} of sight.tallies) {
      const total = this.#tables[table];
      total.compared += tally.compared;
      total.deadLetters += tally.deadLetters;
      total.foreign += tally.foreign;
      if (total.kept !== undefined) total.kept += tally.kept ?? 0;
    }
    for (const [id, {table, key, kind}] of sight.differences) {
      const total = this.#tables[table];
      if (kind !== 'extra') total.compared++;
      if (!suspects.isDrift(id)) continue;
      total[kind]++;
      if (total.sampleKeys.length < SAMPLE_KEYS) total.sampleKeys.push(key);
    }
  }
}
